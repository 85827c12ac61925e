"""The population stability index: how far one sample is from another, bin by bin.

PSI = sum over bins of (q - p) ln(q / p), p and q the bin's shares of the base and of the other sample: the
symmetrised Kullback-Leibler divergence [Jeffreys 1946]. Bins are of the base, and have enough of its rows
each. A bin without rows of a sample counts as half a row of it, where the index would be infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .record import LABEL, StabilityBin

__all__ = [
    "Counted",
    "compared",
    "counted",
    "counted_codes",
    "labels_of",
    "merged",
    "psi",
    "psi_told",
]

TOLD = 4
"""Decimals of indices that others are told, who could find out counts of few bins from all of them."""

CATEGORIES = 20
"""Categories that are bins of their own."""
DIFFERENT = 20
"""Numbers of a column that are so few are a bin each: weights of evidence, scores of a card, flags."""
MISSING, OTHER = "missing", "other"

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Counted:
    """Rows of both samples by bin."""

    labels: tuple[str, ...]
    base: Counts
    other: Counts

    @property
    def parts(self) -> Floats:
        """(bins,) what each adds to the index."""
        p, q = (np.maximum(one, 0.5) / max(1, one.sum()) for one in (self.base, self.other))
        return np.asarray((q - p) * np.log(q / p))

    def bins(self) -> tuple[StabilityBin, ...]:
        """As documents have them."""
        rows, base_rows = max(1, int(self.other.sum())), max(1, int(self.base.sum()))
        return tuple(
            StabilityBin(
                label=label[:LABEL],
                base_rows=int(before),
                rows=int(after),
                base_share=int(before) / base_rows,
                share=int(after) / rows,
                psi=float(part),
            )
            for label, before, after, part in zip(self.labels, self.base, self.other, self.parts, strict=True)
        )


def psi(counts: Counted) -> float:
    """The index of all bins together."""
    return float(counts.parts.sum())


def psi_told(counts: Counted) -> float:
    """What others than who has the rows are told of it."""
    return round(psi(counts), TOLD)


def compared(base: pa.ChunkedArray, other: pa.ChunkedArray, bins: int, least: int) -> Counted:
    """A column in two samples: numbers between quantiles of the base, or each by itself where they are few;
    texts by category, those beyond the twenty most frequent ones of the base, and new ones, together."""
    if pa.types.is_boolean(base.type):
        base, other = pc.cast(base, pa.int8()), pc.cast(other, pa.int8())
    if pa.types.is_integer(base.type) or pa.types.is_floating(base.type):
        return counted(_numbers(base), _numbers(other), bins, least)
    return _categories(base, other, least)


def _numbers(column: pa.ChunkedArray) -> Floats:
    return np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def counted(base: Floats, other: Floats, bins: int, least: int) -> Counted:
    """Numbers in two samples; NaN is missing.

    :param bins: at most, between quantiles of the base.
    :param least: rows of the base in each.
    """
    there = base[~np.isnan(base)]
    edges = np.unique(there)
    if len(edges) > max(bins, DIFFERENT):
        edges = np.unique(np.quantile(there, np.arange(1, bins) / bins, method="higher"))
        edges = edges[edges > there.min()]
    else:
        edges = edges[1:]
    rows = []
    for sample in (base, other):
        known = sample[~np.isnan(sample)]
        found = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
        rows.append((found, len(sample) - len(known)))
    return merged(labels_of(edges), rows[0][0], rows[1][0], (rows[0][1], rows[1][1]), least)


def labels_of(edges: Floats) -> list[str]:
    """Of the bins between inner edges."""
    ends = ["-inf", *(f"{edge:.6g}" for edge in edges), "inf"]
    return [
        f"{'(' if not number else '['}{ends[number]}, {ends[number + 1]})" for number in range(len(ends) - 1)
    ]


def _categories(base: pa.ChunkedArray, other: pa.ChunkedArray, least: int) -> Counted:
    """Neighbours in order of frequency are merged where they are too few."""
    found: list[dict[str, int]] = []
    for column in (base, other):
        counts = pc.value_counts(pc.drop_null(column).combine_chunks())
        names, numbers = counts.field("values").to_pylist(), counts.field("counts").to_pylist()
        found.append({str(name): int(count) for name, count in zip(names, numbers, strict=True)})
    ordered = sorted(found[0], key=lambda name: (-found[0][name], name))[:CATEGORIES]
    rows = [np.array([one.get(name, 0) for name in ordered] or [0], np.int64) for one in found]
    rest = [sum(one.values()) - int(known.sum()) for one, known in zip(found, rows, strict=True)]
    labels = ordered or [OTHER]
    if any(rest) and ordered:
        labels = [*labels, OTHER]
        rows = [np.append(known, left) for known, left in zip(rows, rest, strict=True)]
    elif not ordered:
        rows = [np.array([left], np.int64) for left in rest]
    return merged(labels, rows[0], rows[1], (base.null_count, other.null_count), least)


def counted_codes(
    labels: Sequence[str], base: NDArray[np.int64], other: NDArray[np.int64], least: int
) -> Counted:
    """Bins that a step before has made.

    :param base: (rows,) number of each row's bin; -1 for a value that has none.
    """
    new = bool((base < 0).any() or (other < 0).any())
    names = [*labels, "new"] if new else list(labels)
    rows = [np.bincount(np.where(one < 0, len(labels), one), minlength=len(names)) for one in (base, other)]
    kept = (rows[0] > 0) | (rows[1] > 0)
    names = [name for name, stays in zip(names, kept, strict=True) if stays]
    return merged(names, rows[0][kept], rows[1][kept], (0, 0), least)


def merged(
    labels: Sequence[str], base: Counts, other: Counts, missing: tuple[int, int], least: int
) -> Counted:
    """Bins with fewer than ``least`` rows of the base joined with their neighbours. What is missing is a bin
    of its own where it is enough in either sample, else in the first one."""
    starts: list[int] = []
    begin = True
    seen = 0
    for place, rows in enumerate(base.tolist()):
        if begin:
            starts.append(place)
            seen, begin = 0, False
        seen += rows
        begin = seen >= least
    if not begin and len(starts) > 1:
        starts.pop()
    names = _joined(labels, starts)
    before, after = np.add.reduceat(base, starts), np.add.reduceat(other, starts)
    if max(missing) >= max(1, least):
        names = [*names, MISSING]
        before, after = np.append(before, missing[0]), np.append(after, missing[1])
    else:
        before[0] += missing[0]
        after[0] += missing[1]
    return Counted(tuple(names), before.astype(np.int64), after.astype(np.int64))


def _joined(labels: Sequence[str], starts: Sequence[int]) -> list[str]:
    """Names of bins that are neighbours: of ranges the range from the first to the last."""
    names = []
    for start, stop in zip(starts, [*starts[1:], len(labels)], strict=True):
        first, last = labels[start], labels[stop - 1]
        ranges = first.startswith(("[", "(")) and last.startswith(("[", "(")) and "," in first
        if stop - start == 1:
            names.append(first)
        elif ranges:
            names.append(f"{first.split(', ')[0]}, {last.split(', ')[-1]}")
        else:
            names.append(", ".join(labels[start:stop]))
    return names
