"""Private keys in files: PEM of PKCS #8, in the clear or encrypted under a passphrase.

The encrypted form is RFC 8018's PBES2 with scrypt (RFC 7914) and AES-256-CBC, which OpenSSL reads and writes
(``openssl pkcs8 -topk8 -scrypt``). It is put together here, because the library's own choice is PBKDF2 with
2048 rounds: a graphics card tries a million passphrases a second against that.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from coterie.crypto.errors import BAD_IDENTITY, BAD_PASSPHRASE, KEY_EXPOSED, WRONG_PASSPHRASE
from coterie.crypto.files import atomic_write, read_at_most

__all__ = ["Passphrase", "PrivateKey", "check_passphrase", "is_encrypted", "read_key", "write_key"]

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey

Passphrase = Callable[[], bytes]
"""Asked for the passphrase, and only where a file needs one. It raises CT-1107 where it has none."""

LOG_N, R, P = 14, 8, 5
"""16 MiB and five passes, a quarter of a second: one of OWASP's equivalent choices for scrypt, and the most
memory that OpenSSL allows by itself."""

SHORTEST = 12
LONGEST = 1024
"""Of a passphrase, in bytes."""

_LARGEST = 8192
_SALT, _IV = 16, 16
_PEM = re.compile(
    rb"\s*-----BEGIN ENCRYPTED PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END ENCRYPTED PRIVATE KEY-----\s*"
)
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")


def check_passphrase(passphrase: bytes) -> bytes:
    """A new passphrase, where it may be one. Errors: CT-1109."""
    if not SHORTEST <= len(passphrase) <= LONGEST:
        raise BAD_PASSPHRASE(f"{len(passphrase)} bytes where {SHORTEST} to {LONGEST} are allowed")
    if not passphrase.decode("utf-8", "replace").isprintable():
        raise BAD_PASSPHRASE("it is not one line of text")
    return passphrase


def clear_pem(key: PrivateKey) -> bytes:
    """The key as everybody reads it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def encrypted_pem(key: PrivateKey, passphrase: bytes) -> bytes:
    """The key for whoever has the passphrase."""
    salt, vector = secrets.token_bytes(_SALT), secrets.token_bytes(_IV)
    derived = Scrypt(salt=salt, length=32, n=1 << LOG_N, r=R, p=P).derive(passphrase)
    padder = padding.PKCS7(128).padder()
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cipher = Cipher(algorithms.AES256(derived), modes.CBC(vector)).encryptor()
    content = cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
    numbers = (_der(0x02, _positive(number)) for number in (1 << LOG_N, R, P))
    kdf = _der(0x30, _SCRYPT, _der(0x30, _der(0x04, salt), *numbers))
    scheme = _der(0x30, _AES_256_CBC, _der(0x04, vector))
    der = _der(0x30, _der(0x30, _PBES2, _der(0x30, kdf, scheme)), _der(0x04, content))
    body = base64.encodebytes(der).replace(b"\n", b"")
    lines = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + lines + b"\n-----END ENCRYPTED PRIVATE KEY-----\n"


def is_encrypted(path: Path) -> bool:
    """Whether a key file asks for a passphrase. Errors: CT-1122."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in read_at_most(path, _LARGEST)


def read_key(path: Path, passphrase: Passphrase) -> PrivateKey:
    """The key in a file.

    Errors: CT-1105 (others may read the file), CT-1122, CT-1102 (damaged), CT-1107 (no passphrase), CT-1108
    (another passphrase, or the file was altered: the cipher cannot tell).
    """
    data = read_at_most(path, _LARGEST)
    if path.stat().st_mode & 0o077:
        raise KEY_EXPOSED(str(path))
    problem = BAD_IDENTITY(f"{path.name} is damaged")
    secret: bytes | None = None
    if found := _PEM.fullmatch(data):
        if not _is_whole(found[1]):
            raise problem
        secret, problem = passphrase(), WRONG_PASSPHRASE(path.name)
    try:
        key = load_pem_private_key(data, secret)
    except (ValueError, TypeError):
        raise problem from None  # the cause may quote what it has read
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise BAD_IDENTITY(f"{path.name} is another kind of key")
    return key


def write_key(path: Path, key: PrivateKey, passphrase: bytes | None) -> None:
    """Put a key into a file, whole or not at all. What was there is overwritten on the disk as far as the
    file system lets it be: copies of its own, snapshots and flash memory keep what they have.

    Errors: CT-1120, CT-1121.
    """
    data = clear_pem(key) if passphrase is None else encrypted_pem(key, passphrase)
    old: int | None = None
    with contextlib.suppress(OSError):
        old = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        atomic_write(path, data)
        if old is not None:
            _overwrite(old)
    finally:
        if old is not None:
            os.close(old)


def _overwrite(descriptor: int) -> None:
    """A file that has no name any more. One that still has a name is somebody's backup: it stays."""
    with contextlib.suppress(OSError):
        status = os.fstat(descriptor)
        if status.st_nlink == 0:
            os.pwrite(descriptor, bytes(status.st_size), 0)
            os.fsync(descriptor)


def _is_whole(body: bytes) -> bool:
    try:
        der = base64.b64decode(b"".join(body.split()), validate=True)
    except ValueError:
        return False
    head = 4 if der[:2] == b"\x30\x82" else 3 if der[:2] == b"\x30\x81" else 0
    return head > 0 and int.from_bytes(der[2:head]) == len(der) - head


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x81, size]) if size < 0x100 else None
    if length is None:
        raise AssertionError(size)  # no key of ours is as long
    return bytes([tag]) + length + content


def _positive(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")
