"""A party's own keys on disk: ``home/identity/``.

``key.pem`` and ``cert.pem`` are the party (Ed25519): signatures and links. ``api-key.pem`` and
``api-cert.pem`` are a P-256 pair for the REST API alone, because browsers refuse Ed25519 certificates;
nothing trusts it but the operator's own browser.
"""

from __future__ import annotations

import ipaddress
import secrets
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coterie.crypto.document import now
from coterie.crypto.errors import BAD_IDENTITY, CANNOT_READ, IDENTITY_EXISTS, IDENTITY_MISSING, KEY_EXPOSED
from coterie.crypto.files import atomic_write, sync_directory, write_error
from coterie.crypto.identity import DNS_SUFFIX, PublicIdentity, check_name, signed_bytes
from coterie.crypto.sealing import unseal_key

_VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_VALID_TO = datetime(
    9999, 12, 31, 23, 59, 59, tzinfo=UTC
)  # RFC 5280, 4.1.2.5: "no well-defined expiration date"
API_CERTIFICATE_DAYS = 825  # the longest that browsers accept from a certificate that a user trusted by hand


class Identity:
    """A party's own identity. Its repr and its pickles hold no key."""

    def __init__(self, directory: Path, key: Ed25519PrivateKey, public: PublicIdentity) -> None:
        self._directory = directory
        self._key = key
        self._public = public

    @classmethod
    def create(cls, home: Path, name: str, hosts: Iterable[str] = ()) -> Identity:
        """Make the identity of party ``name`` under ``home``.

        :param hosts: further names or addresses for the REST API's certificate; localhost is always in it.

        Errors: CT-1103 where one exists already, CT-1106 for a bad name, CT-1120 and CT-1121 from the disk.
        """
        check_name(name)
        directory = Path(home) / "identity"
        if directory.exists():
            raise IDENTITY_EXISTS(str(directory))
        key = Ed25519PrivateKey.generate()
        certificate = _party_certificate(key, name)
        # All four files appear at once, by one rename, so that no crash leaves half an identity.
        draft = directory.with_name(f".identity.{secrets.token_hex(4)}.tmp")
        try:
            draft.mkdir(parents=True, mode=0o700)
            atomic_write(draft / "key.pem", _private_pem(key))
            atomic_write(draft / "cert.pem", certificate.public_bytes(Encoding.PEM), 0o644)
            _write_api_pair(draft, hosts)
            draft.rename(directory)
            sync_directory(directory.parent)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise write_error(directory, error) from error
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return cls.load(home)

    @classmethod
    def in_memory(cls, name: str) -> Identity:
        """A fresh identity that ends with the process: it signs, and has no files. Errors: CT-1106."""
        key = Ed25519PrivateKey.generate()
        certificate = _party_certificate(key, check_name(name))
        public = PublicIdentity.of_certificate(certificate.public_bytes(Encoding.DER))
        return cls(Path("/dev/null/identity"), key, public)

    @classmethod
    def load(cls, home: Path) -> Identity:
        """The identity under ``home``.

        Errors: CT-1104 (none there), CT-1105 (key readable by others), CT-1102 (key and certificate differ).
        """
        directory = Path(home) / "identity"
        key_path = directory / "key.pem"
        if not key_path.exists():
            raise IDENTITY_MISSING(str(directory))
        if key_path.stat().st_mode & 0o077:
            raise KEY_EXPOSED(str(key_path))
        try:
            key = load_pem_private_key(key_path.read_bytes(), password=None)
            certificate = x509.load_pem_x509_certificate((directory / "cert.pem").read_bytes())
        except OSError as error:
            raise CANNOT_READ(f"{error.filename}: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise BAD_IDENTITY(f"{directory}: key.pem or cert.pem is damaged") from error
        public = PublicIdentity.of_certificate(certificate.public_bytes(Encoding.DER))
        if not isinstance(key, Ed25519PrivateKey) or key.public_key().public_bytes_raw().hex() != public.key:
            raise BAD_IDENTITY(f"{directory}: key.pem is not the key of cert.pem")
        return cls(directory, key, public)

    @property
    def public(self) -> PublicIdentity:
        return self._public

    @property
    def name(self) -> str:
        return self._public.name

    @property
    def key_path(self) -> Path:
        """PEM of the Ed25519 private key, for ``ssl``."""
        return self._directory / "key.pem"

    @property
    def certificate_path(self) -> Path:
        """PEM of the party's certificate, for ``ssl``."""
        return self._directory / "cert.pem"

    @property
    def api_key_path(self) -> Path:
        return self._directory / "api-key.pem"

    @property
    def api_certificate_path(self) -> Path:
        return self._directory / "api-cert.pem"

    def sign(self, domain: str, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of ``message`` under ``domain`` (ASCII, without NUL)."""
        return self._key.sign(signed_bytes(domain, message))

    def unseal(self, sealed: bytes, info: bytes) -> bytes:
        """A key that :meth:`PublicIdentity.seal` sealed for this party. Errors: CT-1130."""
        return unseal_key(self._key, sealed, info)

    def renew_api_certificate(self, hosts: Iterable[str] = ()) -> None:
        """A new key and certificate for the REST API, for localhost and ``hosts``."""
        _write_api_pair(self._directory, hosts)

    def __repr__(self) -> str:
        return f"Identity({self.name!r}, {self._public.fingerprint!r})"

    def __reduce__(self) -> str:
        raise TypeError("an identity is not serialised; load it from its home")


def _private_pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _party_certificate(key: Ed25519PrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name + DNS_SUFFIX)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_TO)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name + DNS_SUFFIX)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return builder.sign(key, None)


def _write_api_pair(directory: Path, hosts: Iterable[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "coterie API")])
    start = now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(days=1))
        .not_valid_after(start + timedelta(days=API_CERTIFICATE_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName([_host(h) for h in _api_hosts(hosts)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    atomic_write(directory / "api-key.pem", _private_pem(key))
    atomic_write(directory / "api-cert.pem", certificate.public_bytes(Encoding.PEM), 0o644)


def _api_hosts(hosts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(["localhost", "127.0.0.1", "::1", *hosts]))


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
