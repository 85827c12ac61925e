"""TLS 1.3 between parties who know each other's certificates. There is no authority and no host name check.

Each side verifies the other's self-signed certificate against exactly the pinned ones, and afterwards
compares the bytes: the identity of a connection is the pinned identity whose certificate it is. OpenSSL
picks the cipher suite (AES-GCM on CPUs with AES instructions, ChaCha20-Poly1305 on others).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from coterie.crypto import Identity, PublicIdentity
from coterie.errors import CoterieError
from coterie.wire.errors import NO_TLS, REFUSED, WRONG_KEY

LINK_PROTOCOL = "coterie-link/1"
PEER_PROTOCOL = "coterie-peer/1"
ENROL_PROTOCOL = "coterie-enrol/1"

HANDSHAKE_SECONDS = 10.0
"""For TCP connection, TLS and hello together: what is not authenticated by then is dropped. It decides about
a connection, which can be tried again, never about a job.
"""

_REFUSALS = (
    "UNKNOWN_CA",
    "BAD_CERTIFICATE",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REQUIRED",
    "DECRYPT_ERROR",
)


def link_host(job: str, party: str) -> str:
    """The server name (SNI) of ``party``'s worker for ``job``."""
    return f"{job}.{party}.coterie"


def server_context(identity: Identity, peers: Iterable[PublicIdentity], protocol: str) -> ssl.SSLContext:
    """For accepting connections of ``peers``."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, identity, protocol)
    context.num_tickets = 0  # every connection proves both keys anew
    context.verify_mode = ssl.CERT_REQUIRED
    _pin(context, peers)
    return context


def client_context(identity: Identity, peer: PublicIdentity, protocol: str) -> ssl.SSLContext:
    """For dialling ``peer``."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, identity, protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    _pin(context, [peer])
    return context


def open_server_context(identity: Identity, protocol: str) -> ssl.SSLContext:
    """For introductions: the client does not show a certificate, what it must know is in the invitation."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, identity, protocol)
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(side: int, identity: Identity, protocol: str) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    identity.use_in(context)
    context.set_alpn_protocols([protocol])
    return context


def _pin(context: ssl.SSLContext, peers: Iterable[PublicIdentity]) -> None:
    certificates = b"".join(peer.certificate_der for peer in peers)
    if certificates:
        context.load_verify_locations(cadata=certificates)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


def peer_of(certificate: bytes | None, peers: Iterable[PublicIdentity]) -> PublicIdentity:
    """The pinned identity that a connection's certificate (DER) belongs to. Errors: CT-1220."""
    for peer in peers:
        if certificate == peer.certificate_der:
            return peer
    raise WRONG_KEY("a certificate that no known party has")


def tls_error(error: OSError, peer: str | None) -> CoterieError | None:
    """The coded error behind a failed handshake; None where the connection was merely lost."""
    who = peer or "an unknown party"
    if isinstance(error, ssl.SSLCertVerificationError):
        return WRONG_KEY(f"{who}: {error.verify_message}", party=peer)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or not isinstance(error, ssl.SSLError):
        return None
    reason = error.reason or "no reason given"
    if "ALERT" in reason and any(word in reason for word in _REFUSALS):
        return REFUSED(f"{who}: {reason.lower().replace('_', ' ')}", party=peer)
    return NO_TLS(f"{who}: {reason.lower().replace('_', ' ')}", party=peer)
