"""The small systems of a training in float64: what ``mpc_solve`` does with secrets."""

from __future__ import annotations

import math

import numpy as np

from coterie.learn.glm.design import INNER, LARGEST, POLISH, RELAXATION, STATISTIC_FACTORS, Design
from coterie.learn.linear import Floats

__all__ = ["Multipliers", "inverse", "newton_step", "scale_of", "shrink"]

Multipliers = Floats
"""Of the alternating direction method: (size,), zero where a weight has no L1 penalty."""


def scale_of(trace: float, design: Design) -> float:
    """α, the power of two that brings a trace into (1/2, 1], as far as it goes."""
    exponent = math.ceil(math.log2(trace)) if trace > 0 else design.smallest
    return 2.0 ** -min(max(exponent, design.smallest), LARGEST)


def shrink(values: Floats, thresholds: Floats) -> Floats:
    """The soft threshold: nearer to zero by that much, or zero."""
    return np.maximum(values - thresholds, 0.0) + np.minimum(values + thresholds, 0.0)


def _residual(scaled: Floats) -> Floats:
    return np.asarray(np.eye(len(scaled)) - scaled)


def _product(scaled: Floats, right: Floats, factors: int) -> Floats:
    """(1 + E)(1 + E²)(1 + E⁴)… times ``right``, E = 1 − ``scaled``."""
    error, result = _residual(scaled), right
    for _ in range(factors):
        result = result + error @ result
        error = error @ error
    return np.asarray(result)


def newton_step(hessian: Floats, gradient: Floats, design: Design) -> Floats:
    """What to add to the weights, without an L1 penalty."""
    alpha = scale_of(float(np.trace(hessian)), design)
    return -_product(alpha * hessian, alpha * gradient, design.factors)


def lasso_step(
    hessian: Floats,
    gradient: Floats,
    weights: Floats,
    lasso: Floats,
    multipliers: Multipliers,
    design: Design,
) -> tuple[Floats, Multipliers]:
    """The next weights, with an L1 penalty, and the multipliers that belong to them.

    z and v are the method's second copy of the weights and its scaled multipliers. The step from ``weights``
    is solved for, and not the weights themselves: where both copies agree, it is zero just where the gradient
    and the multipliers cancel, however exact the inverse is.
    """
    alpha = scale_of(float(np.trace(hessian)), design) / 2
    rho = design.rho
    inverse_ = _product(alpha * hessian + rho * np.eye(len(weights)), np.eye(len(weights)), design.factors)
    thresholds = alpha * lasso / rho
    z, v = weights, alpha * multipliers / rho
    for _ in range(INNER):
        x = weights + inverse_ @ (rho * (z - weights - v) - alpha * gradient)
        relaxed = RELAXATION * x + (1 - RELAXATION) * z
        z = shrink(relaxed + v, thresholds)
        v = v + relaxed - z
    return z, v * rho / alpha


def inverse(hessian: Floats, design: Design) -> tuple[Floats, float]:
    """Of a matrix of curvatures, and how far from the identity its product with that is: the Frobenius
    norm."""
    alpha = scale_of(float(np.trace(hessian)), design)
    scaled, identity = alpha * hessian, np.eye(len(hessian))
    found = _product(scaled, identity, STATISTIC_FACTORS)
    for _ in range(POLISH):
        found = found + found @ (identity - scaled @ found)
    return alpha * found, float(np.linalg.norm(identity - scaled @ found))
