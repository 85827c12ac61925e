"""The scale that all contributors train on, made of the first total: features of mean 0 and deviation 1,
weights of mean 1, labels near 1.

It changes no result. Every number here is made of totals by the same few exact or correctly rounded steps at
each contributor; a last bit that differs between their machines is a difference of rounding, not of models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coterie.learn.errors import ONE_CLASS
from coterie.learn.glm import clear
from coterie.learn.glm.design import LOCATION_CAP, Design
from coterie.learn.glm.errors import LABEL_UNFIT, WEIGHTS_UNFIT
from coterie.learn.glm.fl.rows import LABEL_SUMS, Rows
from coterie.learn.glm.preparation import Block, Label
from coterie.learn.linear import CONSTANT_FEATURE, Floats

__all__ = ["Scale", "problem_of", "scale_of"]

LEAST_SPREAD = 1e-12
"""Variance of a column that varies, in units of its mean square: below it float64 cannot tell."""


@dataclass(frozen=True)
class Scale:
    """Equal at all contributors."""

    shift: Floats
    """(width,) means; zeros without an intercept."""
    unit: Floats
    """(width,): what centred features are multiplied by."""
    exponent: int
    location: float
    """A label is trained on as y / 2^exponent − location."""
    factors: tuple[float, float]
    """What row weights of labels that are not above 0, and of those above, are multiplied by."""
    weight: float
    """Mean of the row weights as given."""
    null: float
    """The predictor's constant of the model without features; of logistic labels with offsets, to begin with.
    """
    constant: float
    """Mean over the rows of the log-likelihood's terms without coefficients."""
    labelled: tuple[float, float]
    """Rows with labels that are not above 0, and above."""


def scale_of(told: Floats, design: Design, columns: Sequence[str]) -> Scale:
    """Of the first total.

    :param columns: names of the features.

    Errors: CT-3051 (a feature does not vary), CT-3016, CT-3061 (label), CT-3062 (weights).
    """
    width, rows, params = design.width, design.rows, design.params
    mean, square = told[:width] / rows, told[width : 2 * width] / rows
    for name, one, two in zip(columns, mean.tolist(), square.tolist(), strict=True):
        if two - one * one <= LEAST_SPREAD * two:
            raise CONSTANT_FEATURE(f"'{name}'")
    shift = mean if params.intercept else np.zeros(width)
    above, light, heavy, first, up, down, constant, _ = told[-LABEL_SUMS:].tolist()
    weight = (light + heavy) / rows
    if not weight > 0:
        raise WEIGHTS_UNFIT("all of them are 0")
    factors, null, location, exponent = (1 / weight, 1 / weight), 0.0, 0.0, 0
    if params.family == "logistic":
        factors, null = _of_classes(design, above, light, heavy)
    elif params.family == "linear":
        location, exponent = _of_normal(first / (light + heavy), up / rows, down / rows, design)
        null = math.ldexp(first / (light + heavy), -exponent) - location
    else:
        if not first > 0:
            raise LABEL_UNFIT("no value above 0")
        exponent = _exponent(first / (light + heavy))
        null = math.log(up / down) - exponent * math.log(2)
    return Scale(
        shift=shift,
        unit=1 / np.sqrt(square - shift * shift),
        exponent=exponent,
        location=location,
        factors=factors,
        weight=weight,
        null=null,
        constant=constant / rows,
        labelled=(rows - above, above),
    )


def _of_classes(
    design: Design, above: float, light: float, heavy: float
) -> tuple[tuple[float, float], float]:
    """Factors of the row weights, and the log-odds of the weighted rate."""
    rate = above / design.rows
    if not (0 < rate < 1 and light > 0 and heavy > 0):
        raise ONE_CLASS("of the training rows")
    chosen = design.params.class_weight
    pair = (1 / (1 - rate), 1 / rate) if chosen == "balanced" else chosen or (1.0, 1.0)
    mean = (pair[0] * light + pair[1] * heavy) / design.rows
    return (pair[0] / mean, pair[1] / mean), math.log(pair[1] * heavy / (pair[0] * light))


def _of_normal(centre: float, mean: float, square: float, design: Design) -> tuple[float, int]:
    """Location and exponent.

    :param centre: the weighted mean. :param mean, square: without weights.
    """
    if square - mean * mean <= LEAST_SPREAD * square:
        raise LABEL_UNFIT("its values are equal, or differ too little for their size")
    if not design.params.intercept:
        return 0.0, _exponent(math.sqrt(square))
    exponent = _exponent(math.sqrt(square - 2 * centre * mean + centre * centre))
    if abs(centre) > math.ldexp(LOCATION_CAP, exponent):
        raise LABEL_UNFIT("its mean is too far from zero for its spread")
    return math.ldexp(centre, -exponent), exponent


def _exponent(size: float) -> int:
    """The smallest power of two that is not smaller; by the number's own bits, as logarithms are rounded
    differently by different machines."""
    mantissa, exponent = math.frexp(size)
    return exponent - 1 if mantissa == 0.5 else exponent


def problem_of(rows: Rows, scale: Scale, design: Design) -> clear.Problem:
    """This contributor's part as engine clear has it, on the common scale."""
    params, squares = design.params, scale.unit * scale.unit
    block = Block(
        rows.features, scale.shift, np.diag(scale.unit), params.l2 * squares, params.l1 * scale.unit
    )
    given = rows.label - rows.shift if params.family == "linear" else rows.label
    label = Label(
        np.ldexp(given, -scale.exponent) - scale.location, scale.null, scale.location, scale.exponent
    )
    weights = rows.given_weights * np.where(rows.label > 0, scale.factors[1], scale.factors[0])
    return clear.Problem([block], label, weights, clear.constants(label, rows.shift, design), design)
