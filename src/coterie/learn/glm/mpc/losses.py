"""The rows' losses added up in secret: for whoever looks at it while training goes on, and for deviances.

Sums of products of two arrays of large range are made twice: first with few bits, which nothing can make
overflow, and guarded; then with as many as fit what the guard vouches for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from coterie.learn.glm.mpc.formats import ROOM, SMALL_FRAC, Formats
from coterie.learn.glm.mpc.rows import RowWork
from coterie.learn.glm.mpc.systems import LinearSystem, add_up
from coterie.learn.glm.mpc.trim import trimmed
from coterie.mpc import Context, Secret

__all__ = ["losses", "vouched_product"]

TOLD_FRAC = 28
COARSE_FRAC = 4
SQUARE_PERIOD = 1 << 17
"""Half a period of the guard of mean squares."""


def losses(
    ctx: Context,
    formats: Formats,
    works: Sequence[RowWork],
    weights: Secret,
    linear: LinearSystem | None,
    *,
    fresh: bool = True,
) -> Secret:
    """(1,): 2^-L times the weighted sum of how far the losses of all rows are above their best.

    :param fresh: whether the rows have not been looked at with these weights just before.
    """
    if linear is not None:
        return linear.loss(weights)
    if formats.family == "linear":
        slopes = [work.pulls(weights, None).slope for work in works]
        return vouched_product(ctx, formats, slopes, [work.plain for work in works]).ldexp(-1)
    if fresh:
        for work in works:
            work.pulls(weights, None)
    total = add_up([work.losses() for work in works]).reshape(1).ldexp(-formats.design.halvings)
    (short,) = trimmed(ctx, (total, TOLD_FRAC))
    return short


def vouched_product(
    ctx: Context, formats: Formats, left: Sequence[Secret], right: Sequence[Secret]
) -> Secret:
    """(1,): 2^-L times the sum of products of two arrays, which none of them makes negative."""
    halvings = formats.design.halvings
    coarse = _dots(ctx, left, right, COARSE_FRAC, math.inf).ldexp(-halvings)
    (coarse,) = trimmed(ctx, (coarse, SMALL_FRAC))
    ctx.check_range(coarse, SQUARE_PERIOD)
    bound = math.ldexp(SQUARE_PERIOD, halvings)
    several = 1 if len(left) > 1 else 0  # two partial sums at a time, each within the bound of all
    frac = math.floor((ROOM - several - math.log2(bound)) / 2)
    (short,) = trimmed(ctx, (_dots(ctx, left, right, frac, bound).ldexp(-halvings), TOLD_FRAC))
    return short


def _dots(ctx: Context, left: Sequence[Secret], right: Sequence[Secret], frac: int, bound: float) -> Secret:
    both = trimmed(ctx, *((one, frac) for one in (*left, *right)))
    ctx.open(*both)
    count = len(left)
    more = {} if math.isinf(bound) else {"bound": bound}
    terms = [
        ctx.product("matmul", a.reshape(1, a.size), b, **more)
        for a, b in zip(both[:count], both[count:], strict=True)
    ]
    if math.isinf(bound):
        return add_up(terms)
    total = terms[0]
    for term in terms[1:]:
        total = ctx.within(total + term, bound)  # no term is negative
    return total
