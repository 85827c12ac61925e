"""How good a score is: the measures, exact under ties, over one party's own labels and scores.

Everything that depends on the order of the scores alone is counted in integers over groups of equal scores
(:class:`Tally`), so that ties need no convention: a pair with equal scores counts one half for the AUC, a
threshold never falls inside a group, and a group is never cut by a band of the lift table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.errors import NOT_FINITE, ONE_CLASS

from .record import CalibrationBand, Curves, LiftBand, Metrics

__all__ = ["Gain", "Tally", "curves", "gain", "measure", "tally"]

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution: half the width of a 95 % interval in standard errors."""
ROC_POINTS = 200
HISTOGRAM_BINS = 40
HISTOGRAM_FLOOR = 1e-4
"""Log-odds of 0 and 1 are infinite: the histogram counts what is nearer to them in its outermost bins."""


@dataclass(frozen=True)
class Tally:
    """Labels counted by distinct score, the highest score first."""

    scores: NDArray[np.float64]
    """(groups,) distinct, descending."""
    positives: NDArray[np.int64]
    """(groups,) rows with label 1."""
    negatives: NDArray[np.int64]
    """(groups,) rows with label 0."""

    @property
    def rows(self) -> int:
        return int(self.positives.sum() + self.negatives.sum())

    @property
    def totals(self) -> tuple[int, int]:
        """Rows with label 1, rows with label 0."""
        return int(self.positives.sum()), int(self.negatives.sum())


def tally(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> Tally:
    """Count the labels at each distinct score.

    :param labels: (n,) 0 or 1.
    :param scores: (n,) finite.
    :raises CoterieError: CT-3016 where one of the two labels does not occur; CT-3028 for a score that is not
        finite.
    """
    if not np.isfinite(scores).all():
        raise NOT_FINITE("among the scores")
    if not (labels == 1).any() or (labels == 1).all():
        raise ONE_CLASS("in the rows to evaluate")
    distinct, group = np.unique(scores, return_inverse=True)
    positives = np.bincount(group[labels == 1], minlength=len(distinct))
    negatives = np.bincount(group[labels == 0], minlength=len(distinct))
    return Tally(distinct[::-1].copy(), positives[::-1].astype(np.int64), negatives[::-1].astype(np.int64))


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


def placements(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Structural components of the AUC [DeLong, DeLong, Clarke-Pearson 1988], in the rows' order.

    :return: for each row with 1 the share of rows with 0 that it beats, for each row with 0 the share of rows
        with 1 that beat it; ties half. The mean of either is the AUC.
    """
    high, low = scores[labels == 1], scores[labels == 0]
    return _beaten(high, low), 1.0 - _beaten(low, high)


def _beaten(these: NDArray[np.float64], those: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(those)
    less, at_most = np.searchsorted(ordered, these, "left"), np.searchsorted(ordered, these, "right")
    return np.asarray((less + at_most) / (2 * len(those)), dtype=np.float64)


def _spread(of_positives: NDArray[np.float64], of_negatives: NDArray[np.float64]) -> float:
    """Standard error of a mean of structural components; infinite where a class has one row only."""
    if min(len(of_positives), len(of_negatives)) < 2:
        return math.inf
    return math.sqrt(
        of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)
    )


def log_loss(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> float:
    """Mean negative log-likelihood in nats; scores are kept one rounding unit away from 0 and 1."""
    unit = float(np.finfo(np.float64).eps)
    kept = np.clip(scores, unit, 1 - unit)
    return float(-np.mean(np.where(labels == 1, np.log(kept), np.log1p(-kept))))


def brier(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> float:
    """Mean squared difference between score and label."""
    return float(np.mean((scores - labels) ** 2))


def band_of(counts: Tally, bands: int) -> NDArray[np.int64]:
    """The equal-frequency band of each group of equal scores; band 0 has the highest scores.

    A group goes whole into the band of its middle row, so that bands differ in size where scores tie, and a
    band may be missing.
    """
    sizes = counts.positives + counts.negatives
    last = np.cumsum(sizes)
    first = last - sizes
    return np.asarray((first + last) * bands // (2 * counts.rows), dtype=np.int64)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a proportion [Wilson 1927]."""
    share, z2 = successes / trials, Z95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, min(share, middle - half)), min(
        1.0, max(share, middle + half)
    )  # rounding keeps the order


def _bands(counts: Tally, bands: int) -> tuple[tuple[LiftBand, ...], tuple[CalibrationBand, ...]]:
    sizes, band = counts.positives + counts.negatives, band_of(counts, bands)
    positives, negatives = counts.totals
    lift: list[LiftBand] = []
    calibration: list[CalibrationBand] = []
    seen = caught = 0
    for number in np.unique(band):
        groups = np.flatnonzero(band == number)
        rows, hits = int(sizes[groups].sum()), int(counts.positives[groups].sum())
        mean = float((counts.scores[groups] * sizes[groups]).sum() / rows)
        seen, caught = seen + rows, caught + hits
        lift.append(
            LiftBand(
                band=int(number) + 1,
                rows=rows,
                positives=hits,
                score_low=float(counts.scores[groups[-1]]),
                score_high=float(counts.scores[groups[0]]),
                rate=hits / rows,
                lift=hits * counts.rows / (rows * positives),
                cumulative_rows=seen / counts.rows,
                cumulative_positives=caught / positives,
                cumulative_lift=caught * counts.rows / (seen * positives),
                separation=(caught * negatives - (seen - caught) * positives) / (positives * negatives),
            )
        )
        low, high = wilson(hits, rows)
        calibration.append(
            CalibrationBand(
                rows=rows, predicted=mean, observed=hits / rows, observed_low=low, observed_high=high
            )
        )
    return tuple(lift), tuple(reversed(calibration))


def measure(labels: NDArray[np.int8], scores: NDArray[np.float64], bands: int) -> Metrics:
    """All numbers of one score.

    :param labels: (n,) 0 or 1, both present.
    :param scores: (n,) estimated probabilities of 1.
    :param bands: number of equal-frequency bands.
    :raises CoterieError: CT-3016, CT-3028.
    """
    counts = tally(labels, scores)
    positives, negatives = counts.totals
    area = auc(counts)
    half = Z95 * _spread(*placements(labels, scores))
    distance, threshold = ks(counts)
    lift, calibration = _bands(counts, bands)
    return Metrics(
        rows=counts.rows,
        positives=positives,
        negatives=negatives,
        positive_rate=positives / counts.rows,
        auc=area,
        auc_low=max(0.0, area - half),
        auc_high=min(1.0, area + half),
        gini=2 * area - 1,
        ks=distance,
        ks_threshold=threshold,
        log_loss=log_loss(labels, scores),
        brier=brier(labels, scores),
        calibration_error=sum(b.rows * abs(b.predicted - b.observed) for b in calibration) / counts.rows,
        lift=lift,
        calibration=calibration,
    )


@dataclass(frozen=True)
class Gain:
    """By how much one score's AUC exceeds another's on the same rows, with its 95 % interval."""

    auc: float
    low: float
    high: float


def gain(labels: NDArray[np.int8], scores: NDArray[np.float64], baseline: NDArray[np.float64]) -> Gain:
    """Paired comparison of two scores by their structural components [DeLong et al. 1988]."""
    mine, theirs = placements(labels, scores), placements(labels, baseline)
    difference = auc(tally(labels, scores)) - auc(tally(labels, baseline))
    half = Z95 * _spread(mine[0] - theirs[0], mine[1] - theirs[1])
    return Gain(difference, max(-1.0, difference - half), min(1.0, difference + half))


def curves(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> Curves:
    """What the plots need, at a resolution that does not depend on the number of rows.

    The ROC curve keeps at most 200 of its corners, evenly along its length, with the ends and the corner of
    the KS distance. The histogram has 40 bins of equal width in log-odds.
    """
    counts = tally(labels, scores)
    positives, negatives = counts.totals
    true = np.concatenate(([0], np.cumsum(counts.positives))) / positives
    false = np.concatenate(([0], np.cumsum(counts.negatives))) / negatives
    wanted = np.linspace(0, 2, ROC_POINTS - 1)
    corners = np.minimum(np.searchsorted(true + false, wanted), len(true) - 1)
    kept = np.unique(np.concatenate((corners, [0, len(true) - 1, int(np.argmax(np.abs(true - false)))])))
    odds = _log_odds(scores)
    low, high = float(odds.min()), float(odds.max())
    edges = np.linspace(low, high if high > low else low + 1.0, HISTOGRAM_BINS + 1)
    return Curves(
        false_positive_rate=_short(false[kept]),
        true_positive_rate=_short(true[kept]),
        log_odds_edges=_short(edges),
        positives=tuple(int(n) for n in np.histogram(odds[labels == 1], edges)[0]),
        negatives=tuple(int(n) for n in np.histogram(odds[labels == 0], edges)[0]),
    )


def _log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(scores, HISTOGRAM_FLOOR, 1 - HISTOGRAM_FLOOR)
    return np.asarray(np.log(kept) - np.log1p(-kept), dtype=np.float64)


def _short(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Six digits are more than a plot shows, and keep the record small."""
    return tuple(round(float(value), 6) for value in values)
