"""The frame "all": the common rows, and with ``join: left`` the other rows of one party after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes
from coterie.crypto import random_key
from coterie.data import VerticalFrame
from coterie.learn.choosing import draws
from coterie.learn.component import PlanContext, RunContext
from coterie.learn.keys import hash_order

from .errors import LEFT_UNKNOWN
from .params import AlignParams

__all__ = ["frame_of", "left_of"]

_ORDER = b"coterie/align/order/v1\0"
_OTHERS = b"coterie/align/others/v1".ljust(32, b"\0")
"""Public: the keys of rows that one party alone has are hashes of their places, which say nothing."""

Hashes = NDArray[np.uint8]
Rows = NDArray[np.int64]


def left_of(context: PlanContext, params: AlignParams) -> str | None:
    """The party whose rows all stay; None where only common rows do, or one has all. Errors: CT-3220."""
    if params.join != "left":
        return None
    left = params.left or context.label_holder
    if left not in context.parties:
        raise LEFT_UNKNOWN(f"'{left}'", step=context.step)
    return left if len(context.parties) > 1 else None


@dataclass(frozen=True)
class _Others:
    """The rows that the left party alone has; the first of them follows the last common row."""

    count: int
    rows: Rows | None
    """Of the left party, where it is here."""
    keys: Hashes


def frame_of(
    context: RunContext, params: AlignParams, hashes: Mapping[str, Hashes], common: Mapping[str, Rows]
) -> VerticalFrame:
    """The frame of the common rows, in their order.

    :param hashes: (n, 32) of the datasets that are here, by owner.
    :param common: the row numbers of the common rows, by owner.
    """
    planning, left = context.planning, left_of(context.planning, params)
    first = next(iter(common))
    count = len(common[first])
    others = None if left is None else _others(context, left, hashes, common)
    keys = hashes[first].take(common[first], axis=0)
    parts, places = {}, {}
    for owner, rows in common.items():
        if others is not None and owner == left and others.rows is not None:
            more = others.rows
        else:
            more = np.full(0 if others is None else others.count, -1, np.int64)
        places[owner] = np.concatenate([rows, more])
        parts[owner] = context.datasets[owner].gather(places[owner], context.scratch)
    return VerticalFrame(
        rows=count if others is None else count + others.count,
        columns=dict(planning.columns),
        label_holder=planning.label_holder,
        label=planning.label,
        parts=parts,
        keys=keys if others is None else np.concatenate([keys, others.keys]),
        places=places,
        common=None if others is None else np.arange(count + others.count) < count,
        scratch=context.scratch,
    )


def _others(
    context: RunContext, left: str, hashes: Mapping[str, Hashes], common: Mapping[str, Rows]
) -> _Others:
    """Where all columns are in one place, in the order of the hashes, as the common rows are. Between parties
    in a random order, since the order of a table can say something of its rows."""
    count = context.planning.dataset_rows[left] - len(next(iter(common.values())))
    rows = None
    if left in common:
        rows = np.setdiff1d(np.arange(len(hashes[left])), common[left], assume_unique=True)
        own = hashes[left].take(rows, axis=0)
        if len(hashes) == len(context.parties):
            order = hash_order(own)
            return _Others(count, rows[order], own[order])
        rows = rows[np.argsort(draws(own, _ORDER + random_key(), ""))]
    numbers = np.arange(count, dtype="<u8").view(np.uint8)
    return _Others(count, rows, keyed_hashes((numbers, np.arange(0, 8 * count + 1, 8)), _OTHERS))
