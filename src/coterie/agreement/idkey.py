"""The key of the id hashes, as terms know it: by a commitment."""

from __future__ import annotations

from coterie.crypto import digest, equal

from .terms import Terms

__all__ = ["ID_KEY", "commitment", "is_id_key"]

ID_KEY = 32
"""Bytes."""


def commitment(key: bytes) -> str:
    """What terms say of the key of the id hashes. The key is 32 random bytes, so its digest hides it."""
    return digest(b"coterie/id-key/v1\0" + key)


def is_id_key(key: bytes, terms: Terms) -> bool:
    """Whether ``key`` is the one that the terms are committed to."""
    given = terms.id_key
    return given is not None and len(key) == ID_KEY and equal(commitment(key).encode(), given.encode())
