"""The matrix of information of a logistic fit, and its moments: what all smaller models are judged by.

With H the matrix of curvatures at the weights w that training ended at, the moments are H w. Both are told in
the units of the owners' columns, each divided by its spread: with M the way there, of columns of length 1,
MᵀHM and MᵀHw. No entry of the first is above H's trace.
"""

from __future__ import annotations

import math

from coterie.learn.glm.mpc.formats import ROOM, WEIGHT_FRAC, Formats
from coterie.learn.glm.mpc.rows import RowWork
from coterie.learn.glm.mpc.systems import guarded_hessian
from coterie.learn.glm.mpc.trim import trimmed
from coterie.mpc import Context, Private, Secret, functions

__all__ = ["INFORMATION", "MOMENTS", "information"]

INFORMATION = "information"
MOMENTS = "moments"
UNIT_FRAC = 20
TOLD_FRAC = 26
SLACK = 1.01


def information(ctx: Context, formats: Formats, work: RowWork, weights: Secret) -> tuple[Secret, Secret]:
    """(size, size) and (size,), the constant last; as 2^-L times sums over the rows."""
    pulls = work.pulls(weights, "observed", exact=True)
    assert pulls.curved is not None
    hessian = guarded_hessian(ctx, formats, [work], [pulls.curved])
    # Both are made of the same rounded matrix: an error of it that both have moves no estimate.
    frac = min(UNIT_FRAC, math.floor(ROOM - WEIGHT_FRAC - math.log2(formats.image_bound)))
    (hessian,) = trimmed(ctx, (hessian, frac))
    column = weights.reshape(weights.size, 1)
    moments = ctx.product("matmul", hessian, column, bound=formats.image_bound)
    (moments,) = trimmed(ctx, (moments, _frac(formats.image_bound)))
    units = {
        owner: ctx.private(f"units of {owner}", owner, (width, width), SLACK, UNIT_FRAC)
        for owner, width in formats.design.widths.items()
    }
    ctx.mask(*units.values())
    bound = formats.trace_bound * SLACK
    (half,) = trimmed(ctx, (_turned(ctx, units, hessian, bound), _frac(bound)))
    (whole, told) = trimmed(
        ctx,
        (_turned(ctx, units, half.T, bound), TOLD_FRAC),
        (_turned(ctx, units, moments, formats.image_bound * SLACK), TOLD_FRAC),
    )
    return whole, told.reshape(weights.size)


def _frac(bound: float) -> int:
    """Of what is multiplied with units."""
    return min(TOLD_FRAC, math.floor(ROOM - UNIT_FRAC - math.log2(bound * SLACK)))


def _turned(ctx: Context, units: dict[str, Private], rows: Secret, bound: float) -> Secret:
    """Each owner's rows turned by it, the constant's as it is."""
    parts, first = [], 0
    ctx.open(rows)
    for unit in units.values():
        end = first + unit.shape[0]
        parts.append(ctx.private_product("matmul", [(unit, rows[first:end])], bound=bound))
        first = end
    if first < rows.shape[0]:
        parts.append(ctx.refine(rows[first:], parts[0].frac))
    return functions.concatenate(parts)
