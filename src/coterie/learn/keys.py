"""Rows by their keyed id hashes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["hash_order", "rows_of"]


def _whole(hashes: NDArray[np.uint8]) -> NDArray[np.void]:
    """(n,): each hash as one item, compared byte by byte."""
    return np.ascontiguousarray(hashes).view(f"V{hashes.shape[1]}").ravel()


def hash_order(hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(n,) row numbers that put (n, 32) hashes in ascending order: an order that tells nothing of the ids."""
    return np.argsort(_whole(hashes), kind="stable").astype(np.int64)


def rows_of(keys: NDArray[np.uint8], hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(m,) where each of (m, 32) keys is among (n, 32) different hashes. All of them must be there."""
    order = hash_order(hashes)
    found = order[np.minimum(np.searchsorted(_whole(hashes[order]), _whole(keys)), len(order) - 1)]
    if not np.array_equal(hashes[found], keys):
        raise ValueError("a key is not among the hashes")
    return found
