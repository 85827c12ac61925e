"""Correlations of the pooled rows, by sums over all parties: means, squared distances, then products.

Each party brings its columns to the pooled mean 0 and length 1, as an owner does in other engines, and adds
up the products of its own rows. No entry is above 1, so that nothing but rounding is lost in the sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from coterie.fl import EXACT
from coterie.learn.component import EACH, PlanContext, RunContext, Total
from coterie.learn.correlate.errors import FEW_DIFFER
from coterie.learn.correlate.task import Task
from coterie.learn.errors import COLUMN_ALL_NULL, CONSTANT_FEATURE, NOT_FINITE, NULLS_LEFT
from coterie.learn.linear import Floats, gram
from coterie.learn.pooled import DIGITS, FL_UNFIT, WHOLE, enough_beside, wide_total
from coterie.learn.summed import SUMS, planned_sums

__all__ = ["pooled_correlation_needs", "pooled_correlations"]

MEANS = "the sum over all rows of each column that is correlated, and how many of them have a value"
SQUARES = "the sum over all rows of the squared distance of each of these columns from its mean"
PRODUCTS = (
    "the sum over all rows of the product of each pair of these columns, of mean 0 and length 1: their "
    "correlations; of each column and its square again, and the number of rows"
)
LEAST = 1e-12
"""Deviation of a column that varies, in units of its values' magnitude."""


def pooled_correlation_needs(context: PlanContext, task: Task) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Errors: CT-3235, CT-3236."""
    if task.params.method == "spearman":
        raise FL_UNFIT(
            "method: 'spearman'; standardize by 'quantile' before, and correlate", step=context.step
        )
    enough_beside(context, task.shape, task.width)
    totals = [
        Total(MEANS, 2 * DIGITS * task.width, WHOLE, digits=DIGITS),
        Total(SQUARES, DIGITS * task.width, WHOLE, digits=DIGITS),
        Total(PRODUCTS, task.pairs + 2 * task.width + 1, EXACT, kind="correlations"),
    ]
    return {**planned_sums(context, totals), "statement": SUMS}


def pooled_correlations(context: RunContext, task: Task) -> Floats:
    """(width, width), equal at all parties.

    Errors: CT-1433 (text), CT-3020 (no value at all), CT-3025 (one value), CT-3027 (missing), CT-3028 (not
    finite), CT-3138 (few rows of this party differ).
    """
    names, adding = task.columns[EACH], context.sums().total
    values = context.frames[task.frame].values([(EACH, name) for name in names])
    gone = np.isnan(values)
    for j, name in enumerate(names):
        _check(values[:, j], gone[:, j], f"'{name}'", fill=task.params.missing == "mean", group=task.group)
        if 0 < gone[:, j].sum() < task.group:  # too few to tell of: they count as this party's own mean
            values[gone[:, j], j] = np.mean(values[~gone[:, j], j])
            gone[:, j] = False
    present = np.where(gone, 0.0, values)
    told = wide_total(adding, MEANS, np.concatenate([present.sum(axis=0), (~gone).sum(axis=0)]))
    sums, counts = told.reshape(2, -1)
    if not counts.all():
        raise COLUMN_ALL_NULL(f"'{names[int(np.argmin(counts))]}'")
    means = sums / counts
    away = np.where(gone, 0.0, values - means)
    lengths = np.sqrt(wide_total(adding, SQUARES, np.square(away).sum(axis=0)))
    for name, mean, length in zip(names, means.tolist(), lengths.tolist(), strict=True):
        if not length > LEAST * abs(mean) * np.sqrt(task.shape.rows):
            raise CONSTANT_FEATURE(f"'{name}'")
    unit = away / lengths
    corner = np.triu_indices(task.width)
    own = np.concatenate([gram(unit)[corner], unit.sum(axis=0), [len(unit)]])
    return _matrix(adding(PRODUCTS, own, EXACT), names)


def _matrix(told: Floats, names: Sequence[str]) -> Floats:
    """Correlations of the rows that the total is of: other ones where a party was lost in between.

    Errors: CT-3025.
    """
    width = len(names)
    corner = np.triu_indices(width)
    products, sums, rows = told[: len(corner[0])], told[len(corner[0]) : -1], told[-1]
    whole = np.zeros((width, width))
    whole[corner] = products
    whole += np.triu(whole, 1).T - np.outer(sums, sums) / rows
    squares = np.diag(whole)
    if not (squares > LEAST).all():  # of columns of length 1, before anybody was lost
        raise CONSTANT_FEATURE(f"'{names[int(np.argmin(squares))]}'")
    lengths = np.sqrt(squares)
    matrix: Floats = np.clip(whole / np.outer(lengths, lengths), -1, 1)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _check(values: Floats, gone: Any, what: str, *, fill: bool, group: int) -> None:
    """That this party's own rows tell the others of none, or of enough: those with another value than its
    most frequent one stand out in every sum."""
    if gone.any() and not fill:
        raise NULLS_LEFT(what)
    present = values[~gone]
    if not np.isfinite(present).all():
        raise NOT_FINITE(what)
    _, counts = np.unique(present, return_counts=True)
    most = max(int(counts.max(initial=0)), int(gone.sum()))
    if 0 < len(values) - most < group:
        raise FEW_DIFFER(what)
