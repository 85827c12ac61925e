"""What each objective makes of labels and scores: derivatives, losses, and the score to begin with.

Formulas and precisions are XGBoost's (float32, :mod:`coterie.learn.boosting.clear` has its sources), so that
trees over sums split where it would split. Scores are margins, before the link: log-odds, or logarithms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lgamma
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.learn.boosting.params import BoostingParams
from coterie.learn.linear import Floats

__all__ = ["LARGEST_STEP", "Derivatives", "Singles", "base_score", "derivatives", "losses", "margin_of"]

Singles: TypeAlias = NDArray[np.float32]
Derivatives: TypeAlias = tuple[Singles, Singles]
"""(rows,) first and second derivatives of the loss by the margin."""

LARGEST_STEP = np.float32(0.7)
"""Of "poisson": how far a leaf may go, and what keeps its second derivatives away from 0."""
STEEPEST = np.float32(88.7)
"""Before its exponential is beyond float32."""
LEAST = np.float32(1e-16)


def base_score(params: BoostingParams, rows: float, label: float) -> np.float32:
    """What is expected of any row before the first tree: the mean of the label; with a weight of label 1, one
    Newton step from log-odds 0.

    :param label: its sum over so many rows.
    """
    weight = params.scale_pos_weight
    if params.objective != "binary" or weight == 1:
        return np.float32(label / rows)
    others = rows - label
    step = 2 * (weight * label - others) / (weight * label + others)
    return np.float32(1 / (1 + np.exp(-step)))


def margin_of(params: BoostingParams, base: np.float32) -> np.float32:
    """The margin of a base score."""
    if params.objective == "squared_error":
        return base
    if params.objective == "binary":
        return np.float32(-np.log(np.float32(1) / base - np.float32(1)))
    return np.float32(np.log(base))


def derivatives(params: BoostingParams, margin: Singles, label: Singles) -> Derivatives:
    """:param margin: (rows,) scores before the link. :param label: (rows,)."""
    return _LOSSES[params.objective].derivatives(params, margin, label)


def losses(params: BoostingParams, margin: Singles, label: Singles) -> Floats:
    """(rows,) of the metric that XGBoost measures for the objective; squares for "squared_error"."""
    return _LOSSES[params.objective].losses(params, margin.astype(np.float64), label.astype(np.float64))


def _probability(margin: Singles) -> Singles:
    return np.float32(1) / (np.exp(np.minimum(-margin, STEEPEST)) + np.float32(1) + LEAST)


def _binary(params: BoostingParams, margin: Singles, label: Singles) -> Derivatives:
    share = _probability(margin)
    first, second = share - label, np.maximum(share * (np.float32(1) - share), LEAST)
    if params.scale_pos_weight != 1:
        weight = np.ones_like(label)
        weight[label == 1] = params.scale_pos_weight
        return first * weight, second * weight
    return first, second


def _squared(params: BoostingParams, margin: Singles, label: Singles) -> Derivatives:  # noqa: ARG001
    return margin - label, np.ones_like(margin)


def _poisson(params: BoostingParams, margin: Singles, label: Singles) -> Derivatives:  # noqa: ARG001
    return np.exp(margin) - label, np.exp(margin + LARGEST_STEP)


def _gamma(params: BoostingParams, margin: Singles, label: Singles) -> Derivatives:  # noqa: ARG001
    part = label / np.exp(margin)
    return (1 - part).astype(np.float32), part.astype(np.float32)


def _tweedie(params: BoostingParams, margin: Singles, label: Singles) -> Derivatives:
    power = np.float32(params.tweedie_power)
    less, more = np.float32(1) - power, np.float32(2) - power
    one, other = label * np.exp(less * margin), np.exp(more * margin)
    return other - one, more * other - less * one


def _log_loss(params: BoostingParams, margin: Floats, label: Floats) -> Floats:  # noqa: ARG001
    share = np.clip(1 / (1 + np.exp(-margin)), 1e-16, 1 - 1e-16)
    found: Floats = -np.where(label == 1, np.log(share), np.log1p(-share))
    return found


def _square(params: BoostingParams, margin: Floats, label: Floats) -> Floats:  # noqa: ARG001
    found: Floats = (margin - label) ** 2
    return found


def _poisson_loss(params: BoostingParams, margin: Floats, label: Floats) -> Floats:  # noqa: ARG001
    counts, place = np.unique(label, return_inverse=True)
    logs = np.array([lgamma(one + 1) for one in counts.tolist()])
    found: Floats = logs[place] + np.exp(margin) - margin * label
    return found


def _gamma_deviance(params: BoostingParams, margin: Floats, label: Floats) -> Floats:  # noqa: ARG001
    mean, given = np.exp(margin) + 1e-6, label + 1e-6
    found: Floats = 2 * (np.log(mean / given) + given / mean - 1)
    return found


def _tweedie_loss(params: BoostingParams, margin: Floats, label: Floats) -> Floats:
    less, more = 1 - params.tweedie_power, 2 - params.tweedie_power
    found: Floats = np.exp(more * margin) / more - label * np.exp(less * margin) / less
    return found


@dataclass(frozen=True)
class _Loss:
    derivatives: Callable[[BoostingParams, Singles, Singles], Derivatives]
    losses: Callable[[BoostingParams, Floats, Floats], Floats]


_LOSSES = {
    "binary": _Loss(_binary, _log_loss),
    "squared_error": _Loss(_squared, _square),
    "poisson": _Loss(_poisson, _poisson_loss),
    "gamma": _Loss(_gamma, _gamma_deviance),
    "tweedie": _Loss(_tweedie, _tweedie_loss),
}
