"""Data keys on their way: wrapped by HPKE (RFC 9180, base mode) outside of the container.

A container so stays as it is when another receiver gets its key, and when one loses it. The first byte of a
wrapped key says the suite:

1. DHKEM(X25519, HKDF-SHA256), to a party's identity: the key that seals tape files too.
2. MLKEM768-X25519, to a fresh key of a runner: what is recorded today stays closed to a quantum computer.
   This is X-Wing (Connolly, Schwabe, Westerbaan 2024), KEM 0x647a of draft-ietf-hpke-pq.

Both with HKDF-SHA256 and AES-256-GCM.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from coterie.crypto import SEALED_KEY, Identity, PublicIdentity, seal_key
from coterie.errors import CoterieError
from coterie.tee.container.errors import WRAPPED_ALTERED
from coterie.tee.container.header import Preamble
from coterie.tee.container.schedule import KEY

TO_PARTY = b"\1"
TO_RUNNER = b"\2"
MLKEM_PUBLIC, X25519_PUBLIC = 1184, 32
PUBLIC_KEY = MLKEM_PUBLIC + X25519_PUBLIC
"""Bytes of a runner's public key: ML-KEM-768, then X25519."""
WRAPPED_FOR_PARTY = 1 + SEALED_KEY
WRAPPED_FOR_RUNNER = 1 + 1088 + 32 + KEY + 16

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def purpose(preamble: Preamble) -> bytes:
    """HPKE ``info`` for a key that is handed on without a job: this container's, and no other's."""
    return b"coterie/data-key/v1\0" + preamble.digest


class RunnerKey:
    """A key pair that lives in the memory of one process. Its repr and its pickles hold nothing."""

    def __init__(self, mlkem: MLKEM768PrivateKey, x25519: X25519PrivateKey) -> None:
        """Of known halves, for test vectors; :meth:`generate` makes fresh ones."""
        self._private = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        """:data:`PUBLIC_KEY` bytes: what evidence is bound to."""

    @classmethod
    def generate(cls) -> RunnerKey:
        """A fresh pair."""
        return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """The data key that :func:`wrap_for_runner` wrapped for the same ``info``. Errors: CT-2211."""
        if len(wrapped) != WRAPPED_FOR_RUNNER or wrapped[:1] != TO_RUNNER:
            raise WRAPPED_ALTERED(f"{len(wrapped)} bytes that are no key for a runner")
        try:
            return _SUITE.decrypt(wrapped[1:], self._private, info)
        except (InvalidTag, ValueError) as error:
            raise WRAPPED_ALTERED("a key for another runner, job or nonce") from error

    def __repr__(self) -> str:
        return "RunnerKey()"

    def __reduce__(self) -> str:
        raise TypeError("a runner's key does not leave its process")


def wrap_for_runner(key: bytes, public: bytes, info: bytes) -> bytes:
    """``key`` for who holds the private half of ``public``: :data:`WRAPPED_FOR_RUNNER` bytes.

    :param info: what the key is released for; unwrapping asks for the same.

    Errors: CT-2211 for bytes that are no public key.
    """
    if len(public) != PUBLIC_KEY:
        raise WRAPPED_ALTERED(f"a public key of {len(public)} bytes")
    try:
        target = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC]),
            X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC:]),
        )
        return TO_RUNNER + _SUITE.encrypt(key, target, info)
    except ValueError as error:
        raise WRAPPED_ALTERED("bytes that are no public key") from error


def wrap_for_party(key: bytes, party: PublicIdentity, info: bytes) -> bytes:
    """``key`` for a party, by its identity: :data:`WRAPPED_FOR_PARTY` bytes. Errors: CT-1102."""
    return TO_PARTY + party.seal(key, info)


def wrap_for_signer(key: bytes, name: str, public: str, info: bytes) -> bytes:
    """As :func:`wrap_for_party`, where no more is known of a party than its name and raw Ed25519 key (hex).
    Errors: CT-1102.
    """
    return TO_PARTY + seal_key(name, public, key, info)


def unwrap_at_party(wrapped: bytes, identity: Identity, info: bytes) -> bytes:
    """The data key that :func:`wrap_for_party` wrapped for the same ``info``. Errors: CT-2211."""
    if len(wrapped) != WRAPPED_FOR_PARTY or wrapped[:1] != TO_PARTY:
        raise WRAPPED_ALTERED(f"{len(wrapped)} bytes that are no key for a party")
    try:
        return identity.unseal(wrapped[1:], info)
    except CoterieError as error:
        raise WRAPPED_ALTERED(f"a key that is not for {identity.name}, or for another purpose") from error
