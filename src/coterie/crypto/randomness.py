"""Secret randomness and keyed hashes of the operating system's and OpenSSL's making."""

from __future__ import annotations

import hmac
import secrets


def random_seed() -> bytes:
    """16 bytes: a seed of the kernels' random streams (AES-128)."""
    return secrets.token_bytes(16)


def random_key() -> bytes:
    """32 bytes: a key for keyed hashes and one-time secrets."""
    return secrets.token_bytes(32)


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104), 32 bytes. Compare with :func:`equal`."""
    return hmac.digest(key, data, "sha256")


def equal(left: bytes, right: bytes) -> bool:
    """Whether two secrets are equal, in time that does not depend on where they differ."""
    return hmac.compare_digest(left, right)
