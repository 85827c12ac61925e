"""Scales of the pooled rows, learnt from sums over all parties: means first, then squares of distances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape, PlanContext, RunContext, Total
from coterie.learn.errors import CONSTANT_FEATURE
from coterie.learn.pooled import (
    DIGITS,
    WHOLE,
    enough_beside,
    grouped_values,
    quantile_totals,
    quantiles,
    wide_total,
)

from .clear import Column, ColumnScale, Standardizer, check, ranks
from .params import StandardizeParams

__all__ = ["pooled_fit", "pooled_totals"]

MEANS = (
    "the sum over all rows of each feature, or of its rank where values are replaced by ranks, and how many "
    "rows there are"
)
SQUARES = (
    "the sum over all rows of the squared distance of each of these from its mean, and how many rows there "
    "are"
)
LEAST = 1e-13
"""Deviation of a column that varies, in units of its mean's magnitude."""


def pooled_totals(
    context: PlanContext, shape: FrameShape, columns: int, params: StandardizeParams
) -> Sequence[Total]:
    """What :func:`pooled_fit` takes. Errors: CT-3235."""
    if not columns:
        return ()
    enough_beside(context, shape)
    width = columns + 1  # with the rows of who was there
    moments = tuple(Total(what, DIGITS * width, WHOLE, digits=DIGITS) for what in (MEANS, SQUARES))
    if params.method == "quantile":
        return (*quantile_totals(columns, _knots(shape.rows, params)), *moments)
    return moments


def pooled_fit(
    context: RunContext,
    shape: FrameShape,
    training: VerticalFrame,
    own: Sequence[str],
    params: StandardizeParams,
) -> Standardizer:
    """The scales of all parties' rows, at each of them.

    :param shape: of all training rows. :param training: this party's. :param own: the columns to scale.

    Errors: CT-3025, CT-3027, CT-3028.
    """
    if not own:
        return Standardizer(clip=params.clip, columns={})
    adding, rows = context.sums().total, shape.rows
    knots = _pooled_knots(context, training, own, rows, params) if params.method == "quantile" else None

    def value(number: int) -> Column:
        values = training.matrix((own[number],))[:, 0]
        if knots is None:
            check(own[number], values)
            return values
        return ranks(values, knots[number])

    def of_rows(what: str, sums: list[float]) -> Column:
        told = wide_total(adding, what, np.array([*sums, training.rows], np.float64))
        return np.asarray(told[:-1] / told[-1])

    means = of_rows(MEANS, [float(value(number).sum()) for number in range(len(own))])
    squares = [float(np.square(value(number) - means[number]).sum()) for number in range(len(own))]
    deviations = np.sqrt(of_rows(SQUARES, squares))
    for name, mean, deviation in zip(own, means.tolist(), deviations.tolist(), strict=True):
        if deviation <= LEAST * abs(mean):
            raise CONSTANT_FEATURE(f"'{name}'")
    columns = {
        name: ColumnScale(
            quantiles=None if knots is None else tuple(knots[number].tolist()),
            mean=float(means[number]),
            deviation=float(deviations[number]),
        )
        for number, name in enumerate(own)
    }
    return Standardizer(clip=params.clip, columns=columns)


def _knots(rows: int, params: StandardizeParams) -> int:
    return min(params.knots, rows)


def _pooled_knots(
    context: RunContext, training: VerticalFrame, own: Sequence[str], rows: int, params: StandardizeParams
) -> list[Column]:
    """Of each column, ascending. Errors: CT-3027, CT-3028; CT-3025 where no party has as many rows as the
    smallest group."""
    groups = []
    for name in own:
        values = training.matrix((name,))[:, 0]
        check(name, values)
        groups.append(grouped_values(values, context.planning.min_group)[0])
    fractions = np.linspace(0, 1, _knots(rows, params))
    found = quantiles(context.sums().total, groups, fractions)
    for name, one in zip(own, found, strict=True):
        if not one.rows or one.values[0] == one.values[-1]:
            raise CONSTANT_FEATURE(f"'{name}', or nearly so")
    return [one.values for one in found]
