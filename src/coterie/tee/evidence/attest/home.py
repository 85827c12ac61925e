"""The simulated root: a key that is made on first use and certifies simulated platforms of one home."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from coterie.crypto import atomic_write, write_error
from coterie.tee.evidence.certificates import key_digest, load
from coterie.tee.evidence.errors import ATTESTER_FAILED
from coterie.tee.evidence.roots import SIMULATED

_ROOT_DAYS: Final = 3650
_LEAF_DAYS: Final = 30
_CLOCKS: Final = timedelta(minutes=10)
_USAGE = dict.fromkeys(
    (
        *(
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
        ),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)


class SimulatedHome:
    """A folder with ``root.pem`` (0600) and ``root.der``. Whoever pins :attr:`pin` accepts what it
    certifies.
    """

    def __init__(self, folder: Path, now: datetime) -> None:
        """Open the folder, or make it with a new root.

        Errors: CT-1120, CT-1121 (disk), CT-2234 and CT-2248 (files that are no root).
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _alone(folder):
                if not (folder / "root.der").exists():
                    self._create(now)
            self._key = self._load_key()
            self.root = (folder / "root.der").read_bytes()
        except OSError as error:
            raise write_error(folder, error) from error
        found = load(self.root, "root.der").public_key()
        if found != self._key.public_key():
            raise ATTESTER_FAILED(f"{folder}: root.der is not the certificate of root.pem")

    @property
    def pin(self) -> str:
        """SHA-256 of the root's key, for :attr:`Roots.simulated`."""
        raw = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return key_digest(raw)

    def certify(self, spki: bytes, now: datetime) -> tuple[bytes, ...]:
        """A chain for a platform's key (SubjectPublicKeyInfo, DER), good for 30 days: leaf and root, DER."""
        key = load_der_public_key(spki)
        builder = _builder("SIMULATED platform", "SIMULATED root", now, _LEAF_DAYS).public_key(key)  # type: ignore[arg-type]
        leaf = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**(_USAGE | {"digital_signature": True})), critical=True)
            .sign(self._key, None)
        )
        return leaf.public_bytes(Encoding.DER), self.root

    def _create(self, now: datetime) -> None:
        key = Ed25519PrivateKey.generate()
        builder = _builder("SIMULATED root", "SIMULATED root", now, _ROOT_DAYS).public_key(key.public_key())
        root = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**(_USAGE | {"key_cert_sign": True})), critical=True)
            .sign(key, None)
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # The certificate is what says that the root is there: it comes last.
        atomic_write(self._folder / "root.pem", private)
        atomic_write(self._folder / "root.der", root.public_bytes(Encoding.DER), 0o644)

    def _load_key(self) -> Ed25519PrivateKey:
        path = self._folder / "root.pem"
        if path.stat().st_mode & 0o077:
            raise ATTESTER_FAILED(f"{path} can be read by other users")
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            raise ATTESTER_FAILED(f"{path} is no private key") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ATTESTER_FAILED(f"{path} is no Ed25519 key")
        return key


def _builder(subject: str, issuer: str, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, SIMULATED),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two processes must not make two roots."""
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
