"""Who may connect: pinned keys, TLS 1.3, and a code for the refusal in the view of both sides."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.wire import LinkMesh, PeerAddress
from coterie.wire.tls import client_context, server_context
from tests.wire.network import Network
from tests.wire.rawpeer import tls_client


def _refusal(mesh: LinkMesh) -> CoterieError:
    deadline = time.monotonic() + 5
    while not mesh.refused:
        assert time.monotonic() < deadline, "nothing was refused"
        time.sleep(0.01)
    return mesh.refused[-1]


def test_an_unknown_key_is_refused_and_both_sides_know(
    network: Network, identities: dict[str, Identity]
) -> None:
    mallory = identities["mallory"]
    zeta = LinkMesh(identities["gamma"], network.job, {"beta": network.address("beta")})
    network.meshes["gamma"] = zeta
    # Sorts after gamma, but says that it cannot be reached, so that it dials.
    intruder = LinkMesh(mallory, network.job, {"gamma": network.address("gamma")}, listens=False)
    with pytest.raises(CoterieError) as caught:
        intruder.to("gamma").recv_bytes("x", 1)
    assert (caught.value.code, caught.value.party) == ("CT-1221", "gamma")
    assert _refusal(zeta).code == "CT-1220"
    assert zeta.error is None  # a stranger does not harm the job


def test_a_peer_with_another_key_than_the_pinned_is_refused(
    network: Network, identities: dict[str, Identity]
) -> None:
    beta = LinkMesh(identities["beta"], network.job, {"alpha": network.address("alpha")})
    network.meshes["beta"] = beta
    pinned = PeerAddress(identities["mallory"].public, "127.0.0.1", network.doors["beta"].port)
    alpha = LinkMesh(identities["alpha"], network.job, {"mallory": pinned})
    with pytest.raises(CoterieError) as caught:
        alpha.to("mallory").recv_bytes("x", 1)
    assert (caught.value.code, caught.value.party) == ("CT-1220", "mallory")
    assert _refusal(beta).code == "CT-1221"
    alpha.die(caught.value)


def test_a_caller_without_certificate_is_refused(network: Network, identities: dict[str, Identity]) -> None:
    (beta, _) = network.join("beta", "gamma")
    caller = tls_client(None, network.doors["beta"].port, f"{network.job}.beta.coterie", "coterie-link/1")
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        caller.recv(8)
    caller.close()
    assert _refusal(beta).code == "CT-1222"


def test_tls_1_2_is_refused_by_the_accepting_side(network: Network, identities: dict[str, Identity]) -> None:
    (beta, _) = network.join("beta", "gamma")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        tls_client(
            identities["gamma"],
            network.doors["beta"].port,
            f"{network.job}.beta.coterie",
            "coterie-link/1",
            maximum_version=ssl.TLSVersion.TLSv1_2,
        )
    assert _refusal(beta).code == "CT-1222"


def test_a_dialling_node_offers_tls_1_3_and_its_suites_alone(identities: dict[str, Identity]) -> None:
    """RFC 8446: cipher_suites in 4.1.2, supported_versions in 4.2.1. 0x00ff is no suite (RFC 5746, 3.3)."""
    context = client_context(identities["alpha"], identities["beta"].public, "coterie-link/1")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="beta.coterie").do_handshake()
    hello = outgoing.read()[5 + 4 + 2 + 32 :]  # after record, handshake, version and random
    hello = hello[1 + hello[0] :]  # after the session
    (size,) = struct.unpack_from(">H", hello)
    suites = set(struct.unpack_from(f">{size // 2}H", hello, 2)) - {0x00FF}
    assert suites
    assert suites <= {0x1301, 0x1302, 0x1303}
    rest = hello[2 + size :]
    extensions = rest[1 + rest[0] + 2 :]
    versions = None
    while extensions:
        kind, length = struct.unpack_from(">HH", extensions)
        if kind == 43:
            versions = extensions[4 : 4 + length]
        extensions = extensions[4 + length :]
    assert versions == b"\x02\x03\x04"  # two bytes: TLS 1.3


def _expired(identity: Identity, home: Path) -> Identity:
    """The same key and name, in a certificate whose time is over. No node makes such a one."""
    old = x509.load_der_x509_certificate(identity.public.certificate_der)
    key = load_pem_private_key(Path(identity.key_path).read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), 1)
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2021, 1, 1, tzinfo=UTC))
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    shutil.copytree(Path(identity.key_path).parents[1], home)
    (home / "identity" / "cert.pem").write_bytes(builder.sign(key, None).public_bytes(Encoding.PEM))
    return Identity.load(home)


def test_a_pinned_certificate_whose_time_is_over_is_refused(
    network: Network, identities: dict[str, Identity], tmp_path: Path
) -> None:
    """Either way: parties' own certificates have open dates, so one that ends was made by another hand."""
    old = _expired(identities["gamma"], tmp_path / "gamma")
    pinned = PeerAddress(old.public, "127.0.0.1", None)
    beta = LinkMesh(identities["beta"], network.job, {"gamma": pinned})
    network.meshes["beta"] = beta
    gamma = LinkMesh(old, network.job, {"beta": network.address("beta")}, listens=False)
    with pytest.raises(CoterieError) as caught:
        gamma.to("beta").recv_bytes("x", 1)
    assert (caught.value.code, caught.value.party) == ("CT-1221", "beta")
    assert _refusal(beta).code == "CT-1220"
    assert "expired" in str(_refusal(beta))

    listener, port = _serve(server_context(old, [identities["alpha"].public], "coterie-link/1"))
    dialled = PeerAddress(old.public, "127.0.0.1", port)
    alpha = LinkMesh(identities["alpha"], network.job, {"gamma": dialled})
    with pytest.raises(CoterieError, match="expired") as caught:
        alpha.to("gamma").recv_bytes("x", 1)
    assert (caught.value.code, caught.value.party) == ("CT-1220", "gamma")
    listener.close()
    for mesh in (gamma, alpha):
        mesh.die(caught.value)


def _serve(context: ssl.SSLContext, greeting: bytes = b"") -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(raw, server_side=True) as tls:
                    tls.sendall(greeting)
                    tls.recv(1000)
            except OSError:
                raw.close()

    threading.Thread(target=run, daemon=True).start()
    return listener, listener.getsockname()[1]


@pytest.mark.parametrize(
    ("case", "code"), [("tls-1.2", "CT-1222"), ("alpn", "CT-1222"), ("version", "CT-1217")]
)
def test_a_server_of_another_kind_is_named(
    case: str, code: str, network: Network, identities: dict[str, Identity]
) -> None:
    protocol = "http/1.1" if case == "alpn" else "coterie-link/1"
    context = server_context(identities["beta"], [identities["alpha"].public], protocol)
    if case == "tls-1.2":
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    listener, port = _serve(context, b"coterie\x02")
    alpha = LinkMesh(identities["alpha"], network.job, {"beta": network.address("beta", port)})
    with pytest.raises(CoterieError) as caught:
        alpha.to("beta").recv_bytes("x", 1)
    assert (caught.value.code, caught.value.party) == (code, "beta")
    listener.close()


def test_a_false_peer_in_between_does_not_end_a_job_that_runs(
    network: Network, identities: dict[str, Identity]
) -> None:
    proxy = network.proxy("beta")
    alpha, beta = network.join("alpha", "beta", ports={"beta": proxy.port})
    alpha.to("beta").send_bytes("one", b"1")
    assert beta.to("alpha").recv_bytes("one", 1) == b"1"
    listener, port = _serve(
        server_context(identities["mallory"], [identities["alpha"].public], "coterie-link/1")
    )
    honest, proxy.target = proxy.target, port
    proxy.cut_now()
    deadline = time.monotonic() + 5
    while "CT-1220" not in alpha.states()["beta"]:
        assert time.monotonic() < deadline, alpha.states()
        time.sleep(0.01)
    proxy.target = honest
    listener.close()
    alpha.to("beta").send_bytes("two", b"2")
    assert beta.to("alpha").recv_bytes("two", 1) == b"2"


def test_strangers_who_never_finish_their_handshake_do_not_keep_a_peer_out(
    network: Network, identities: dict[str, Identity]
) -> None:
    beta = LinkMesh(identities["beta"], network.job, {"alpha": network.address("alpha")})
    network.meshes["beta"] = beta
    idle = [socket.create_connection(("127.0.0.1", network.doors["beta"].port)) for _ in range(40)]
    time.sleep(0.2)  # all of them are waiting for
    started = time.monotonic()
    alpha = LinkMesh(identities["alpha"], network.job, {"beta": network.address("beta")})
    network.meshes["alpha"] = alpha
    alpha.to("beta").send_bytes("x", b"1")
    assert beta.to("alpha").recv_bytes("x", 1) == b"1"
    assert time.monotonic() - started < 5
    for raw in idle:
        raw.close()
