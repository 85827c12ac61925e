"""Which tags two parties have in common, in an order that both derive alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DIGEST_DOMAIN = b"coterie/psi/common/v1\0"


@dataclass(frozen=True)
class Matches:
    """Common tags, ascending as byte strings."""

    own: NDArray[np.int64]
    """For each common tag, its place among the own tags."""
    digest: bytes
    """SHA-256 over the common tags in order."""


class AmbiguousTagError(Exception):
    """A tag that both sides have occurs more than once at one of them."""


def _sort_keys(tags: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Tags of up to 16 bytes as two big-endian words, which sort as the byte strings do."""
    padded = np.zeros((len(tags), 16), dtype=np.uint8)
    padded[:, : tags.shape[1]] = tags
    words = padded.view(">u8").astype(np.uint64)
    return words[:, 0], words[:, 1]


def match(own: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> Matches:
    """Match two lists of tags, shapes (n, w) and (m, w).

    A tag may occur twice in one list: of unequal ids that is a coincidence without consequence. But a
    *common* tag that does has no one counterpart, and distinct ids give that with the probability of a false
    match only.

    :raises AmbiguousTagError: a common tag occurs more than once in a list.
    """
    tags = np.concatenate([own, theirs])
    high, low = _sort_keys(tags)
    # Stable: within a run of equal tags, own ones stand before theirs.
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    mine = order < len(own)
    same = (high[1:] == high[:-1]) & (low[1:] == low[:-1])
    crosses = np.flatnonzero(same & mine[:-1] & ~mine[1:])
    around = np.concatenate([[False], same, [False]])
    if (around[crosses] | around[crosses + 2]).any():
        raise AmbiguousTagError
    places = order[crosses]
    digest = hashlib.sha256(_DIGEST_DOMAIN + own[places].tobytes()).digest()
    return Matches(places.astype(np.int64), digest)
