"""Ids that have several rows: for a common id the frame has every combination of the parties' rows of it.

So all parties must know how many rows each of them has of each common id. A party whose dataset has repeated
ids tells the others, in the order of the common rows, in one message of the length that is planned: for as
many ids as could be common.

Keys of a frame's rows begin with 24 bytes of the id's key and end with the number of the combination.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.data import Dataset
from coterie.learn.component import PlanContext, Reveal, RunContext

from .errors import COUNTS_INVALID, ROWS_TOO_FEW, ROWS_UNBOUNDED, TOO_MANY_ROWS
from .params import AlignParams

__all__ = ["Combined", "combined", "counts_plan", "most_rows", "own_counts", "rows_of_ids"]

TAG = "rows of ids"
_COUNT = np.dtype("<u4")
_UNBOUNDED = 1 << 60
_KEPT = 24
"""Bytes of an id's key in those of its rows."""

Rows = NDArray[np.int64]


def most_rows(context: PlanContext, params: AlignParams, left: str | None) -> int:
    """The most rows that the frame can have.

    Where one party alone repeats ids, its rows bound that; where several do the job must say, as what follows
    is planned for so many.

    :param left: the party whose other rows follow those of the common ids.

    Errors: CT-3222; CT-3229 for fewer than must be common.
    """
    if params.most_rows is not None and params.most_rows < context.min_rows:
        detail = f"`most_rows` is {params.most_rows:,}, and {context.min_rows:,} rows must be common"
        raise ROWS_TOO_FEW(detail, step=context.step)
    ids, repeated = context.dataset_rows, context.repeated_ids
    if len(repeated) > 1 and params.most_rows is None:
        raise ROWS_UNBOUNDED(", ".join(repeated), step=context.step)
    bounds = []
    if len(repeated) <= 1:
        whole = min(ids[party] for party in context.parties) if left is None else ids[left]
        bounds.append(whole + sum(_rows(context, party) - ids[party] for party in repeated))
    if params.most_rows is not None:
        bounds.append(params.most_rows + (0 if left is None else _rows(context, left)))
    return min(bounds)


def _rows(context: PlanContext, party: str) -> int:
    return context.all_rows.get(party, context.dataset_rows[party])


def counts_plan(
    context: PlanContext, sent: Mapping[str, Mapping[str, int]], rounds: Mapping[str, int]
) -> tuple[dict[str, Any], tuple[Reveal, ...]]:
    """Fields ``sent`` and ``rounds`` with what the parties tell each other of repeated ids, and its reveals.

    :param sent: and ``rounds``, of the messages before.
    """
    bound = min(context.dataset_rows[party] for party in context.parties)
    total = {party: dict(to) for party, to in sent.items()}
    after, reveals = dict(rounds), []
    for party in context.repeated_ids:
        others = tuple(one for one in context.parties if one != party)
        for one in others:
            peers = total.setdefault(party, {})
            peers[one] = peers.get(one, 0) + _COUNT.itemsize * bound
            after[one] = max(after[one], rounds[party] + 1)
        reveals.append(Reveal(f"how many rows {party} has of each common id", others, bound))
    return {"sent": total, "rounds": after}, tuple(reveals)


def own_counts(dataset: Dataset, ids: Rows) -> Rows:
    """(len(ids),) how many rows the ids at these places have."""
    if dataset.groups is None:
        return np.ones(len(ids), np.int64)
    return np.diff(dataset.groups.offsets)[ids]


def told_counts(context: RunContext, common: Mapping[str, Rows]) -> dict[str, Rows]:
    """(common ids,) how many rows each party has of each of them, by party.

    :param common: places of the common ids in the datasets that are here, by owner.

    Errors: CT-3223 for counts that cannot be.
    """
    planning = context.planning
    count = len(next(iter(common.values())))
    bound = min(planning.dataset_rows[party] for party in context.parties)
    found = {owner: own_counts(context.datasets[owner], ids) for owner, ids in common.items()}
    others = [party for party in context.parties if party not in found]
    if others and context.me in planning.repeated_ids:
        told = np.zeros(bound, _COUNT)
        told[:count] = found[context.me]
        for party in others:
            context.mesh.to(party).send_array(TAG, told)
    for party in others:
        if party not in planning.repeated_ids:
            found[party] = np.ones(count, np.int64)
            continue
        counts = context.mesh.to(party).recv_array(TAG, _COUNT, (bound,)).astype(np.int64)
        most = _rows(planning, party) - (planning.dataset_rows[party] - count)
        if (counts[:count] < 1).any() or counts[count:].any() or counts.sum() > most:
            raise COUNTS_INVALID(f"of {count} common ids", party=party, step=context.step)
        found[party] = counts[:count]
    return found


class Combined:
    """The combinations of the parties' rows, id after id in the common order."""

    def __init__(self, counts: Mapping[str, Rows], most: int, step: str) -> None:
        """:param counts: by party, in the order that all parties have.

        Errors: CT-3224 for more than ``most`` of them.
        """
        self.counts = counts
        """(common ids,) rows of each, by party."""
        # No wrap: of a product beyond 2^63 the float is beyond any bound, too.
        if np.prod(np.array(list(counts.values()), np.float64), axis=0).sum() > most:
            raise TOO_MANY_ROWS(f"more than {most:,}", step=step)
        self._each = np.prod(np.array(list(counts.values()), np.int64), axis=0)
        self._starts = np.cumsum(self._each) - self._each
        self.ids = np.repeat(np.arange(len(self._each)), self._each)
        """(rows,) which of the common ids each row is of."""

    @property
    def rows(self) -> int:
        return len(self.ids)

    @property
    def numbers(self) -> Rows:
        """(rows,) of each row, among those of its id."""
        found: Rows = np.arange(self.rows) - self._starts[self.ids]
        return found

    def of(self, party: str, rows: Rows) -> Rows:
        """(rows,) that party's row in each combination.

        :param rows: its rows of the common ids, id after id.
        """
        counts = self.counts[party]
        after = [name for place, name in enumerate(self.counts) if place > list(self.counts).index(party)]
        stride = np.prod(np.array([self.counts[name] for name in after], np.int64), axis=0, dtype=np.int64)
        stride = np.broadcast_to(stride, counts.shape)
        which = self.numbers // stride[self.ids] % counts[self.ids]
        found: Rows = rows[(np.cumsum(counts) - counts)[self.ids] + which]
        return found

    def keys(self, keys: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(rows, 32) from the (ids, 32) keys of the common ids."""
        found = keys.take(self.ids, axis=0)
        found[:, _KEPT:] = self.numbers.astype("<u8").view(np.uint8).reshape(-1, 8)
        return found


def combined(context: RunContext, params: AlignParams, common: Mapping[str, Rows]) -> Combined:
    """The rows of the common ids. Errors: CT-3223, CT-3224."""
    counts = told_counts(context, common)
    most = params.most_rows or _UNBOUNDED
    return Combined({party: counts[party] for party in context.parties}, most, context.step)


def rows_of_ids(context: RunContext, dataset: Dataset, ids: Rows) -> Rows:
    """The rows of the ids at these places, id after id; those of one id between parties in a random order, as
    the order of a table can say something of its rows."""
    if dataset.groups is None:
        return ids
    rows, counts = dataset.groups.of(ids)
    if len(context.mine) == len(context.parties):
        return rows
    drawn = np.frombuffer(secrets.token_bytes(8 * len(rows)), np.uint64)
    return rows[np.lexsort((drawn, np.repeat(np.arange(len(ids)), counts)))]
