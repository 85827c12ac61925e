"""Bins of a column's values on which parties agree by counts alone.

Values are float32, whose bits can be put in the order of the values: 2^32 places. The parties count their
values on a public grid of these places, 4096 cells at first, and only the totals become known. Where a cell
has many rows it is cut into 32, and counted again, down to single values if need be: at most five totals, of
all columns together. So

- a column of not more than ``bins`` different values is cut between each two of them, at the value above:
  these are the bins of XGBoost's "hist";
- another one is cut where its quantiles are, to a quarter of a bin;
- a cell with fewer than ``floor`` rows is never looked into, and no bin has fewer: its rows are put to their
  neighbours'. A value of which there are fewer rows is known no better than to the cell it is in, which is an
  eighth of the step to the next power of two, or a 32nd part of a larger cell with at least ``floor`` rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.learn.boosting.columns import Matrix
from coterie.learn.linear import Floats

__all__ = ["FANOUT", "FIRST", "STEPS", "Bins", "agreed", "most_cells"]

Places: TypeAlias = NDArray[np.int64]
Counting: TypeAlias = Callable[[int, Floats], Floats]
"""Step and own counts to the totals of all parties."""

TOP, STEP = 12, 5
FIRST, FANOUT = 1 << TOP, 1 << STEP
STEPS = 1 + (32 - TOP) // STEP
"""Totals, at most."""
PARTS = 4
"""A cell is cut where it has more rows than this part of a bin."""
CODES = 256
"""Bins that fit a byte."""


@dataclass(frozen=True)
class Bins:
    """Of each column: bin b holds the values from ``cuts[b - 1]`` to below ``cuts[b]``."""

    cuts: tuple[NDArray[np.float32], ...]
    """Ascending; one less than bins."""
    gaps: NDArray[np.bool_]
    """(width,) whether values are missing, which have a bin of their own, the last."""
    present: NDArray[np.bool_]
    """(width,) whether there is any value."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """(width,) bins, that of missing values too."""
        return np.array([len(cuts) + 1 for cuts in self.cuts], np.int64) + self.gaps


@dataclass(frozen=True)
class _Cells:
    """Those of a column that have values, in order."""

    first: Places
    """Their first places."""
    bits: Places
    """They have 2^bits places."""
    rows: Places

    def inner(self, which: NDArray[np.bool_]) -> Places:
        """(cells, FANOUT + 1) limits of the parts of some of them."""
        steps = np.arange(FANOUT + 1, dtype=np.int64) << (self.bits[which, None] - STEP)
        return self.first[which, None] + steps

    def wanted(self, bins: int, floor: int) -> NDArray[np.bool_]:
        """Which are to be cut. Where there are more than ``bins``, so are the values: then quantiles do."""
        least = floor if len(self.rows) <= bins else max(floor, self.rows.sum() / (PARTS * bins))
        return (self.bits > 0) & (self.rows >= least)

    def cut(self, which: NDArray[np.bool_], rows: Places) -> _Cells:
        """With the parts of some in their place, which have so many rows."""
        bits = np.repeat(self.bits[which] - STEP, FANOUT)
        first = self.inner(which)[:, :-1].ravel()
        whole = _Cells(*map(np.concatenate, ((self.first[~which], first), (self.bits[~which], bits),
                                             (self.rows[~which], rows))))  # fmt: skip
        return whole.kept()

    def kept(self) -> _Cells:
        """Those with values, in order."""
        order = np.argsort(self.first)
        order = order[self.rows[order] > 0]
        return _Cells(self.first[order], self.bits[order], self.rows[order])


def most_cells(width: int, rows: int, bins: int, floor: int) -> int:
    """Counts of a later total, at most."""
    return width * FANOUT * min(PARTS * bins, max(1, rows // floor))


def agreed(values: Matrix, rows: int, bins: int, floor: int, total: Counting) -> Bins:
    """The bins of all parties' values.

    :param values: (own rows, width), NaN where missing.
    :param rows: of all parties. :param bins: of a column, at most. :param floor: least rows of a bin.
    :param total: called ``STEPS`` times at most: at first for (width, FIRST) counts, then for some times
        FANOUT. All parties' calls are of the same shapes.
    """
    own = [_places(column) for column in values.T]
    start = np.arange(FIRST + 1, dtype=np.int64) << (32 - TOP)
    counts = total(0, np.stack([_counted(places, start) for places in own]).astype(np.float64))
    bits = np.full(FIRST, 32 - TOP, np.int64)
    cells = [_Cells(start[:-1], bits, np.rint(column).astype(np.int64)).kept() for column in counts]
    for step in range(1, STEPS):
        which = [one.wanted(bins, floor) for one in cells]
        sizes = [FANOUT * int(one.sum()) for one in which]
        if not sum(sizes):
            break
        mine = [_parts(places, one.inner(some)) for places, one, some in zip(own, cells, which, strict=True)]
        found = np.rint(total(step, np.concatenate(mine).astype(np.float64))).astype(np.int64)
        parts = np.split(found, np.cumsum(sizes)[:-1])
        cells = [one.cut(some, rows) for one, some, rows in zip(cells, which, parts, strict=True)]
    gaps = np.array([one.rows.sum() < rows for one in cells])
    # With its missing values a column of bins for which a byte is enough has to fit the byte, too.
    most = [bins - 1 if gap and bins == CODES else bins for gap in gaps]
    cuts = [_cuts(one, some, floor) for one, some in zip(cells, most, strict=True)]
    return Bins(tuple(cuts), gaps, np.array([len(one.rows) > 0 for one in cells]))


def _places(column: NDArray[np.float32]) -> Places:
    """Of the values that are there, ascending: 0 to 2^32 - 1, in the order of the values."""
    present = column[~np.isnan(column)] + np.float32(0)  # so that -0 is 0
    bits = present.view(np.uint32)
    return np.sort(np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))).astype(np.int64)


def _values(places: Places) -> NDArray[np.float32]:
    bits = places.astype(np.uint32)
    return np.where(bits >> 31, bits & np.uint32(2**31 - 1), ~bits).view(np.float32)


def _counted(places: Places, limits: Places) -> Places:
    return np.diff(np.searchsorted(places, limits))


def _parts(places: Places, limits: Places) -> Places:
    """Rows of all parts of some cells."""
    return np.diff(np.searchsorted(places, limits), axis=1).ravel()


def _cuts(cells: _Cells, bins: int, floor: int) -> NDArray[np.float32]:
    """At the first place of each cell that begins a bin."""
    below = np.cumsum(cells.rows)[:-1]
    if len(cells.rows) <= bins:
        begins = np.arange(1, len(cells.rows))
    else:
        wanted = np.arange(1, bins) * (cells.rows.sum() / bins)
        begins = np.unique(_nearest(below, wanted)) + 1
    return _values(cells.first[_thinned(below, begins, int(cells.rows.sum()), floor)])


def _nearest(ascending: Places, wanted: Floats) -> Places:
    right = np.clip(np.searchsorted(ascending, wanted), 1, max(1, len(ascending) - 1))
    left = right - 1
    right = np.minimum(right, len(ascending) - 1)
    return np.where(wanted - ascending[left] <= ascending[right] - wanted, left, right)


def _thinned(below: Places, begins: Places, rows: int, floor: int) -> Sequence[int]:
    """Those of ``begins`` that leave at least ``floor`` rows in every bin."""
    kept: list[int] = []
    last = 0
    for one in begins.tolist():
        if below[one - 1] - last >= floor and rows - below[one - 1] >= floor:
            kept.append(one)
            last = below[one - 1]
    return kept
