"""Groups that are too small to be shown, merged along their order. The plain twin of what is done on shares.

From the first slot on, slots are put together until they have enough goods and enough bads, and the next
group begins. What is left at the end belongs to the last group. So every group has enough of both, where all
slots together have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Merged", "merge"]

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Merged:
    """Groups of adjacent slots, in order."""

    ends: Integers
    """(groups,) one past the last slot of each."""
    rows: Integers
    bads: Integers

    @property
    def goods(self) -> Integers:
        return self.rows - self.bads

    @property
    def spans(self) -> list[range]:
        """The slots of each."""
        starts = [0, *self.ends[:-1].tolist()]
        return [range(start, end) for start, end in zip(starts, self.ends.tolist(), strict=True)]


def merge(rows: Integers, bads: Integers, least: int) -> Merged:
    """Groups with at least ``least`` goods and bads each.

    :param rows: (slots,) of each slot.
    :param bads: (slots,) those of them with label 1.
    """
    ends: list[int] = []
    good = bad = 0
    for slot in range(len(rows)):
        good += int(rows[slot] - bads[slot])
        bad += int(bads[slot])
        if good >= least and bad >= least:
            ends.append(slot + 1)
            good = bad = 0
    return cut(rows, np.cumsum(bads), np.array([*ends[:-1], len(rows)], np.int64))


def cut(rows: Integers, bads_until: Integers, ends: Integers) -> Merged:
    """The groups with these ends.

    :param bads_until: (slots,) bads up to each slot, that included; only those at the ends are looked at.
    """
    last = ends - 1
    return Merged(ends, np.diff(np.cumsum(rows)[last], prepend=0), np.diff(bads_until[last], prepend=0))
