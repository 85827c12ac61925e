"""Each fault of the soak's proxy does what it says, to a TLS connection that begins like a link's."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from soak.proxy import HOST, Gate, Proxy

LINK = "0123456789abcdef0123456789abcdef"
SECONDS = 10.0


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the server and of its clients."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "soak")])
    today = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, today, today + datetime.timedelta(1))
    certificate = made.sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(secret + certificate.public_bytes(encoding))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    server.set_alpn_protocols(["coterie-link/1"])
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(folder / "both.pem")
    client.check_hostname = False
    client.set_alpn_protocols(["coterie-link/1"])
    return server, client


Dial = Callable[[], ssl.SSLSocket]


@pytest.fixture(scope="module")
def dialled(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[tuple[Proxy, Gate, Dial]]:
    """A gate to a server that sends back what it gets."""
    server, client = contexts
    stopped = threading.Event()

    def echo(raw: socket.socket) -> None:
        with contextlib.suppress(OSError), server.wrap_socket(raw, server_side=True) as one:
            while data := one.recv(2**16):
                one.sendall(data)

    def accept(listener: socket.socket) -> None:
        while not stopped.is_set():
            raw, _ = listener.accept()
            threading.Thread(target=echo, args=(raw,), daemon=True).start()

    def dial() -> ssl.SSLSocket:
        raw = socket.create_connection((HOST, gate.port), timeout=SECONDS)
        one = client.wrap_socket(raw, server_hostname=f"{LINK}.alpha")
        assert exchange(one, b"hello") == b"hello"
        return one

    with socket.create_server((HOST, 0)) as listener, Proxy() as proxy:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        gate = proxy.gate("beta", listener.getsockname()[1])
        yield proxy, gate, dial
        stopped.set()
        socket.create_connection(listener.getsockname()).close()


def exchange(one: ssl.SSLSocket, data: bytes) -> bytes:
    one.sendall(data)
    found = b""
    while len(found) < len(data):
        part = one.recv(2**16)
        if not part:
            raise ConnectionError("it has ended")
        found += part
    return found


def settled(proxy: Proxy) -> None:
    """Wait until no connection of an earlier test is left."""
    deadline = time.monotonic() + SECONDS
    while proxy.links("beta"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_not_hurt_goes_through_and_is_known_by_its_link(dialled: tuple[Proxy, Gate, Dial]) -> None:
    proxy, gate, dial = dialled
    settled(proxy)
    assert proxy.hurt("beta", "cut", 1.0, 0.5) is None, "there is nothing to hurt"
    with dial() as one:
        assert proxy.links("beta") == [LINK]
        content = bytes(range(256)) * 4096
        sender = threading.Thread(target=one.sendall, args=(content,))
        sender.start()
        found = b""
        while len(found) < len(content):
            found += one.recv(2**16)
        sender.join()
        assert found == content
        assert gate.carried > 2 * len(content)


def test_a_cut_ends_connections_and_keeps_others_out_for_a_while(dialled: tuple[Proxy, Gate, Dial]) -> None:
    proxy, _, dial = dialled
    settled(proxy)
    with dial() as one:
        before = time.monotonic()
        assert proxy.hurt("beta", "cut", 0.3, 0.5) == (LINK,)
        with pytest.raises(OSError):  # noqa: PT011 - an end in whatever way
            exchange(one, b"more")
        while True:
            try:
                dial().close()
                break
            except OSError:
                assert time.monotonic() < before + SECONDS
        assert time.monotonic() - before >= 0.3


@pytest.mark.parametrize("fault", ["stall", "delay"])
def test_what_waits_arrives_later_and_whole(dialled: tuple[Proxy, Gate, Dial], fault: str) -> None:
    proxy, _, dial = dialled
    settled(proxy)
    with dial() as one:
        before = time.monotonic()
        assert proxy.hurt("beta", fault, 0.4, 0.5) == (LINK,)  # type: ignore[arg-type]
        assert exchange(one, b"later") == b"later"
        # A delay is a tenth of its time, for each way.
        assert time.monotonic() - before >= (0.4 if fault == "stall" else 0.08)
        proxy.heal()
        assert exchange(one, b"again") == b"again"


@pytest.mark.parametrize("fault", ["duplicate", "reset"])
def test_tls_refuses_what_is_damaged_and_a_new_connection_works(
    dialled: tuple[Proxy, Gate, Dial], fault: str
) -> None:
    proxy, _, dial = dialled
    settled(proxy)
    with dial() as one:
        hit: list[object] = []
        hurt = threading.Thread(
            target=lambda: hit.append(proxy.hurt("beta", fault, 0.0, 0.5, SECONDS))  # type: ignore[arg-type]
        )
        hurt.start()
        deadline = time.monotonic() + SECONDS
        with pytest.raises(OSError):  # noqa: PT011, PT012 - it meets one of many
            while time.monotonic() < deadline:
                exchange(one, b"x" * 1000)
        hurt.join()
        assert hit == [(LINK,)]
    dial().close()


def test_a_reset_comes_in_the_middle_of_what_is_sent(dialled: tuple[Proxy, Gate, Dial]) -> None:
    proxy, _, _ = dialled
    with socket.create_server((HOST, 0)) as listener:
        gate = proxy.gate("bare", listener.getsockname()[1])
        with (
            socket.create_connection((HOST, gate.port), timeout=SECONDS) as one,
            listener.accept()[0] as other,
        ):
            other.settimeout(SECONDS)
            one.sendall(b"coterie-link/1 " + LINK.encode())
            assert other.recv(100).endswith(LINK.encode())
            hit: list[object] = []
            hurt = threading.Thread(target=lambda: hit.append(proxy.hurt("bare", "reset", 0, 0, SECONDS)))
            hurt.start()
            while hurt.is_alive():
                with contextlib.suppress(OSError):
                    one.sendall(b"x" * 100)
                time.sleep(0.02)
            assert hit == [(LINK,)]
            for end in (one, other):
                with pytest.raises(ConnectionResetError):  # noqa: PT012 - what came before may be read
                    while end.recv(2**16):
                        pass


def test_a_fault_that_no_byte_meets_is_not_counted(dialled: tuple[Proxy, Gate, Dial]) -> None:
    proxy, _, dial = dialled
    settled(proxy)
    with dial() as one:
        assert proxy.hurt("beta", "reset", 0.0, 0.5, wait=0.05) is None
        assert exchange(one, b"still there") == b"still there"
