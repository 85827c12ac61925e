"""How good the scores of a label are that is a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.learn.boosting import BoostingParams
from coterie.learn.errors import NOT_FINITE
from coterie.learn.glm import GlmParams
from coterie.learn.measures import Floats
from coterie.learn.neural import NeuralParams

from .record import RegressionBand, RegressionMetrics

__all__ = ["deviance", "measure_numbers", "power_of", "unit_deviances"]


def power_of(training: Any) -> float | None:
    """The power of the mean that the variance is in the family that a model was trained with; None for models
    without one."""
    if isinstance(training, GlmParams):
        return training.variance_power
    if isinstance(training, BoostingParams):
        powers = {"squared_error": 0.0, "poisson": 1.0, "gamma": 2.0, "tweedie": training.tweedie_power}
        return powers.get(training.objective)
    return 0.0 if isinstance(training, NeuralParams) else None


def deviance(labels: Floats, scores: Floats, power: float) -> float | None:
    """Mean unit deviance; None where a label or a score is outside the family's range."""
    found = unit_deviances(labels, scores, power)
    return None if found is None else float(np.mean(found))


def unit_deviances(labels: Floats, scores: Floats, power: float) -> Floats | None:
    """(rows,) [Jørgensen 1987]; None where a label or a score is outside the family's range."""
    if power == 0:
        return np.asarray((labels - scores) ** 2)
    if (scores <= 0).any() or (labels < 0).any() or (power >= 2 and (labels == 0).any()):
        return None
    if power == 1:
        ratio = np.log(np.where(labels > 0, labels / scores, 1.0))
        return np.asarray(2 * (labels * ratio - labels + scores))
    if power == 2:
        return np.asarray(2 * (np.log(scores / labels) + labels / scores - 1))
    low, high = 1 - power, 2 - power
    unit = labels**high / (low * high) - labels * scores**low / low + scores**high / high
    return np.asarray(2 * unit)


def measure_numbers(
    labels: Floats, scores: Floats, bands: int, power: float | None, least: int = 0
) -> RegressionMetrics:
    """All numbers of one score.

    :param labels: (n,) any numbers.
    :param scores: (n,) what the model expects of them.
    :param power: of the variance: see :func:`power_of`.
    :param least: rows of every band.
    :raises CoterieError: CT-3028 for a label or a score that is not finite.
    """
    if not (np.isfinite(labels).all() and np.isfinite(scores).all()):
        raise NOT_FINITE("among labels or scores")
    errors = scores - labels
    mse, spread = float(np.mean(errors**2)), float(np.var(labels))
    mean = float(labels.mean())
    found = None if power is None else deviance(labels, scores, power)
    null = None if power is None else deviance(labels, np.full(len(labels), mean), power)
    return RegressionMetrics(
        rows=len(labels),
        mean=mean,
        predicted_mean=float(scores.mean()),
        mse=mse,
        rmse=mse**0.5,
        mae=float(np.abs(errors).mean()),
        r2=1 - mse / spread if spread > 0 else None,
        mape=None if (labels == 0).any() else float(np.mean(np.abs(errors / labels))),
        variance_power=power,
        deviance=found,
        deviance_explained=None if found is None or not null else 1 - found / null,
        bands=_bands(labels, scores, max(1, min(bands, len(labels) // max(1, least)))),
    )


def _bands(labels: Floats, scores: Floats, bands: int) -> tuple[RegressionBand, ...]:
    """Bands of about equally many rows, the highest scores first; equal scores stay together."""
    _, group, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    band = ((2 * last - sizes) * bands // (2 * len(scores)))[group]
    found = []
    for number in np.unique(band):
        inside = band == number
        found.append(
            RegressionBand(
                band=int(number) + 1,
                rows=int(inside.sum()),
                predicted=float(scores[inside].mean()),
                observed=float(labels[inside].mean()),
                score_low=float(scores[inside].min()),
                score_high=float(scores[inside].max()),
            )
        )
    return tuple(found)
