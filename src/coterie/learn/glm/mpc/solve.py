"""The small systems of a training in secret: ``learn.glm.solve`` on shares. Nothing here grows with the rows.

Every E = 1 − αH has its eigenvalues between 0 and 1: no entry of it or of its powers is above 1, and a
product with it makes no vector longer. What the data could make large, αg and the weights, is guarded; the
bounds of what comes in between follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from coterie.learn.glm.design import INNER, LARGEST, POLISH, RELAXATION, STATISTIC_FACTORS
from coterie.learn.glm.mpc.formats import (
    ALPHA_FRAC,
    ERROR_FRAC,
    ROOM,
    SMALL_FRAC,
    WEIGHT_BOUND,
    WEIGHT_PERIOD,
    Formats,
)
from coterie.learn.glm.mpc.trim import trimmed
from coterie.mpc import Context, Secret, functions

__all__ = ["Lasso", "Scaled", "guarded_weights", "inverse", "lasso", "lasso_step", "newton_step", "scaled"]

VECTOR_FRAC = 26
PENALTY_INVERSE_FRAC = 20
INVERSE_FRAC = 20
RESIDUAL_FRAC = 24
MULTIPLIER_PERIOD = 1 << 12
"""Half a period of the guard of thresholds, in units of ρ."""


@dataclass(frozen=True)
class Scaled:
    """A matrix of curvatures brought to a trace of at most 1."""

    alpha: Secret
    """(1,), a power of two."""
    inverse_alpha: Secret
    """(1,)."""
    hessian: Secret
    """αH, (size, size)."""


def scaled(ctx: Context, hessian: Secret, frac: int, formats: Formats) -> Scaled:
    """α by comparing the trace with all powers of two that it may lie between, at once."""
    size, smallest = hessian.shape[0], formats.design.smallest
    trace = hessian.reshape(size * size)[:: size + 1].sum()
    exponents = np.arange(smallest, LARGEST, dtype=np.float64)
    below = functions.numbers(trace.reshape(1) <= 2.0**exponents)
    # 2^-j for the first 2^j that is not below the trace, as a sum of differences; and 2^j likewise.
    alpha = below.times(2.0 ** -(exponents + 1), ALPHA_FRAC).sum() + 2.0**-LARGEST
    back = 2.0**LARGEST - below.times(2.0**exponents, max(2, -smallest)).sum()
    alpha = ctx.within(alpha.reshape(1), (2.0**-LARGEST, 2.0**-smallest))
    product = ctx.product("multiply", alpha.reshape(1, 1), hessian, bound=1.0)
    (short,) = trimmed(ctx, (product, frac))
    back = ctx.within(back.reshape(1), (2.0**smallest, 2.0**LARGEST))
    return Scaled(alpha, back, ctx.within(short, 1.0))


def _times_alpha(ctx: Context, found: Scaled, gradient: Secret, formats: Formats) -> Secret:
    """αg, guarded: a step of many mean curvatures is a sign of data that the family is not for."""
    if gradient.bound > formats.gradient_period:  # or αg could be farther off than its guard sees
        gradient = ctx.check_range(gradient, formats.gradient_period)
    (short,) = trimmed(ctx, (ctx.product("multiply", found.alpha, gradient), formats.step_frac))
    return ctx.check_range(short.ldexp(formats.gain), WEIGHT_PERIOD).ldexp(-formats.gain)


def _error(ctx: Context, matrix: Secret) -> Secret:
    identity = ctx.public(np.eye(matrix.shape[0]), matrix.frac)
    return ctx.within(identity - matrix, 1.0)


def _series(ctx: Context, error: Secret, right: Secret, factors: int, bound: float) -> Secret:
    """(1 + E)(1 + E²)… times ``right``; two rounds a factor. ``bound``: of all that comes on the way."""
    frac, result = right.frac, right
    for number in range(factors):
        ctx.open(error, result)
        grown = ctx.product("matmul", error, result, bound=bound)
        if number + 1 < factors:
            square = ctx.product("matmul", error, error, bound=1.0)
            grown, square = trimmed(ctx, (grown, frac), (square, error.frac))
            error = ctx.within(square, 1.0)
        else:
            (grown,) = trimmed(ctx, (grown, frac))
        result = ctx.within(result + grown, bound)
    return result


def guarded_weights(ctx: Context, weights: Secret, formats: Formats) -> Secret:
    """As they are kept from step to step, within WEIGHT_BOUND."""
    (short,) = trimmed(ctx, (weights, formats.weight_frac))
    return ctx.check_range(short, WEIGHT_PERIOD)


def newton_step(ctx: Context, found: Scaled, gradient: Secret, formats: Formats) -> Secret:
    """(size,): what to take off the weights, where there is no L1 penalty.

    Errors of rounding that come early are multiplied by what is left of the series, and the vectors are short
    then: there they have more bits.
    """
    short = _times_alpha(ctx, found, gradient, formats)
    error, step = _error(ctx, found.hessian), short.reshape(short.size, 1)
    reach, factors = formats.step_length, formats.design.factors
    for number in range(factors):
        ctx.open(error, step)
        grown = ctx.product("matmul", error, step, bound=reach)
        grown = ctx.within(ctx.refine(step, grown.frac) + grown, 2 * reach)
        wanted, reach = (grown, step.frac - 1), 2 * reach
        if number + 1 < factors:
            square = ctx.product("matmul", error, error, bound=1.0)
            step, square = trimmed(ctx, wanted, (square, error.frac))
            error = ctx.within(square, 1.0)
        else:
            (step,) = trimmed(ctx, wanted)
        step = ctx.within(step, reach)
    return step.reshape(short.size)


@dataclass(frozen=True)
class Lasso:
    """What steps with an L1 penalty need of one matrix of curvatures."""

    scaled: Scaled
    """To a trace of at most 1/2."""
    inverse: Secret
    """(αH + ρ)^-1, opened."""


def lasso(ctx: Context, hessian: Secret, formats: Formats) -> Lasso:
    """The inverse by its series, from the identity. Its own largest entry is 1/ρ."""
    design = formats.design
    whole = scaled(ctx, hessian, ERROR_FRAC, formats)
    half = Scaled(whole.alpha.ldexp(-1), whole.inverse_alpha.ldexp(1), whole.hessian.ldexp(-1))
    ridge = ctx.public(design.rho * np.eye(design.size), half.hessian.frac)
    error = _error(ctx, half.hessian + ridge)
    found = _series(
        ctx, error, ctx.public(np.eye(design.size), PENALTY_INVERSE_FRAC), design.factors, 1 / design.rho
    )
    ctx.open(found)
    return Lasso(half, found)


def shrink(values: Secret, thresholds: Secret) -> Secret:
    """The soft threshold."""
    nearer = functions.concatenate([values - thresholds, -values - thresholds])
    kept: Secret = functions.maximum(nearer, 0.0)
    return kept[: values.size] - kept[values.size :]


def lasso_step(
    ctx: Context,
    found: Lasso,
    gradient: Secret,
    weights: Secret,
    penalties: Secret,
    multipliers: Secret,
    formats: Formats,
) -> tuple[Secret, Secret]:
    """The next weights and multipliers, by the alternating direction method.

    :param penalties: (width,), not of the constant. :param multipliers: (width,) likewise, in units of the
        objective.
    """
    design, width = formats.design, formats.design.width
    short = _times_alpha(ctx, found.scaled, gradient, formats)
    thresholds, v = _in_units_of_rho(ctx, found, penalties, multipliers, formats)
    free, largest = design.size - width, 2 * (2 * RELAXATION - 1) * WEIGHT_BOUND
    longest = math.sqrt(design.size) * (largest + WEIGHT_BOUND + v.bound + short.bound / design.rho) * 1.001
    frac = min(VECTOR_FRAC, math.floor(ROOM - PENALTY_INVERSE_FRAC - math.log2(longest)))
    (short,) = trimmed(ctx, (short, frac))
    z = weights
    for _ in range(INNER):
        (wanted,) = trimmed(ctx, ((z - weights - _padded(ctx, v, free)).times(design.rho, 20), frac))
        right = (wanted - short).reshape(design.size, 1)
        moved = ctx.product("matmul", found.inverse, right, bound=longest)
        x = guarded_weights(ctx, weights + moved.reshape(design.size), formats)
        relaxed = x.times(RELAXATION, 3) + z.times(1 - RELAXATION, 3)
        (relaxed,) = trimmed(ctx, (relaxed, formats.weight_frac))
        near = relaxed[:width] + v
        shrunk = shrink(near, thresholds)
        v = ctx.within(near - shrunk, v.bound)  # at most the thresholds
        z = functions.concatenate([shrunk, relaxed[width:]])
        z = ctx.within(z, largest)  # 1.625 times the one before and 0.625 times itself, in the end
    kept = _in_units_of_loss(ctx, found, v, penalties.bound, formats)
    return guarded_weights(ctx, z, formats), kept


def _in_units_of_rho(
    ctx: Context, found: Lasso, penalties: Secret, multipliers: Secret, formats: Formats
) -> tuple[Secret, Secret]:
    """α / ρ times both, guarded."""
    both = functions.concatenate([penalties, multipliers])
    (short,) = trimmed(ctx, (ctx.product("multiply", found.scaled.alpha, both), SMALL_FRAC))
    (large,) = trimmed(ctx, (short.times(1 / formats.design.rho, 16), formats.weight_frac))
    large = ctx.check_range(large, MULTIPLIER_PERIOD)
    return large[: penalties.size], large[penalties.size :]


def _in_units_of_loss(ctx: Context, found: Lasso, v: Secret, largest: float, formats: Formats) -> Secret:
    """ρ / α times v, which is no larger than the penalties: v has been cut to the thresholds."""
    (small,) = trimmed(ctx, (v.times(formats.design.rho, 20), SMALL_FRAC))
    product = ctx.product("multiply", found.scaled.inverse_alpha, small, bound=largest * 1.01 + 0.01)
    return trimmed(ctx, (product, formats.weight_frac))[0]


def _padded(ctx: Context, vector: Secret, free: int) -> Secret:
    """With zeros for weights that have no L1 penalty."""
    return functions.concatenate([vector, ctx.zeros((free,), vector.frac)]) if free else vector


def inverse(ctx: Context, matrix: Secret, polish: int = POLISH) -> tuple[Secret, Secret]:
    """The inverse of a matrix whose eigenvalues lie between 0 and 1, and the sum of squares of the identity
    less matrix times that, which says how exact it is.

    Each step of Newton and Schulz doubles the number of terms, and the bound.

    :param matrix: (size, size), symmetric, with 26 fractional bits at most.
    :param polish: how many of these steps; 4 at most.
    """
    size, bound = matrix.shape[0], 2.0**STATISTIC_FACTORS
    identity = ctx.public(np.eye(size), INVERSE_FRAC)
    result = _series(ctx, _error(ctx, matrix), identity, STATISTIC_FACTORS, bound)
    for _ in range(polish):
        residual = _residual(ctx, matrix, result)
        ctx.open(residual)
        bound *= 2
        (grown,) = trimmed(ctx, (ctx.product("matmul", result, residual, bound=bound), INVERSE_FRAC))
        result = ctx.within(result + grown, bound)
    residual = _residual(ctx, matrix, result)
    flat = residual.reshape(size * size)
    return result, ctx.product("matmul", flat.reshape(1, size * size), flat, bound=float(size))


def _residual(ctx: Context, matrix: Secret, result: Secret) -> Secret:
    """1 − A Z, whose eigenvalues are between 0 and 1 like E's."""
    product = ctx.product("matmul", matrix, result, bound=1.01)
    (short,) = trimmed(ctx, (product, RESIDUAL_FRAC))
    return ctx.within(ctx.public(np.eye(result.shape[0]), RESIDUAL_FRAC) - short, 1.01)
