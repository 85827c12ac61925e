"""What statistics are made of, in secret: the inverse of the information, deviance, Pearson's chi-square.

Sums of products of two arrays of large range are made twice: first with few bits, which nothing can make
overflow, and guarded; then with as many as fit what the guard vouches for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from coterie.learn.glm.design import POLISH, STATISTIC_FACTORS
from coterie.learn.glm.mpc.formats import SMALL_FRAC, Formats
from coterie.learn.glm.mpc.inputs import Small
from coterie.learn.glm.mpc.losses import losses, vouched_product
from coterie.learn.glm.mpc.rows import RowWork
from coterie.learn.glm.mpc.solve import inverse, scaled
from coterie.learn.glm.mpc.systems import LinearSystem, guarded_hessian
from coterie.learn.glm.mpc.trim import trimmed
from coterie.mpc import Context, Secret, functions

__all__ = ["statistics"]

VARIANCE_FRAC = 12
TOLD_FRAC = 32


def statistics(
    ctx: Context,
    formats: Formats,
    works: Sequence[RowWork],
    small: Small,
    weights: Secret,
    linear: LinearSystem | None,
) -> dict[str, Secret]:
    """What is revealed of a fit, by name. The rows are looked at once more."""
    found: dict[str, Secret] = {}
    if linear is None:
        pulls = [work.pulls(weights, "expected") for work in works]
        curved = [one.curved for one in pulls if one.curved is not None]
        hessian = guarded_hessian(ctx, formats, works, curved)
        if formats.family in ("gamma", "tweedie"):
            slopes = [one.slope for one in pulls]
            found["pearson"] = _pearson(ctx, formats, works, slopes)
    else:
        hessian = linear.plain
    information = scaled(ctx, hessian, SMALL_FRAC, formats)
    covariance, residual = inverse(ctx, information.hessian)
    (found["residual"],) = trimmed(ctx, (residual.reshape(1), TOLD_FRAC))
    found["scale"] = information.alpha
    found["variances"] = _variances(ctx, formats, works[0], small, covariance)
    found["deviance"] = losses(ctx, formats, works, weights, linear, fresh=False)
    return found


def _variances(ctx: Context, formats: Formats, work: RowWork, small: Small, covariance: Secret) -> Secret:
    """(size,): diagonal of B Z Bᵀ, B the way back to coefficients and intercept.

    Z has no eigenvalue above 2^t, t terms of its series; so |BZ| is at most that times a row's length, and
    the diagonal at most that times its square.
    """
    terms = 2.0 ** (STATISTIC_FACTORS + POLISH)
    longest = formats.back_bound * math.sqrt(max(1, formats.design.width))
    (short,) = trimmed(ctx, (covariance, VARIANCE_FRAC))
    ctx.open(short)
    owners, widths, first = list(formats.design.widths), formats.design.widths, 0
    images = []
    for owner in owners:
        rows = short[first : first + widths[owner]]
        images.append(ctx.private_product("matmul", [(small.coarse[owner], rows)], bound=longest * terms))
        first += widths[owner]
    images = trimmed(ctx, *((one, VARIANCE_FRAC) for one in images))
    parts, first = [], 0
    for owner, image in zip(owners, images, strict=True):
        mine = image[:-1, first : first + widths[owner]]
        products = ctx.private_product("multiply", [(small.turn[owner], mine)], bound=longest**2 * terms)
        parts.append(ctx.within(products.sum(axis=1), longest**2 * terms))
        first += widths[owner]
    if formats.design.params.intercept:
        parts.append(_intercept_variance(ctx, work, small, short, images, longest**2 * terms * 4))
    return functions.concatenate(parts)


def _intercept_variance(
    ctx: Context, work: RowWork, small: Small, covariance: Secret, images: Sequence[Secret], bound: float
) -> Secret:
    """(1,): t Z tᵀ for t = (−shifts, 1), of Z and the images of the ways back."""
    row = covariance[-1]
    for image in images:
        row = row - image[-1]
    (row,) = trimmed(ctx, (row, VARIANCE_FRAC))
    ctx.open(row)
    total = row[-1:]
    for owner, part in work.parts(row):
        total = total - ctx.private_product("matmul", [(small.coarse[owner], part)], bound=bound)[-1:]
    return ctx.within(total, bound)


def _pearson(ctx: Context, formats: Formats, works: Sequence[RowWork], slopes: Sequence[Secret]) -> Secret:
    """(1,): 2^-L times the sum of ω (y − μ)² / μ^p. With e = a − b that is Σ ω e · e / a; e / a = 1 − y /
    μ."""
    return vouched_product(ctx, formats, slopes, [work.relative_errors() for work in works])
