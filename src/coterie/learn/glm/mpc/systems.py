"""Gradients and matrices of curvatures at given weights: from rows, or for the linear family from sums over
them that are made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coterie.learn.glm.mpc.formats import SMALL_FRAC, Formats
from coterie.learn.glm.mpc.inputs import Small
from coterie.learn.glm.mpc.rows import RowWork
from coterie.learn.glm.mpc.trim import trimmed
from coterie.mpc import Context, Secret, functions

__all__ = ["LinearSystem", "RowSystem", "add_up", "guarded_hessian", "ridge_gradient"]


def add_up(terms: Sequence[Secret]) -> Secret:
    """Their sum."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def guarded_hessian(
    ctx: Context, formats: Formats, works: Sequence[RowWork], curved: Sequence[Secret]
) -> Secret:
    """2^-L FᵀWF over the pieces, rounded, its trace guarded: the trace is added up with so few bits that
    nothing can make it overflow, and no entry of a matrix without negative eigenvalues is above it."""
    if formats.guarded:
        trace = add_up([work.trace(one) for work, one in zip(works, curved, strict=True)])
        (trace,) = trimmed(ctx, (trace.reshape(1).ldexp(-formats.design.halvings), SMALL_FRAC))
        ctx.check_range(trace, formats.trace_period)
    total = add_up([work.curvatures(one) for work, one in zip(works, curved, strict=True)])
    total = ctx.within(total, formats.curvature_sum).ldexp(-formats.design.halvings)
    (short,) = trimmed(ctx, (total, formats.hessian_frac))
    return ctx.within(short, formats.trace_bound)


def ridge_gradient(ctx: Context, small: Small, work: RowWork, weights: Secret) -> Secret | None:
    """The L2 penalty's part of the gradient, where there is one."""
    if not small.ridge:
        return None
    ctx.open(weights)
    parts = [small.ridge[owner] @ part for owner, part in work.parts(weights)]
    if work.params.intercept:
        parts.append(ctx.zeros((1,), parts[0].frac))
    return functions.concatenate(parts)


def with_ridge(hessian: Secret, small: Small, work: RowWork) -> Secret:
    """The L2 penalties on the diagonal: each owner adds its own."""
    if not small.ridge:
        return hessian
    lines, first, size = [], 0, hessian.shape[0]
    for owner, width in work.design.widths.items():
        end = first + width
        middle = hessian[first:end, first:end] + small.ridge[owner]
        sides = [hessian[first:end, :first], middle, hessian[first:end, end:]]
        lines.append(functions.concatenate([side for side in sides if side.size], axis=1))
        first = end
    if first < size:
        lines.append(hessian[first:])
    return functions.concatenate(lines)


@dataclass(frozen=True)
class System:
    """Of one step."""

    gradient: Secret
    hessian: Secret


class RowSystem:
    """Every step looks at the rows."""

    constant = False
    """Whether the matrix stays the same."""

    def __init__(self, ctx: Context, formats: Formats, works: Sequence[RowWork], small: Small) -> None:
        self.ctx, self.formats, self.works, self.small = ctx, formats, works, small

    def at(self, weights: Secret, step: int) -> System:
        ctx, formats, first = self.ctx, self.formats, self.works[0]
        exact, rule = formats.design.exact(step), "balanced" if formats.design.careful(step) else "observed"
        pulls = [work.pulls(weights, rule if work is first else None, exact=exact) for work in self.works]
        curved = pulls[0].curved
        assert curved is not None
        hessian = guarded_hessian(ctx, formats, [first], [curved])
        share = formats.design.hessian_share
        if share != 1:
            (hessian,) = trimmed(ctx, (hessian.times(share, 8), hessian.frac))
        slopes = [work.gradient(one.slope) for work, one in zip(self.works, pulls, strict=True)]
        total = add_up(slopes).ldexp(-formats.design.halvings)
        ridge = ridge_gradient(ctx, self.small, first, weights)
        frac = formats.gradient_frac
        gradient, *more = trimmed(ctx, *((one, frac) for one in (total, ridge) if one is not None))
        gradient = add_up([gradient, *more])
        return System(gradient, with_ridge(hessian, self.small, first))


class LinearSystem:
    """The gradient is H w − s; rows are looked at once."""

    constant = True

    def __init__(self, ctx: Context, formats: Formats, works: Sequence[RowWork], small: Small) -> None:
        self.ctx, self.formats, self.works, self.small = ctx, formats, works, small
        self.plain = guarded_hessian(ctx, formats, works, [work.row_weights() for work in works])
        """Without penalties."""
        self.hessian = with_ridge(self.plain, small, works[0])
        labels = [work.weighed_label() for work in works]
        total = add_up([work.gradient(one) for work, one in zip(works, labels, strict=True)])
        total = ctx.within(total, formats.slope_sum).ldexp(-formats.design.halvings)
        (self.target,) = trimmed(ctx, (total, formats.gradient_frac))
        self.labels = labels
        ctx.open(self.hessian)

    def loss(self, weights: Secret) -> Secret:
        """(1,): 2^-L times half the weighted sum of squared errors: (w H w − 2 s w + y y) / 2."""
        ctx, formats = self.ctx, self.formats
        column = weights.reshape(formats.design.size, 1)
        image = ctx.product("matmul", self.plain, column, bound=formats.image_bound)
        image = image.reshape(formats.design.size)
        image, target = trimmed(ctx, (image, SMALL_FRAC), (self.target, SMALL_FRAC))
        rest = image - target * 2
        bound = formats.square_bound
        curved = ctx.product("matmul", rest.reshape(1, rest.size), weights, bound=bound)
        squares = add_up(
            [work.squared_label(one, bound) for work, one in zip(self.works, self.labels, strict=True)]
        )
        squares = squares.reshape(1).ldexp(-formats.design.halvings)
        (short,) = trimmed(ctx, (ctx.refine(curved, max(curved.frac, squares.frac)) + squares, 28))
        return short.ldexp(-1)

    def at(self, weights: Secret, step: int) -> System:
        del step
        size = self.formats.design.size
        column, bound = weights.reshape(size, 1), self.formats.image_bound
        product = self.ctx.product("matmul", self.hessian, column, bound=bound)
        gradient = product.reshape(size) - self.target
        (gradient,) = trimmed(self.ctx, (gradient, self.formats.gradient_frac))
        return System(gradient, self.hessian)
