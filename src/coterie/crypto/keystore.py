"""A party's own keys on disk: ``home/identity/``.

``key.pem`` and ``cert.pem`` are the party (Ed25519): signatures and links. ``api-key.pem`` and
``api-cert.pem`` are a P-256 pair for the REST API alone, because browsers refuse Ed25519 certificates;
nothing trusts it but the operator's own browser.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import shutil
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coterie.crypto.document import now
from coterie.crypto.errors import BAD_IDENTITY, CANNOT_READ, IDENTITY_EXISTS, IDENTITY_MISSING, NO_PASSPHRASE
from coterie.crypto.files import atomic_write, sync_directory, write_error
from coterie.crypto.identity import DNS_SUFFIX, PublicIdentity, check_name, signed_bytes
from coterie.crypto.keyfile import Passphrase, PrivateKey, clear_pem, is_encrypted, read_key, write_key
from coterie.crypto.sealing import unseal_key
from coterie.errors import CoterieError

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
            write_key(draft / "key.pem", key, None)
            atomic_write(draft / "cert.pem", certificate.public_bytes(Encoding.PEM), 0o644)
            _write_api_pair(draft, hosts, None)
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
    def taken(cls, home: Path, public: PublicIdentity, raw: bytes) -> Identity:
        """What :meth:`handed_over` gave, at the process that it was given to; no file is read."""
        return cls(Path(home) / "identity", Ed25519PrivateKey.from_private_bytes(raw), public)

    @classmethod
    def load(cls, home: Path, passphrase: Passphrase | None = None) -> Identity:
        """The identity under ``home``.

        :param passphrase: asked where the key is encrypted.

        Errors: CT-1104 (none there), CT-1105 (key readable by others), CT-1102 (damaged, or key and
        certificate differ), CT-1107 (it is encrypted, and no passphrase is there), CT-1108 (another one).
        """
        public = cls.public_of(home)
        directory = Path(home) / "identity"
        key = read_key(directory / "key.pem", passphrase or _none)
        if not isinstance(key, Ed25519PrivateKey) or key.public_key().public_bytes_raw().hex() != public.key:
            raise BAD_IDENTITY(f"{directory}: key.pem is not the key of cert.pem")
        return cls(directory, key, public)

    @classmethod
    def public_of(cls, home: Path) -> PublicIdentity:
        """Whose home it is; the key stays where it is. Errors: CT-1104, CT-1102, CT-1122."""
        directory = Path(home) / "identity"
        if not (directory / "key.pem").exists():
            raise IDENTITY_MISSING(str(directory))
        try:
            certificate = x509.load_pem_x509_certificate((directory / "cert.pem").read_bytes())
        except OSError as error:
            raise CANNOT_READ(f"{error.filename}: {error.strerror}") from error
        except ValueError as error:
            raise BAD_IDENTITY(f"{directory}: cert.pem is damaged") from error
        return PublicIdentity.of_certificate(certificate.public_bytes(Encoding.DER))

    @staticmethod
    def protected(home: Path) -> bool:
        """Whether the key under ``home`` is encrypted. Errors: CT-1122."""
        return is_encrypted(Path(home) / "identity" / "key.pem")

    @staticmethod
    def protect(home: Path, old: Passphrase, new: bytes | None) -> None:
        """Write all key files of the home anew under another passphrase; None: in the clear. Each is there in
        the old form or the new; after a crash between two of them, call it again.

        Errors: as :meth:`load`, with nothing changed; CT-1120, CT-1121.
        """
        directory = Path(home) / "identity"
        paths = [directory / "key.pem", directory / "api-key.pem"]
        keys = [_either(path, old, new) for path in paths]
        for path, key in zip(paths, keys, strict=True):
            write_key(path, key, new)

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

    def use_in(self, context: ssl.SSLContext) -> None:
        """Let TLS connections show this identity."""
        _give(context, ssl.DER_cert_to_PEM_cert(self._public.certificate_der).encode(), self._key)

    def api_context(self, passphrase: Passphrase | None = None) -> ssl.SSLContext:
        """For serving the REST API by TLS 1.3. Errors: as :meth:`load`."""
        key = read_key(self.api_key_path, passphrase or _none)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            _give(context, self.api_certificate_path.read_bytes(), key)
        except (OSError, ssl.SSLError) as error:
            raise BAD_IDENTITY(f"{self._directory}: api-key.pem is not the key of api-cert.pem") from error
        return context

    def handed_over(self) -> bytes:
        """The raw private key, for a process that acts for this party: to be sent to it by a pipe that nobody
        else reads, and never written anywhere.
        """
        return self._key.private_bytes_raw()

    def sign(self, domain: str, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of ``message`` under ``domain`` (ASCII, without NUL)."""
        return self._key.sign(signed_bytes(domain, message))

    def unseal(self, sealed: bytes, info: bytes) -> bytes:
        """A key that :meth:`PublicIdentity.seal` sealed for this party. Errors: CT-1130."""
        return unseal_key(self._key, sealed, info)

    def renew_api_certificate(self, hosts: Iterable[str] = (), passphrase: bytes | None = None) -> None:
        """A new key and certificate for the REST API, for localhost and ``hosts``; the key is encrypted where
        there is a passphrase.
        """
        _write_api_pair(self._directory, hosts, passphrase)

    def __repr__(self) -> str:
        return f"Identity({self.name!r}, {self._public.fingerprint!r})"

    def __reduce__(self) -> str:
        raise TypeError("an identity is not serialised; load it from its home")


def _none() -> bytes:
    raise NO_PASSPHRASE("key.pem")


def _either(path: Path, old: Passphrase, new: bytes | None) -> PrivateKey:
    """The key under the old passphrase, or under the new one where a change was cut off."""
    if new is not None:
        with contextlib.suppress(CoterieError):
            return read_key(path, lambda: new)
    return read_key(path, old)


def _give(context: ssl.SSLContext, certificate: bytes, key: PrivateKey) -> None:
    """Certificate and key go into the context by a file that is in memory alone: the module takes no other,
    and the one in the home may be encrypted.
    """
    descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, certificate + b"\n" + clear_pem(key))
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


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


def _write_api_pair(directory: Path, hosts: Iterable[str], passphrase: bytes | None) -> None:
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
    write_key(directory / "api-key.pem", key, passphrase)
    atomic_write(directory / "api-cert.pem", certificate.public_bytes(Encoding.PEM), 0o644)


def _api_hosts(hosts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(["localhost", "127.0.0.1", "::1", *hosts]))


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
