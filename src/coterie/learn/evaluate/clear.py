"""How good a score is: all measures of a label that is 0 or 1, over one party's own labels and scores."""

from __future__ import annotations

import numpy as np

from coterie.learn.measures import Floats, Labels, Tally, auc_interval, coarse, ks, tally

from .bands import calibration, lift, score_bins
from .cuts import Cuts
from .record import Metrics

__all__ = ["brier", "log_loss", "measure", "measure_counts"]


def log_loss(labels: Labels, scores: Floats) -> float:
    """Mean negative log-likelihood in nats; scores are kept one rounding unit away from 0 and 1."""
    unit = float(np.finfo(np.float64).eps)
    kept = np.clip(scores, unit, 1 - unit)
    return float(-np.mean(np.where(labels == 1, np.log(kept), np.log1p(-kept))))


def brier(labels: Labels, scores: Floats) -> float:
    """Mean squared difference between score and label."""
    return float(np.mean((scores - labels) ** 2))


def measure(labels: Labels, scores: Floats, bands: int, threshold: float = 0.5, least: int = 0) -> Metrics:
    """All numbers of one score.

    :param labels: (n,) 0 or 1, both present.
    :param scores: (n,) estimated probabilities of 1.
    :param bands: of every table.
    :param threshold: at which the score is cut, too.
    :param least: rows of either label in every group of rows that is told of, for others than the label
        holder; measures of all rows together are the same.
    :raises CoterieError: CT-3016, CT-3028.
    """
    losses = log_loss(labels, scores), brier(labels, scores)
    return measure_counts(
        tally(labels, scores), auc_interval(labels, scores), losses, bands, threshold, least
    )


def measure_counts(
    counts: Tally,
    interval: tuple[float, float, float],
    losses: tuple[float, float],
    bands: int,
    threshold: float = 0.5,
    least: int = 0,
) -> Metrics:
    """The same of labels that are counted by score.

    :param interval: AUC, and its 95 % interval.
    :param losses: log loss, and mean squared difference.
    """
    positives, negatives = counts.totals
    area, low, high = interval
    distance, at = ks(counts)
    shown = coarse(counts, least) if least else counts
    cuts, predicted = Cuts(shown), calibration(shown, bands)
    return Metrics(
        rows=counts.rows,
        positives=positives,
        negatives=negatives,
        positive_rate=positives / counts.rows,
        auc=area,
        auc_low=low,
        auc_high=high,
        gini=2 * area - 1,
        ks=distance,
        ks_threshold=at,
        log_loss=losses[0],
        brier=losses[1],
        calibration_error=sum(b.rows * abs(b.predicted - b.observed) for b in predicted) / counts.rows,
        best_f1=cuts.best_f1(),
        at_threshold=cuts.at_threshold(threshold),
        at_rates=cuts.at_rates(),
        lift=lift(shown, bands),
        calibration=predicted,
        equal_frequency=score_bins(shown, bands, equal_range=False),
        equal_range=score_bins(shown, bands, equal_range=True),
    )
