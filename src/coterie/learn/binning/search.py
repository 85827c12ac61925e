"""Final bins out of finer ones: ChiMerge, and the bins with the highest information value.

Both take counts of goods and bads in order, and say where bins begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .params import Trend

__all__ = ["Limits", "chimerge", "optimal"]

_EQUAL = 1e-12
"""Information values that differ by less are equal: neighbours of one rate are not told apart by rounding."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """What final bins keep to."""

    most: int
    """Bins at most."""
    rows: int
    """Rows of a bin at least, unless there is but one."""


def chimerge(goods: Integers, bads: Integers, limits: Limits, confidence: float) -> list[int]:
    """First places of bins, ascending, 0 the first. After R. Kerber, ChiMerge (AAAI 1992).

    The two neighbours with the lowest chi-squared are merged, the first of equals, while there are too many
    bins, or the lowest is below the quantile of ``confidence``; then the smallest bin with too few rows with
    the neighbour that it differs less from.
    """
    threshold = NormalDist().inv_cdf((1 + confidence) / 2) ** 2  # with one degree of freedom
    counts = [np.array(pair, np.float64) for pair in zip(goods, bads, strict=True)]
    starts = list(range(len(counts)))

    def join(left: int) -> None:
        counts[left : left + 2] = [counts[left] + counts[left + 1]]
        del starts[left + 1]

    while len(counts) > 1:
        distances = _distances(np.array(counts))
        nearest = int(np.argmin(distances))
        if len(counts) <= limits.most and distances[nearest] >= threshold:
            break
        join(nearest)
    while len(counts) > 1:
        sizes = [pair.sum() for pair in counts]
        smallest = int(np.argmin(sizes))
        if sizes[smallest] >= limits.rows:
            break
        distances = np.pad(_distances(np.array(counts)), 1, constant_values=np.inf)
        join(smallest - 1 if distances[smallest] <= distances[smallest + 1] else smallest)
    return starts


def _distances(counts: Floats) -> Floats:
    """Chi-squared of each bin with the next one."""
    left, right = counts[:-1], counts[1:]
    rows, columns = np.stack([left.sum(1), right.sum(1)], 1), left + right
    expected = rows[:, :, None] * columns[:, None, :] / columns.sum(1)[:, None, None]
    found = np.stack([left, right], 1)
    terms = np.divide((found - expected) ** 2, expected, out=np.zeros_like(expected), where=expected > 0)
    return np.asarray(terms.sum((1, 2)))


def optimal(goods: Integers, bads: Integers, limits: Limits, trend: Trend) -> list[int]:
    """First places of the bins with the highest information value, ascending, 0 the first.

    Exact, by a dynamic programme over the last bin and the number of bins: the problem of G. Navas-Palencia,
    Optimal binning (arXiv:2001.08025), without its solver. Rates of bads are monotone as ``trend`` says.

    :param goods: (n,) of each place; all above zero, as ``bads`` are.
    """
    if trend == "none":
        return _best(goods, bads, limits, 0)[1]
    signs = {"ascending": (1,), "descending": (-1,), "auto": (1, -1)}[trend]
    return max((_best(goods, bads, limits, sign) for sign in signs), key=lambda found: found[0])[1]


def _best(goods: Integers, bads: Integers, limits: Limits, sign: int) -> tuple[float, list[int]]:
    """Highest information value, and where the bins begin.

    ``value[i, j, k]``: of the best k + 1 bins of the places up to j, of which the last begins at i.
    """
    n = len(goods)
    rate, gain = _tables(goods, bads, limits)
    count = min(limits.most, n)
    value = np.full((n, n, count), -np.inf)
    before = np.full((n, n, count), -1)
    value[0, :, 0] = gain[0]
    for start in range(1, n):
        earlier = value[:start, start - 1]  # (start, count): bins that end just before
        order, reachable = _reachable(sign * rate[:start, start - 1], sign * rate[start, start:], sign)
        highest, where = _running_best(earlier[order])
        for offset, usable in enumerate(reachable.tolist()):
            if usable and np.isfinite(gain[start, start + offset]):
                best = highest[usable - 1, :-1] + gain[start, start + offset]
                value[start, start + offset, 1:] = best
                before[start, start + offset, 1:] = order[where[usable - 1, :-1]]
    by_count = value[:, -1].max(axis=0)
    if not np.isfinite(by_count).any():
        return 0.0, [0]
    bins = int(np.argmax(by_count >= by_count.max() - _EQUAL))  # the fewest of equally good ones
    start = int(np.argmax(value[:, -1, bins]))
    found, last, starts, k = float(value[start, -1, bins]), n - 1, [start], bins
    while k:
        previous = int(before[starts[0], last, k])
        last, k = starts[0] - 1, k - 1
        starts.insert(0, previous)
    return found, starts


def _reachable(rates: Floats, wanted: Floats, sign: int) -> tuple[Integers, Integers]:
    """The earlier bins by rate, and for each rate how many of them may come before it."""
    if not sign:
        return np.arange(len(rates)), np.full(len(wanted), len(rates))
    order = np.argsort(rates, kind="stable")
    return order, np.searchsorted(rates[order], wanted, side="right")


def _running_best(values: Floats) -> tuple[Floats, Integers]:
    """Of the first one, two, … rows: the largest of each column, and the row where it is first."""
    highest = np.maximum.accumulate(values, axis=0)
    new = values > np.vstack([np.full((1, values.shape[1]), -np.inf), highest[:-1]])
    rows = np.where(new, np.arange(len(values))[:, None], 0)
    return highest, np.maximum.accumulate(rows, axis=0)


def _tables(goods: Integers, bads: Integers, limits: Limits) -> tuple[Floats, Floats]:
    """(n, n) by first and last place: rates of bads, and information value; -inf where a bin may not be."""
    good, bad = (np.concatenate([[0], np.cumsum(x)]).astype(np.float64) for x in (goods, bads))
    g, b = (np.maximum(x[None, 1:] - x[:-1, None], 0) for x in (good, bad))
    fits = (g > 0) & (b > 0) & (g + b >= limits.rows)
    share = np.divide(g, good[-1], where=fits, out=np.ones_like(g))
    other = np.divide(b, bad[-1], where=fits, out=np.ones_like(b))
    rate = np.divide(b, g + b, where=fits, out=np.full_like(b, np.nan))
    return rate, np.where(fits, (share - other) * np.log(share / other), -np.inf)
