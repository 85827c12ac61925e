"""Rows by their keyed id hashes, and by their places in an owner's dataset.

Hashes are spread evenly, so their first 8 bytes, as numbers, nearly always tell them apart: those are sorted
and searched, and whole hashes are compared once. Where a table has two that begin alike, all of it is
sorted by whole hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from coterie.data import Dataset, VerticalFrame

__all__ = ["common_rows", "hash_order", "own_ids", "own_rows", "rows_of"]

Rows = NDArray[np.int64]


def _whole(hashes: NDArray[np.uint8]) -> NDArray[np.void]:
    """(n,): each hash as one item, compared byte by byte."""
    return np.ascontiguousarray(hashes).view(f"V{hashes.shape[1]}").ravel()


def _first(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(n,): the first 8 bytes of each hash as a number, in the same order as the bytes."""
    return np.ascontiguousarray(hashes[:, :8]).view(">u8").ravel().astype(np.uint64)


def _apart(ordered: NDArray[np.uint64]) -> bool:
    """Whether ascending numbers are all different."""
    return not bool((ordered[1:] == ordered[:-1]).any())


def hash_order(hashes: NDArray[np.uint8]) -> Rows:
    """(n,) row numbers that put (n, 32) hashes in ascending order: an order that tells nothing of the ids."""
    first = _first(hashes)
    order = np.argsort(first)
    if not _apart(first[order]):
        order = np.argsort(_whole(hashes), kind="stable")
    return order.astype(np.int64)


def common_rows(tables: Sequence[NDArray[np.uint8]]) -> list[Rows]:
    """For each of the tables' (n, 32) hashes the (m,) row numbers of those that all of them have, in
    ascending order of the hashes. The hashes of a table are all different."""
    found = [hash_order(tables[0])]
    keys = tables[0].take(found[0], axis=0)
    for hashes in tables[1:]:
        rows, there = _found(keys, hashes)
        found = [before[there] for before in found] + [rows[there]]
        keys = keys.take(np.flatnonzero(there), axis=0)
    return found


def rows_of(keys: NDArray[np.uint8], hashes: NDArray[np.uint8]) -> Rows:
    """(m,) where each of (m, 32) keys is among (n, 32) different hashes. All of them must be there."""
    rows, there = _found(keys, hashes)
    if not there.all():
        raise ValueError("a key is not among the hashes")
    return rows


def own_rows(frame: VerticalFrame, owner: str) -> pa.Int64Array:
    """(rows,) the number of each row in that owner's dataset; null where it has no such row.

    :param frame: with that owner's columns, made of those of ``align``.
    """
    places = frame.places[owner]
    return pa.array(places, mask=places < 0)


def own_ids(frame: VerticalFrame, owner: str, dataset: Dataset) -> pa.Int64Array:
    """(rows,) the place of each row's id among those of that owner; null where it has no such row."""
    rows = own_rows(frame, owner)
    if dataset.groups is None:
        return rows
    ids = np.empty(len(dataset.groups.rows), np.int64)
    ids[dataset.groups.rows] = np.repeat(np.arange(len(dataset.ids)), np.diff(dataset.groups.offsets))
    return pa.array(ids).take(rows)


def _found(keys: NDArray[np.uint8], hashes: NDArray[np.uint8]) -> tuple[Rows, NDArray[np.bool_]]:
    """(m,) the only row of ``hashes`` that can be each of the keys, and whether it is."""
    if not len(hashes):
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
    order = hash_order(hashes)
    ordered = _first(hashes)[order]
    if _apart(ordered):
        places = np.searchsorted(ordered, _first(keys))
    else:
        places = np.searchsorted(_whole(hashes.take(order, axis=0)), _whole(keys))
    rows = order[np.minimum(places, len(order) - 1)]
    return rows, _whole(keys) == _whole(hashes.take(rows, axis=0))
