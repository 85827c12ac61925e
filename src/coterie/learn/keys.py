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
    orders = [hash_order(hashes) for hashes in tables]
    ordered = [hashes[order] for hashes, order in zip(tables, orders, strict=True)]
    common = ordered[0]
    for other in ordered[1:]:
        place = np.minimum(np.searchsorted(_whole(other), _whole(common)), len(other) - 1)
        common = common[(other[place] == common).all(axis=1)]
    return [
        order[np.searchsorted(_whole(hashes), _whole(common))]
        for order, hashes in zip(orders, ordered, strict=True)
    ]


def rows_of(keys: NDArray[np.uint8], hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(m,) where each of (m, 32) keys is among (n, 32) different hashes. All of them must be there."""
    order = hash_order(hashes)
    found = order[np.minimum(np.searchsorted(_whole(hashes[order]), _whole(keys)), len(order) - 1)]
    if not np.array_equal(hashes[found], keys):
        raise ValueError("a key is not among the hashes")
    return found
