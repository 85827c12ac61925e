"""The open port speaks TLS 1.3 and nothing older, to whoever calls and for whatever is behind it."""

from __future__ import annotations

import socket
import ssl
import warnings

import pytest

from coterie.crypto import Identity
from coterie.wire.tls import ENROL_PROTOCOL, LINK_PROTOCOL, PEER_PROTOCOL
from tests.node.conftest import Trio

BEHIND = {"api": "http/1.1", "link": LINK_PROTOCOL, "peer": PEER_PROTOCOL, "enrol": ENROL_PROTOCOL}
TLS_1_3_SUITES = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384"} | {
    0x1303: "TLS_CHACHA20_POLY1305_SHA256"
}


def caller(protocol: str, newest: ssl.TLSVersion, identity: Identity | None = None) -> ssl.SSLContext:
    """A client that would agree to anything from TLS 1.0 to ``newest``, and to any suite that OpenSSL has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols([protocol])
    if identity is not None:
        context.load_cert_chain(identity.certificate_path, identity.key_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions, which it is about
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
    return context


def call(trio: Trio, context: ssl.SSLContext) -> ssl.SSLSocket:
    host, port = trio.lender.address.split(":")
    raw = socket.create_connection((host, int(port)), 10)
    return context.wrap_socket(raw, server_hostname=f"{'0' * 32}.lender.coterie")


@pytest.mark.parametrize("behind", sorted(BEHIND))
def test_only_tls_1_3_with_its_own_suites(trio: Trio, behind: str) -> None:
    protocol, identity = BEHIND[behind], Identity.load(trio.payments.home)
    for newest in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2):
        # The node's doing, not this client's: an alert, or, as asyncio does it, the end of the connection.
        with pytest.raises((ssl.SSLError, ConnectionError), match=r"ALERT_PROTOCOL_VERSION|EOF|reset"):
            call(trio, caller(protocol, newest, identity))
    with call(trio, caller(protocol, ssl.TLSVersion.TLSv1_3, identity)) as tls:
        name, version, _ = tls.cipher() or ("", "", 0)
    assert version == "TLSv1.3"
    assert name in TLS_1_3_SUITES.values()


@pytest.mark.parametrize("behind", ["link", "peer"])
def test_who_shows_no_certificate_gets_nothing(trio: Trio, behind: str) -> None:
    """In TLS 1.3 a client has its handshake before the server has looked: it learns with its first read."""
    with (
        call(trio, caller(BEHIND[behind], ssl.TLSVersion.TLSv1_3)) as tls,
        pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"),
    ):
        tls.recv(1)
