"""Who a party is: an Ed25519 key, with a self-signed certificate for TLS.

There is no authority. A party is pinned by its peers when they are introduced; afterwards that key alone
counts. The certificate carries the key into TLS and says nothing more, so its dates are open: a clock that
runs wrong must not cut two parties who know each other.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Protocol, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from coterie.crypto.document import digest
from coterie.crypto.errors import BAD_IDENTITY, BAD_NAME, BAD_SIGNATURE
from coterie.crypto.sealing import seal_key

NAME_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"
DNS_SUFFIX = ".coterie"
CERTIFICATE_LIMIT = (
    4096  # base64 characters; ours are about 450, and a foreign one is parsed before it is trusted
)

PartyName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A party's short name, as pydantic models hold it."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}", re.ASCII)


def check_name(name: str) -> str:
    """``name``, where it is a party name; else CT-1106."""
    if not _NAME.fullmatch(name):
        raise BAD_NAME(repr(name[:40]))
    return name


def signed_bytes(domain: str, message: bytes) -> bytes:
    """What is signed: the domain keeps a signature made for one purpose from serving another."""
    return domain.encode("ascii") + b"\0" + message


class Known(Protocol):
    """Whose key is known: a :class:`PublicIdentity` is, and what a document says of a party or service."""

    @property
    def name(self) -> str:
        """A party's or service's."""
        ...

    @property
    def key(self) -> str:
        """Raw Ed25519 public key, in hex."""
        ...


class Signer(Protocol):
    """Who signs: a party's :class:`coterie.crypto.Identity`, or a process that does so for it."""

    @property
    def public(self) -> Known:
        """The name, and the key that signs."""
        ...

    def sign(self, domain: str, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of ``message`` under ``domain``."""
        ...


class PublicIdentity(BaseModel):
    """What a peer knows of a party. Made only when name, key and certificate belong together."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: PartyName
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """The raw Ed25519 public key in hex."""
    certificate: Annotated[str, StringConstraints(max_length=CERTIFICATE_LIMIT)]
    """Base64 of the DER certificate: self-signed by the key, with the name ``<name>.coterie``."""

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        name, key = read_certificate(self.certificate_der)
        if name != self.name or key != self.key:
            raise ValueError("name or key differ from those in the certificate")
        return self

    @classmethod
    def of_certificate(cls, der: bytes) -> PublicIdentity:
        """The identity that a DER certificate states. Errors: CT-1102."""
        try:
            name, key = read_certificate(der)
            return cls(name=name, key=key, certificate=base64.b64encode(der).decode())
        except ValueError as error:
            raise BAD_IDENTITY(_first_line(error)) from error

    @property
    def certificate_der(self) -> bytes:
        try:
            return base64.b64decode(self.certificate, validate=True)
        except binascii.Error as error:
            raise ValueError("the certificate is not base64") from error

    @property
    def fingerprint(self) -> str:
        """``sha256:`` and the hex digest of the raw key: what two operators compare by voice."""
        return digest(bytes.fromhex(self.key))

    def verify(self, domain: str, message: bytes, signature: bytes) -> None:
        """Check this party's signature of ``message`` under ``domain``. Errors: CT-1101."""
        verify_signature(self.name, self.key, domain, message, signature)

    def seal(self, key: bytes, info: bytes) -> bytes:
        """``key`` so that only this party can read it, and only for ``info``. Errors: CT-1102."""
        return seal_key(self.name, self.key, key, info)


def verify_signature(name: str, key: str, domain: str, message: bytes, signature: bytes) -> None:
    """Check a signature where only the signer's name and raw key (hex) are known. Errors: CT-1101."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    try:
        public.verify(signature, signed_bytes(domain, message))
    except InvalidSignature as error:
        raise BAD_SIGNATURE(f"{domain} by {name}", party=name) from error


def read_certificate(der: bytes) -> tuple[str, str]:
    """Name and key (hex) of a party's certificate. Raises ValueError for any certificate that is not one."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the certificate is not for an Ed25519 key")
        certificate.verify_directly_issued_by(certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = names.get_values_for_type(x509.DNSName)
    except (InvalidSignature, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise ValueError("the certificate is not one of a party") from error
    except x509.UnsupportedGeneralNameType as error:
        raise ValueError("the certificate has a name of an unknown type") from error
    if len(hosts) != 1 or len(names) != 1 or not hosts[0].endswith(DNS_SUFFIX):
        raise ValueError("the certificate does not name exactly one party")
    name = hosts[0].removesuffix(DNS_SUFFIX)
    if not _NAME.fullmatch(name):
        raise ValueError("the certificate's name is not a party name")
    if certificate.public_bytes(Encoding.DER) != der:
        raise ValueError("the certificate is not plain DER")
    return name, key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _first_line(error: ValueError) -> str:
    return str(error).splitlines()[0][:200]
