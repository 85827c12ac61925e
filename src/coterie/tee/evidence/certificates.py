"""Chains of certificates to a pinned root, and revocation lists (RFC 5280, the part that platforms use).

The chain is given whole and in order, so nothing is searched for: each certificate is issued by the next,
and the last is a root whose key is pinned. Time is an argument.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

from coterie.crypto import timestamp
from coterie.tee.evidence.der import serial_of
from coterie.tee.evidence.errors import (
    BAD_ENDORSEMENTS,
    ENDORSEMENTS_NOT_VALID,
    REVOKED,
    UNTRUSTED_ROOT,
)

UNUSABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What ``cryptography`` raises at certificates that it cannot use."""

_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)


def load(der: bytes, what: str) -> x509.Certificate:
    """A certificate of exactly these bytes. Errors: CT-2234."""
    if (
        not 0 < serial_of(der) < 2**160
    ):  # RFC 5280, 4.1.2.2; only AMD's chips have another, and are read by hand
        raise BAD_ENDORSEMENTS(f"{what} has no serial number that a certificate may have")
    try:
        return x509.load_der_x509_certificate(der)
    except UNUSABLE as error:
        raise BAD_ENDORSEMENTS(f"{what} is not a DER certificate") from error


def pem_blocks(content: bytes, label: bytes) -> list[bytes]:
    """The DER content of all PEM blocks with this label (RFC 7468). Errors: CT-2234."""
    begin, end = b"-----BEGIN " + label + b"-----", b"-----END " + label + b"-----"
    try:
        parts = [part[: part.index(end)] for part in content.split(begin)[1:]]
        return [base64.b64decode(b"".join(part.split()), validate=True) for part in parts]
    except ValueError as error:
        raise BAD_ENDORSEMENTS("its PEM cannot be read") from error


def load_pem(content: bytes, what: str) -> list[x509.Certificate]:
    """The certificates of a PEM text that holds nothing else. Errors: CT-2234."""
    rest = re.sub(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----", b"", content)
    if rest.strip(b" \r\n\0"):
        raise BAD_ENDORSEMENTS(f"{what} holds more than certificates in PEM")
    return [load(one, what) for one in pem_blocks(content, b"CERTIFICATE")]


def key_digest(spki: bytes) -> str:
    """SHA-256 of a SubjectPublicKeyInfo: how roots and keys are pinned."""
    return hashlib.sha256(spki).hexdigest()


def spki(certificate: x509.Certificate) -> bytes:
    """The certificate's SubjectPublicKeyInfo, DER. Errors: CT-2234."""
    with readable(certificate):
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def check_chain(
    chain: Sequence[x509.Certificate], now: datetime, pinned: Mapping[str, str] | Collection[str]
) -> str:
    """Verify ``chain``, the leaf first, up to a root whose key digest is pinned.

    :param pinned: key digests, or names with their key digests.

    Returns the root's name and key digest. Errors: CT-2235 (no pinned root, a link that does not hold),
    CT-2236 (a certificate that is not valid now), CT-2234 (unusable).
    """
    digests = (
        {digest: name for name, digest in pinned.items()}
        if isinstance(pinned, Mapping)
        else dict.fromkeys(pinned)
    )
    if not chain:
        raise BAD_ENDORSEMENTS("there are no certificates")
    root = key_digest(spki(chain[-1]))
    if root not in digests:
        raise UNTRUSTED_ROOT(f"{_name(chain[-1])} with key {root[:16]}… is not pinned")
    for depth, (child, issuer) in enumerate(zip(chain, [*chain[1:], chain[-1]], strict=True)):
        check_valid(child, now)
        _check_form(child)
        if depth:
            _check_authority(child, below=depth - 1)
        with readable(child):
            try:
                child.verify_directly_issued_by(issuer)
            except (InvalidSignature, *UNUSABLE) as error:
                raise UNTRUSTED_ROOT(f"{_name(child)} is not issued by {_name(issuer)}") from error
    return f"{digests[root] or _name(chain[-1])} {root}"


def check_valid(certificate: x509.Certificate, now: datetime) -> None:
    """Errors: CT-2236 outside of the certificate's validity."""
    check_window(_name(certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc, now)


def check_window(what: str, start: datetime, end: datetime, now: datetime) -> None:
    """Errors: CT-2236 unless ``now`` lies between ``start`` and ``end``, both included."""
    if not start <= now <= end:
        told = f"{what} is valid from {timestamp(start)} to {timestamp(end)}, and it is {timestamp(now)}"
        raise ENDORSEMENTS_NOT_VALID(told)


def check_revocation(
    crl_der: bytes, issuer: x509.Certificate, now: datetime, serials: Collection[int]
) -> datetime:
    """Search a revocation list that ``issuer`` signed for the ``serials`` of certificates that it issued.

    Returns when the list ends. Errors: CT-2239 (revoked), CT-2234 (not a list of this issuer, or one without
    an end), CT-2236 (not valid now).
    """
    crl = load_crl(crl_der)
    with readable(issuer):
        key = issuer.public_key()
        # What a DSA or DH key would do here does not matter: is_signature_valid() refuses other kinds.
        if crl.issuer != issuer.subject or not crl.is_signature_valid(key):  # type: ignore[arg-type]
            raise BAD_ENDORSEMENTS(f"a revocation list is not signed by {_name(issuer)}")
        end = crl.next_update_utc
        if end is None:
            raise BAD_ENDORSEMENTS("a revocation list has no end")
        check_window(f"the revocation list of {_name(issuer)}", crl.last_update_utc, end, now)
        for serial in serials:
            if crl.get_revoked_certificate_by_serial_number(serial) is not None:
                raise REVOKED(f"serial number {serial:x} is on the list of {_name(issuer)}")
    return end


def crl_marks(crl_der: bytes, issuer: x509.Certificate) -> tuple[dict[str, int], datetime]:
    """Number and time of a revocation list that was verified, as marks that only grow; and the time.

    The time counts beside the number because some vendors never raise the number. Errors: CT-2234.
    """
    crl, key = load_crl(crl_der), key_digest(spki(issuer))
    with readable(issuer):
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        issued = crl.last_update_utc
    return {f"crl/{key}/number": number, f"crl/{key}/issued": int(issued.timestamp())}, issued


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether its key is for signatures and not for issuing. Errors: CT-2234."""
    with readable(certificate):
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        return usage.digital_signature and not usage.key_cert_sign


def load_crl(der: bytes) -> x509.CertificateRevocationList:
    """A revocation list of exactly these bytes. Errors: CT-2234."""
    try:
        return x509.load_der_x509_crl(der)
    except UNUSABLE as error:
        raise BAD_ENDORSEMENTS("a revocation list is not DER") from error


def ends(chain: Sequence[x509.Certificate]) -> datetime:
    """When the first of the certificates ends."""
    return min(one.not_valid_after_utc for one in chain)


@contextmanager
def readable(certificate: x509.Certificate) -> Iterator[None]:
    """Parts of a certificate are parsed when they are asked for: what is wrong in them is CT-2234 too."""
    try:
        yield
    except UNUSABLE as error:
        raise BAD_ENDORSEMENTS(f"a part of {_name(certificate)} cannot be used") from error


def _check_form(certificate: x509.Certificate) -> None:
    """Errors: CT-2235 for a weak hash, and for a critical extension that nobody here acts on (RFC 5280,
    4.2).
    """
    with readable(certificate):
        algorithm = (
            certificate.signature_hash_algorithm
        )  # None where the scheme brings its own, as Ed25519 does
        critical = {one.oid for one in certificate.extensions if one.critical}
    if algorithm is not None and algorithm.name not in ("sha256", "sha384", "sha512"):
        raise UNTRUSTED_ROOT(f"{_name(certificate)} is signed over {algorithm.name}")
    if unknown := critical - _UNDERSTOOD:
        raise UNTRUSTED_ROOT(f"{_name(certificate)} has the critical extension {unknown.pop().dotted_string}")


def _check_authority(certificate: x509.Certificate, below: int) -> None:
    """Errors: CT-2235 unless it may issue certificates, with ``below`` authorities under it."""
    with readable(certificate):
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    depth = constraints.path_length
    if not constraints.ca or not usage.key_cert_sign or (depth is not None and below > depth):
        raise UNTRUSTED_ROOT(f"{_name(certificate)} may not issue this certificate")


def _name(certificate: x509.Certificate) -> str:
    """The subject's common name, kept short and plain: it is foreign text."""
    try:
        found = re.search(r"(?:^|,)CN=([^,]{1,80})", certificate.subject.rfc4514_string())
    except ValueError:
        found = None
    return f"'{re.sub(r'[^ -~]', '?', found[1])}'" if found else "a certificate without a name"
