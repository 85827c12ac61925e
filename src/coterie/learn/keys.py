"""Rows by their keyed id hashes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["common_rows", "hash_order", "rows_of"]


def _whole(hashes: NDArray[np.uint8]) -> NDArray[np.void]:
    """(n,): each hash as one item, compared byte by byte."""
    return np.ascontiguousarray(hashes).view(f"V{hashes.shape[1]}").ravel()


def hash_order(hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(n,) row numbers that put (n, 32) hashes in ascending order: an order that tells nothing of the ids."""
    return np.argsort(_whole(hashes), kind="stable").astype(np.int64)


def common_rows(tables: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.int64]]:
    """For each of the tables' (n, 32) hashes the (m,) row numbers of those that all of them have, in
    ascending order of the hashes. The hashes of a table are all different."""
    together = np.concatenate(tables)
    order = hash_order(together)
    ordered = _whole(together)[order]
    # Equal hashes stand side by side, in the order of their tables: as many as tables, where all have it.
    equal = np.ones(max(0, len(ordered) - len(tables) + 1), np.bool_)
    for place in range(len(tables) - 1):
        equal &= (ordered[place + 1 :] == ordered[place:-1])[: len(equal)]
    first = np.flatnonzero(equal)
    offsets = np.cumsum([0, *(len(hashes) for hashes in tables[:-1])])
    return [order[first + place] - offset for place, offset in enumerate(offsets)]


def rows_of(keys: NDArray[np.uint8], hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(m,) where each of (m, 32) keys is among (n, 32) different hashes. All of them must be there."""
    order = hash_order(hashes)
    found = order[np.minimum(np.searchsorted(_whole(hashes[order]), _whole(keys)), len(order) - 1)]
    if not np.array_equal(hashes[found], keys):
        raise ValueError("a key is not among the hashes")
    return found
