"""The frame "all": the rows of the common ids, and with ``join: left`` the other rows of one party."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes
from coterie.data import VerticalFrame
from coterie.learn.component import PlanContext, RunContext
from coterie.learn.keys import hash_order

from .errors import LEFT_UNKNOWN
from .params import AlignParams
from .repeats import Combined, combined, own_counts, rows_of_ids

__all__ = ["frame_of", "left_of"]

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
    """The frame of the common ids, in their order.

    :param hashes: (ids, 32) of the datasets that are here, by owner.
    :param common: the places of the common ids, by owner.

    Errors: CT-3223, CT-3224.
    """
    planning, left = context.planning, left_of(context.planning, params)
    repeats = combined(context, params, common) if planning.repeated_ids else None
    first = next(iter(common))
    keys = hashes[first].take(common[first], axis=0)
    if repeats is not None:
        keys = repeats.keys(keys)
    others = None if left is None else _others(context, left, hashes, common, repeats)
    parts, places = {}, {}
    for owner, ids in common.items():
        rows = rows_of_ids(context, context.datasets[owner], ids)
        if repeats is not None:
            rows = repeats.of(owner, rows)
        if others is not None:
            lacking = np.full(others.count, -1, np.int64)
            more = others.rows if owner == left and others.rows is not None else lacking
            rows = np.concatenate([rows, more])
        places[owner] = rows
        parts[owner] = context.datasets[owner].gather(rows, context.scratch)
    count = len(keys) if others is None else len(keys) + others.count
    return VerticalFrame(
        rows=count,
        columns=dict(planning.columns),
        label_holder=planning.label_holder,
        label=planning.label,
        parts=parts,
        keys=keys if others is None else np.concatenate([keys, others.keys]),
        places=places,
        common=None if others is None else np.arange(count) < len(keys),
        repeats=repeats is not None,
        scratch=context.scratch,
    )


def _others(
    context: RunContext,
    left: str,
    hashes: Mapping[str, Hashes],
    common: Mapping[str, Rows],
    repeats: Combined | None,
) -> _Others:
    """Where all columns are in one place, in the order of the hashes, as the common rows are. Between parties
    in a random order, since the order of a table can say something of its rows."""
    planning, rows = context.planning, None
    if repeats is None:
        count = planning.dataset_rows[left] - len(next(iter(common.values())))
    else:
        count = planning.all_rows[left] - int(repeats.counts[left].sum())
    if left in common:
        dataset = context.datasets[left]
        ids = np.setdiff1d(np.arange(len(hashes[left])), common[left], assume_unique=True)
        if len(hashes) == len(context.parties):
            ids = ids[hash_order(hashes[left].take(ids, axis=0))]
            keys = hashes[left].take(ids, axis=0)
            if repeats is not None:
                keys = Combined({left: own_counts(dataset, ids)}, count, context.step).keys(keys)
            return _Others(count, rows_of_ids(context, dataset, ids), keys)
        rows = rows_of_ids(context, dataset, ids)
        rows = rows[np.argsort(np.frombuffer(secrets.token_bytes(8 * len(rows)), np.uint64))]
    numbers = np.arange(count, dtype="<u8").view(np.uint8)
    return _Others(count, rows, keyed_hashes((numbers, np.arange(0, 8 * count + 1, 8)), _OTHERS))
