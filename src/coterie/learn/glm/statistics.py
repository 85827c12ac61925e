"""What is said of a fit beside its coefficients, from the few numbers that are revealed for it.

Conventions are those of statsmodels' ``GLM``: row weights are variance weights, dispersion is Pearson's
chi-square over the residual degrees of freedom where the family has one, tests are normal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from coterie.learn.glm.design import Design
from coterie.learn.glm.families import family_of
from coterie.learn.glm.preparation import Label
from coterie.learn.linear import Floats

__all__ = ["LabelFacts", "Sums", "constant_of", "label_facts", "table"]

FREE_DISPERSION = ("linear", "gamma", "tweedie")
"""Families whose dispersion is estimated; that of the others is 1."""
LARGEST_RESIDUAL = 0.01
"""How far from exact the inverse may be for standard errors to be told."""


@dataclass(frozen=True)
class LabelFacts:
    """What the label holder tells for the statistics."""

    exponent: int
    null: float | None
    """Half the deviance of the model without features, a mean over the rows on the scale of training; None
    where its holder lacks the weights or offsets for it."""
    constant: float | None
    """Mean over the rows of the log-likelihood's terms that no coefficient changes, at a dispersion of 1."""


@dataclass(frozen=True)
class Sums:
    """Of a fit, on the scale of training."""

    variances: Floats
    """(size,): diagonal of the inverse of the mean information, for coefficients and intercept."""
    residual: float
    """How far from exact that inverse is."""
    deviance: float
    """Half of it, a weighted mean over the rows."""
    pearson: float | None
    """Chi-square, a weighted mean over the rows; None where the dispersion is 1."""
    label: LabelFacts
    weight: float = 1.0
    """Mean of the row weights as given."""


def label_facts(
    label: Label, given: Floats, design: Design, known: tuple[Floats, Floats] | None, *, weighed: bool
) -> LabelFacts:
    """At the label holder.

    :param given: (rows,) the label as it is.
    :param known: weights and offsets of all rows, where it has them.
    :param weighed: whether rows weigh differently.
    """
    family, null, constant = family_of(design.params), None, None
    if known is not None:
        weights, offset = known
        shift = np.zeros_like(offset) if family.name == "linear" else offset
        best = family.null(label.values, weights, shift)  # statsmodels gives it a constant in any case
        losses = family.loss(best + shift, label.values) - family.best_loss(label.values)
        null = float(np.mean(weights * losses))
    if not weighed or family.name == "logistic":  # whose constant is 0 for any weights
        constant = constant_of(family.name, given)
    return LabelFacts(label.exponent, null, constant)


def constant_of(family: str, given: Floats) -> float | None:
    """Mean of the log-likelihood's terms without coefficients, at a dispersion of 1."""
    if family == "poisson":
        logs = np.where(given > 0, np.log(np.maximum(given, 1e-300)), 0.0)
        factorials = np.array([math.lgamma(y + 1) for y in given])
        return float(np.mean(given * logs - given - factorials))
    if family == "gamma":
        return float(-np.mean(np.log(given)))
    return 0.0 if family in ("linear", "logistic") else None


def table(
    sums: Sums,
    design: Design,
    columns: Mapping[str, tuple[str, ...]],
    estimates: Floats | None,
) -> dict[str, Any]:
    """As people read it.

    :param columns: features by owner, in model order.
    :param estimates: (size,) coefficients and intercept, where the reader may know them; without them there
        is no z and no p.
    """
    params, rows = design.params, design.rows
    unit = 2.0 ** (sums.label.exponent * (2 - params.variance_power)) * sums.weight
    freedom = rows - design.size
    deviance, dispersion = 2 * rows * sums.deviance * unit, 1.0
    chi_square = None if sums.pearson is None else rows * sums.pearson * unit
    if chi_square is not None:
        dispersion = chi_square / freedom if freedom > 0 else math.nan
    information = rows * (sums.weight if params.family == "linear" else unit)
    variances = sums.variances * (rows * 2.0**-design.halvings) / information * dispersion
    errors = np.sqrt(np.maximum(variances, 0.0))
    likelihood = _likelihood(sums, design, deviance, dispersion)
    whole: dict[str, Any] = {
        "family": params.family,
        "rows": rows,
        "residual_degrees_of_freedom": freedom,
        "deviance": deviance,
        "null_deviance": None if sums.label.null is None else 2 * rows * sums.label.null * unit,
        "pearson_chi_square": chi_square,
        "dispersion": dispersion,
        "log_likelihood": likelihood,
        "aic": None if likelihood is None else 2 * design.size - 2 * likelihood,
        "inverse_residual": sums.residual,
    }
    told = sums.residual <= LARGEST_RESIDUAL
    lines = [_line(j, errors if told else None, estimates) for j in range(design.size)]
    places = iter(lines)
    whole["coefficients"] = {
        owner: {name: next(places) for name in names} for owner, names in columns.items()
    }
    whole["intercept"] = next(places, None)
    return _without_nan(whole)


def _line(j: int, errors: Floats | None, estimates: Floats | None) -> dict[str, float | None]:
    estimate = None if estimates is None else float(estimates[j])
    error = None if errors is None else float(errors[j])
    z = estimate / error if estimate is not None and error else None
    p = None if z is None else math.erfc(abs(z) / math.sqrt(2))
    return {"estimate": estimate, "standard_error": error, "z": z, "p": p}


def _likelihood(sums: Sums, design: Design, deviance: float, dispersion: float) -> float | None:
    """Log-likelihood at the optimum, where it has a closed form and rows weigh the same."""
    n, constant = design.rows, sums.label.constant
    if constant is None:
        return None
    if design.params.family == "linear":
        return -n / 2 * (math.log(2 * math.pi * deviance / n) + 1) if deviance > 0 else None
    if design.params.family == "gamma":
        if not dispersion > 0:
            return None
        shape = 1 / dispersion
        return n * constant - shape * (deviance / 2 + n - n * math.log(shape)) - n * math.lgamma(shape)
    return n * constant - deviance / 2


def _without_nan(whole: dict[str, Any]) -> dict[str, Any]:
    """JSON has no numbers that are none."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in whole.items()
    }
