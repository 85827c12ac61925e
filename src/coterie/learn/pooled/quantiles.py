"""Quantiles of the pooled rows, by sums alone, and so that no sum tells of few rows.

Before anything is counted, each party puts its own values of a column, in their order, into groups of at
least as many rows as the smallest group that may be shown, and takes the middle value of a group for all of
it; what is left at the end belongs to the last group. Whatever is counted afterwards, and whatever two counts
differ by, is of such groups. A value moves by fewer than ``2 * least`` ranks among its owner's rows.

Values are rounded to 25 significant bits and written as numbers of 36 bits that keep their order: sign and
exponent, then 24 bits of the mantissa. First all rows are counted by their leading 12 bits; then, bits by
bits, by the next ones within each cell that has a wanted quantile in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import Total
from coterie.learn.pooled.wide import WHOLE, Adding

__all__ = ["Grouped", "Quantiles", "group_values", "grouped_values", "quantile_totals", "quantiles"]

Floats = NDArray[np.float64]
Codes = NDArray[np.uint64]
Counts = NDArray[np.int64]

COUNTS = (
    "how many of all rows have values of each column between powers of two, each party's in groups of no "
    "fewer than the smallest group"
)
FINER = "the same between finer and finer bounds, around the quantiles of each column"

HEAD = 12
TAIL = 24
_DROPPED = 64 - HEAD - TAIL
_SIGN = np.uint64(1 << 63)
FEW = 32
"""Quantiles up to which a level looks at eight bits at once; above it at four."""


@dataclass(frozen=True)
class Grouped:
    """One column of one party."""

    codes: Codes
    """(groups,) ascending: the middle value of each."""
    counts: Counts
    """(groups,) rows."""


@dataclass(frozen=True)
class Quantiles:
    """Of one column, over all parties."""

    values: Floats
    """(wanted,) ascending with the fractions; NaN where no party has a group."""
    rows: int
    """That were counted."""


def codes_of(values: Floats) -> Codes:
    """(n,) in the order of the values."""
    bits = (values + 0.0).view(np.uint64)  # no negative zero
    half, mask = np.uint64(1 << (_DROPPED - 1)), np.uint64(2**64 - 2**_DROPPED)
    rounded = np.minimum(bits & ~_SIGN, np.uint64(0x7FEFFFFFF << _DROPPED)) + half & mask
    keys = np.where(bits & _SIGN != 0, ~(rounded | _SIGN), rounded | _SIGN)
    return np.asarray(keys >> np.uint64(_DROPPED))


def group_values(codes: Codes) -> Floats:
    """The rounded values that have these codes."""
    keys = codes << np.uint64(_DROPPED)
    negative = keys & _SIGN == 0
    bits = np.where(negative, ~(keys | np.uint64(2**_DROPPED - 1)), keys & ~_SIGN)
    return bits.view(np.float64)


def grouped_values(values: Floats, least: int) -> tuple[Grouped, Codes]:
    """Groups of one party's values, and (n,) the code of each row's group; none where there are fewer rows
    than ``least``.

    :param values: (n,) finite.
    """
    codes, least = codes_of(values), max(1, least)
    if len(codes) < least:
        return Grouped(np.zeros(0, np.uint64), np.zeros(0, np.int64)), np.zeros(0, np.uint64)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    ends: list[int] = []
    end = 0
    while end + least <= len(ordered):
        end = int(np.searchsorted(ordered, ordered[end + least - 1], side="right"))
        ends.append(end)
    bounds = np.array([0, *ends[:-1], len(ordered)])
    counts = np.diff(bounds)
    middle = ordered[(bounds[:-1] + bounds[1:] - 1) // 2]
    own = np.empty_like(codes)
    own[order] = np.repeat(middle, counts)
    return Grouped(middle, counts), own


def _bits(wanted: int) -> int:
    return 8 if wanted <= FEW else 4


def quantile_totals(columns: int, wanted: int) -> tuple[Total, Total]:
    """What :func:`quantiles` takes.

    :param wanted: fractions.
    """
    bits = _bits(wanted)
    return (
        Total(COUNTS, columns << HEAD, WHOLE),
        Total(FINER, columns * wanted << bits, WHOLE, times=TAIL // bits, fewer=True),
    )


def quantiles(adding: Adding, columns: Sequence[Grouped], fractions: Floats) -> list[Quantiles]:
    """For each column the values at ranks floor(fraction * (rows - 1)). All parties call it."""
    heads = [_counted(one, HEAD + TAIL, np.zeros(1, np.uint64), HEAD) for one in columns]
    told = adding(COUNTS, np.concatenate(heads).ravel().astype(np.float64), WHOLE)
    searches = [
        _Search.of(counts, fractions) for counts in np.rint(told).astype(np.int64).reshape(-1, 1 << HEAD)
    ]
    bits = _bits(len(fractions))
    for left in range(TAIL, 0, -bits):
        if not any(len(one.cells) for one in searches):
            break
        parts = [
            _counted(one, left, search.cells, bits) for one, search in zip(columns, searches, strict=True)
        ]
        told = adding(FINER, np.concatenate(parts).ravel().astype(np.float64), WHOLE)
        whole, start = np.rint(told).astype(np.int64).reshape(-1, 1 << bits), 0
        for search in searches:
            cells = len(search.cells)
            search.refine(whole[start : start + cells], bits)
            start += cells
    return [one.result(len(fractions)) for one in searches]


def _counted(column: Grouped, left: int, cells: Codes, bits: int) -> Counts:
    """(cells, 2^bits) rows of one party by the next bits of their codes, in cells that the bits before name.

    :param left: bits of a code that are not looked at yet.
    """
    result = np.zeros((len(cells), 1 << bits), np.int64)
    if not len(cells) or not len(column.codes):
        return result
    prefix = column.codes >> np.uint64(left)
    place = np.minimum(np.searchsorted(cells, prefix), len(cells) - 1)
    inside = cells[place] == prefix
    digit = (column.codes >> np.uint64(left - bits)) & np.uint64((1 << bits) - 1)
    np.add.at(result, (place[inside], digit[inside].astype(np.int64)), column.counts[inside])
    return result


class _Search:
    """Of one column: which cell each wanted rank lies in."""

    def __init__(self, rows: int, cells: Codes, where: Counts, ranks: Counts) -> None:
        self.rows, self.cells = rows, cells
        self._where, self._ranks = where, ranks

    @staticmethod
    def of(counts: Counts, fractions: Floats) -> _Search:
        rows = int(counts.sum())
        if not rows:
            return _Search(0, np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))
        ranks = np.floor(fractions * (rows - 1) + 1e-9).astype(np.int64)
        search = _Search(rows, np.zeros(1, np.uint64), np.zeros(len(ranks), np.int64), ranks)
        search.refine(counts[None], HEAD)
        return search

    def refine(self, counts: Counts, bits: int) -> None:
        """:param counts: (cells, 2^bits) over all parties."""
        if not len(self.cells):
            return
        until = np.cumsum(counts, axis=1)
        digits = np.array(
            [
                np.searchsorted(until[cell], rank, side="right")
                for cell, rank in zip(self._where, self._ranks, strict=True)
            ]
        )
        before = np.where(digits > 0, until[self._where, np.maximum(digits - 1, 0)], 0)
        self._ranks = self._ranks - before
        found = self.cells[self._where] << np.uint64(bits) | digits.astype(np.uint64)
        self.cells, self._where = np.unique(found, return_inverse=True)

    def result(self, wanted: int) -> Quantiles:
        if not self.rows:
            return Quantiles(np.full(wanted, np.nan), 0)
        return Quantiles(group_values(self.cells[self._where]), self.rows)
