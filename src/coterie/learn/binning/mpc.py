"""Labels counted by group, and groups that are too small merged, on shares.

A group may end at slot j after an end at slot p just if enough goods and enough bads lie in (p, j]. That is
compared for all p < j at once. The first such j is where the group after p ends: one truth value of each row
of these comparisons. Which of the ends are reached from the first slot follows in one round for each slot. An
end counts if another group can end after it; so what is left goes to the last group. This is the merging of
:mod:`coterie.learn.binning.merging`, to the last slot.

Only bads are counted: an owner knows the rows of its groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import FrameShape
from coterie.mpc import Bits, Context, Program, RowBlocks, Secret
from coterie.mpc import functions as fn

from .groups import Groups
from .merging import Merged, cut

__all__ = ["MOST_ROWS", "inputs", "merged_of", "program_of"]

MOST_ROWS = 2**29
"""Number formats hold as many, however many there are, so that a plan for fewer rows is none for others."""
_LABELS = "labels"


def program_of(shape: FrameShape, columns: Mapping[str, Sequence[str]], slots: int, least: int) -> Program:
    """Counts of the columns of all owners but the label holder, each to its owner.

    :param columns: by owner, without the label holder.
    """

    def program(ctx: Context) -> None:
        labels = ctx.private(_LABELS, shape.label_holder, (shape.rows,), (0, 1), 0)
        with ctx.section("counting"):
            groups = [
                ctx.private(_slots(owner, number), owner, labels.shape, (0, slots - 1), 0)
                for owner, names in columns.items()
                for number, _ in enumerate(names)
            ]
            bads = fn.segment_tally(labels, groups, slots)
            rows = fn.concatenate(
                [
                    ctx.private(_rows(owner), owner, (len(names), slots), (0, MOST_ROWS), 0).secret()
                    for owner, names in columns.items()
                ]
            )
        with ctx.section("merging"):
            until, all_rows = (ctx.within(fn.cumsum(x, 1), (0, MOST_ROWS)) for x in (bads, rows))
            kept = _ends(ctx, until, all_rows, least)
            shown = fn.where(kept, until[:, :-1], 0)
        first = 0
        for owner, names in columns.items():
            own = slice(first, first + len(names))
            first += len(names)
            ctx.reveal(kept[own], (owner,), f"ends of {owner}")
            ctx.reveal(shown[own], (owner,), f"bads of {owner}")
            ctx.reveal(until[own, -1], (owner,), f"all bads, to {owner}")

    return program


def _ends(ctx: Context, bads: Secret, rows: Secret, least: int) -> Bits:
    """(columns, slots - 1): whether a group ends at a slot, the last one apart.

    :param bads: (columns, slots) up to each slot, as ``rows`` are.
    """
    slots = bads.shape[1]
    before, after = np.triu_indices(slots + 1, 1)  # of ends, of which 0 is before the first slot
    enough = _enough(ctx, bads, rows, before, after, least)
    place = {pair: number for number, pair in enumerate(zip(before.tolist(), after.tolist(), strict=True))}

    def pairs(start: int) -> Bits:
        """(columns, ends after start) whether enough lies between."""
        first = place[start, start + 1]
        return enough[:, first : first + slots - start]

    reached: Bits | None = None  # of the ends that are left
    ends: list[Bits] = []
    for start in range(slots):
        possible = pairs(start)
        is_next = possible
        if start < slots - 1:
            is_next = fn.concatenate([possible[:, :1], possible[:, 1:] ^ possible[:, :-1]], 1)
        if reached is None:
            reached = is_next
        else:
            here, reached = reached[:, :1], reached[:, 1:]
            both = fn.logical_and(here, fn.concatenate([is_next, possible[:, -1:]], 1))
            reached = reached ^ both[:, :-1]
            ends.append(both[:, -1:])
    return fn.concatenate(ends, 1)


def _enough(
    ctx: Context, bads: Secret, rows: Secret, before: NDArray[Any], after: NDArray[Any], least: int
) -> Bits:
    """(columns, pairs): at least ``least`` goods and bads between two ends."""

    def between(until: Secret) -> Secret:
        zeros = ctx.zeros((until.shape[0], 1), 0)
        ends = fn.concatenate([zeros, until], 1)
        counts: Secret = fn.take(ends, after, 1) - fn.take(ends, before, 1)
        return ctx.within(counts, (0, MOST_ROWS))

    bad = between(bads)
    good = ctx.within(between(rows) - bad, (0, MOST_ROWS))
    few = fn.less(fn.concatenate([bad, good], 1), least, many=True)
    count = len(before)
    return fn.logical_and(fn.logical_not(few[:, :count]), fn.logical_not(few[:, count:]))


def inputs(
    labels: NDArray[np.int8] | None, groups: Mapping[str, Sequence[Groups]]
) -> dict[str, NDArray[Any] | RowBlocks]:
    """A party's own plaintext.

    :param labels: at the label holder.
    :param groups: by owner, of the owners here whose columns are counted.
    """
    own: dict[str, NDArray[Any] | RowBlocks] = {}
    if labels is not None:
        own[_LABELS] = labels.astype(np.float64)
    for owner, columns in groups.items():
        own[_rows(owner)] = np.array([one.counted for one in columns], np.float64)
        for number, one in enumerate(columns):
            own[_slots(owner, number)] = _blocks(one.slots)
    return own


def _blocks(slots: NDArray[np.uint8]) -> RowBlocks:
    return RowBlocks(slots.shape, lambda start, stop: slots[start:stop])


def merged_of(owner: str, groups: Sequence[Groups], revealed: Mapping[str, NDArray[Any]]) -> list[Merged]:
    """What was revealed to an owner, as counts of merged groups of its columns."""
    ends, bads = revealed[f"ends of {owner}"], revealed[f"bads of {owner}"]
    every = revealed[f"all bads, to {owner}"]
    found = []
    for one, here, until, total in zip(groups, ends, bads, every, strict=True):
        counts = np.append(np.rint(until), np.rint(total)).astype(np.int64)
        found.append(cut(one.counted, counts, np.append(np.flatnonzero(here) + 1, len(one.rows))))
    return found


def _slots(owner: str, number: int) -> str:
    return f"groups of {owner}/{number}"


def _rows(owner: str) -> str:
    return f"rows by group of {owner}"
