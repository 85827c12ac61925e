"""Measures of the order of a score: AUC with its variance, KS; and two scores on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from coterie.learn.measures.tally import Floats, Labels, Tally, tally

__all__ = [
    "Z95",
    "Gain",
    "auc",
    "auc_interval",
    "counted_interval",
    "gain",
    "ks",
    "placements",
    "two_sided",
    "wilson",
]

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution: half the width of a 95 % interval in standard errors."""


def auc(counts: Tally) -> float:
    """Share of pairs (a row with 1, a row with 0) in which the first scores higher; equal ones half."""
    positives, negatives = counts.totals
    below = negatives - np.cumsum(counts.negatives)
    wins = int((counts.positives * (2 * below + counts.negatives)).sum())
    return wins / (2 * positives * negatives)


def ks(counts: Tally) -> tuple[float, float]:
    """Kolmogorov–Smirnov distance of the two classes' score distributions, and the score where it is reached.

    The threshold is the lowest score that counts as high there (``score >= threshold``).
    """
    positives, negatives = counts.totals
    gap = np.abs(np.cumsum(counts.positives) * negatives - np.cumsum(counts.negatives) * positives)
    at = int(np.argmax(gap))
    return int(gap[at]) / (positives * negatives), float(counts.scores[at])


def placements(labels: Labels, scores: Floats) -> tuple[Floats, Floats]:
    """Structural components of the AUC [DeLong, DeLong, Clarke-Pearson 1988], in the rows' order; by sorting,
    as Sun and Xu (2014) do.

    :return: for each row with 1 the share of rows with 0 that it beats, for each row with 0 the share of rows
        with 1 that beat it; ties half. The mean of either is the AUC.
    """
    high, low = scores[labels == 1], scores[labels == 0]
    return _beaten(high, low), 1.0 - _beaten(low, high)


def _beaten(these: Floats, those: Floats) -> Floats:
    ordered = np.sort(those)
    less, at_most = np.searchsorted(ordered, these, "left"), np.searchsorted(ordered, these, "right")
    return np.asarray((less + at_most) / (2 * len(those)), dtype=np.float64)


def _spread(of_positives: Floats, of_negatives: Floats) -> float:
    """Standard error of a mean of structural components; infinite where a class has one row only."""
    if min(len(of_positives), len(of_negatives)) < 2:
        return math.inf
    return math.sqrt(
        of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)
    )


def auc_interval(labels: Labels, scores: Floats) -> tuple[float, float, float]:
    """The AUC and its 95 % interval [DeLong et al. 1988], which stays within 0 and 1."""
    area, half = auc(tally(labels, scores)), Z95 * _spread(*placements(labels, scores))
    return area, max(0.0, area - half), min(1.0, area + half)


def counted_interval(counts: Tally) -> tuple[float, float, float]:
    """:func:`auc_interval` of rows that are known by their groups alone: those of one group tie."""
    positives, negatives = counts.totals
    below = negatives - np.cumsum(counts.negatives)
    above = np.cumsum(counts.positives) - counts.positives
    of_positives = (below + counts.negatives / 2) / negatives
    of_negatives = (above + counts.positives / 2) / positives
    area = auc(counts)
    if min(positives, negatives) < 2:
        return area, 0.0, 1.0
    spread = sum(
        float((weights * (values - area) ** 2).sum()) / (total - 1) / total
        for weights, values, total in (
            (counts.positives, of_positives, positives),
            (counts.negatives, of_negatives, negatives),
        )
    )
    half = Z95 * math.sqrt(spread)
    return area, max(0.0, area - half), min(1.0, area + half)


@dataclass(frozen=True)
class Gain:
    """By how much one score's AUC exceeds another's on the same rows."""

    auc: float
    low: float
    """95 % interval."""
    high: float
    z: float | None
    """The difference in standard errors; None where there is no standard error, or it is 0."""
    p_value: float
    """Two-sided, of no difference."""


def gain(labels: Labels, scores: Floats, others: Floats) -> Gain:
    """Paired comparison of two scores by their structural components [DeLong et al. 1988]."""
    mine, theirs = placements(labels, scores), placements(labels, others)
    difference = auc(tally(labels, scores)) - auc(tally(labels, others))
    error = _spread(mine[0] - theirs[0], mine[1] - theirs[1])
    half = Z95 * error
    z, p_value = two_sided(difference, error)
    return Gain(difference, max(-1.0, difference - half), min(1.0, difference + half), z, p_value)


def two_sided(difference: float, error: float) -> tuple[float | None, float]:
    """z and the p-value of a difference with that standard error; (None, 1) where nothing can be said."""
    if error == 0 or not math.isfinite(error):
        return None, 0.0 if error == 0 and difference else 1.0
    z = difference / error
    return z, math.erfc(abs(z) / math.sqrt(2))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a proportion [Wilson 1927]."""
    share, z2 = successes / trials, Z95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    # Rounding keeps the order.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
