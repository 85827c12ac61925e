"""What only one party can read: a key sealed to its identity, and a stream of segments under such a key.

An identity has one key, for Ed25519. Sealing uses the X25519 key of the same secret: the curves are the same
in two forms (RFC 7748, section 4.1), and signing and a key encapsulation over X25519 are safe together
(Thormarker 2021). So whoever has a party pinned can seal for it, and nothing more is exchanged.

Keys are sealed by HPKE in base mode (RFC 9180) with X25519, HKDF-SHA-256 and AES-256-GCM. Streams are
AES-256-GCM in segments, each under a nonce of its number and of whether it is the last (STREAM: Hoang,
Reyhanitabar, Rogaway, Vizár 2015), so that segments left out, moved or cut off are noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from coterie.crypto.errors import BAD_IDENTITY, SEALED_ALTERED

KEY = 32
"""Bytes of a stream's key."""
SEALED_KEY = 32 + KEY + 16
"""Bytes of a sealed key: HPKE's encapsulation, ciphertext, tag."""
SEGMENT = 256 * 1024
"""Bytes of plaintext in each segment but the last."""
TAG = 16

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_PRIME = 2**255 - 19
_FINAL = b"\x01"
_MORE = b"\x00"


def montgomery(key: bytes) -> bytes:
    """The X25519 public key that belongs to an Ed25519 public key: u = (1 + y) / (1 − y).

    Raises ValueError for the one point that has none.
    """
    y = int.from_bytes(key, "little") & (2**255 - 1)
    if y % _PRIME == 1:
        raise ValueError("the neutral point")
    return ((1 + y) * pow(1 - y, -1, _PRIME) % _PRIME).to_bytes(32, "little")


def seal_key(name: str, public: str, key: bytes, info: bytes) -> bytes:
    """``key`` for the party ``name`` alone, whose raw Ed25519 key is ``public`` (hex).

    :param info: what the key is for: opening it asks for the same.

    Errors: CT-1102 for a key that nothing can be sealed to.
    """
    try:
        target = X25519PublicKey.from_public_bytes(montgomery(bytes.fromhex(public)))
        return _SUITE.encrypt(key, target, info)
    except ValueError as error:
        raise BAD_IDENTITY(f"the key of {name} is of no use for encryption", party=name) from error


def unseal_key(key: Ed25519PrivateKey, sealed: bytes, info: bytes) -> bytes:
    """What :func:`seal_key` sealed. Errors: CT-1130."""
    scalar = hashlib.sha512(key.private_bytes_raw()).digest()[:32]  # RFC 8032, section 5.1.5; X25519 clamps
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(scalar), info)
    except (InvalidTag, ValueError) as error:
        raise SEALED_ALTERED("a key that is sealed for another party or another purpose") from error


def sealed_size(size: int) -> int:
    """Bytes of a stream that holds ``size`` bytes."""
    return size + TAG * _segments(size)


def _segments(size: int) -> int:
    return max(1, -(-size // SEGMENT))


def _nonce(number: int, final: bool) -> bytes:
    return number.to_bytes(11, "big") + (_FINAL if final else _MORE)


class SealingStream:
    """Writes a stream under a key that serves no other. Holds one segment in memory."""

    def __init__(self, key: bytes, write: Callable[[bytes], object]) -> None:
        self._cipher = AESGCM(key)
        self._write = write
        self._pending = bytearray()
        self._number = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes (a view of single bytes)."""
        view = memoryview(data)
        while view:
            if len(self._pending) == SEGMENT:
                self._seal(final=False)
            room = SEGMENT - len(self._pending)
            self._pending += view[:room]
            view = view[room:]

    def finish(self) -> None:
        """Write the last segment: without it the stream is not whole."""
        self._seal(final=True)

    def _seal(self, *, final: bool) -> None:
        self._write(self._cipher.encrypt(_nonce(self._number, final), self._pending, None))
        self._number += 1
        self._pending.clear()


class UnsealingStream:
    """Reads what a :class:`SealingStream` wrote, from any place on. Holds one segment in memory."""

    def __init__(self, key: bytes, file: BinaryIO, start: int, size: int) -> None:
        """:param start: where the stream begins in ``file``.
        :param size: bytes that it holds, without tags.
        """
        self._cipher = AESGCM(key)
        self._file = file
        self._start = start
        self._size = size
        self._place = 0
        self._number = -1
        self._segment = b""

    def seek(self, place: int) -> None:
        """Go on from byte ``place`` of the plaintext."""
        self._place = place

    def read_into(self, target: memoryview) -> None:
        """Fill ``target``, a view of single bytes.

        Errors: CT-1130 where a segment was altered or the stream ends before.
        """
        if self._place + len(target) > self._size:
            raise SEALED_ALTERED(f"it ends after {self._size} bytes")
        while target:
            number, offset = divmod(self._place, SEGMENT)
            if number != self._number:
                self._segment, self._number = self._open(number), number
            count = min(len(target), len(self._segment) - offset)
            target[:count] = self._segment[offset : offset + count]
            target, self._place = target[count:], self._place + count

    def _open(self, number: int) -> bytes:
        final = number == _segments(self._size) - 1
        self._file.seek(self._start + number * (SEGMENT + TAG))
        length = self._size - number * SEGMENT if final else SEGMENT
        data = self._file.read(length + TAG)
        try:
            return self._cipher.decrypt(_nonce(number, final), data, None)
        except (InvalidTag, ValueError) as error:
            raise SEALED_ALTERED(f"segment {number}") from error
