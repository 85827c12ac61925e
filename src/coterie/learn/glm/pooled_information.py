"""The information of a logistic fit to all parties' rows, by sums: of a training, then at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from coterie.fl import EXACT
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, Total
from coterie.learn.glm.design import Design
from coterie.learn.glm.fl import PooledTask
from coterie.learn.linear import Floats, gram, own_columns, sigmoid
from coterie.learn.pooled import DIGITS, WHOLE, wide_total

__all__ = ["pooled_information", "pooled_needs"]

SPREADS = "the sum over all rows of each feature of the fit, and of its square, and how many rows there are"
INFORMATION = (
    "the sum over all rows of the matrix of information at the coefficients of the fit, features in units of "
    "their spread"
)


def pooled_needs(
    context: PlanContext, shape: FrameShape, columns: Mapping[str, tuple[str, ...]], design: Design
) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Its totals are those of a training, and two more.

    Errors: CT-3235.
    """
    needs = PooledTask(shape, columns, design, design.params.iterations).needs(context)
    size = design.size
    more = (
        Total(SPREADS, DIGITS * (2 * design.width + 1), WHOLE, digits=DIGITS),
        Total(INFORMATION, size * (size + 1) // 2, EXACT, kind="statistics"),
    )
    return {**needs, "totals": (*needs["totals"], *more)}


def pooled_information(
    context: RunContext, shape: FrameShape, columns: Mapping[str, tuple[str, ...]], design: Design
) -> tuple[Floats, Floats]:
    """Matrix and moments of an :class:`~coterie.learn.glm.information.Information`; equal at all parties.

    Errors: those of training.
    """
    frame, adding = context.frames["train" if "train" in context.frames else "all"], context.sums().total
    found = PooledTask(shape, columns, design, design.params.iterations).run(context, frame, frame.target())
    features = own_columns(frame, [(EACH, name) for name in columns[EACH]])
    own = np.zeros((2, design.width))
    for _, block in features.blocks():
        own += block.sum(axis=0), np.square(block).sum(axis=0)
    told = wide_total(adding, SPREADS, np.append(own, frame.rows))
    mean, square = told[:-1].reshape(2, -1) / told[-1]
    spread = np.sqrt(square - mean * mean)
    weights = np.append(found.coefficients * spread, found.intercept + found.coefficients @ mean)
    whole = np.zeros((design.size, design.size))
    for _, block in features.blocks():
        scaled = np.column_stack([(block - mean) / spread, np.ones(len(block))])
        expected = sigmoid(scaled @ weights)
        whole += gram(scaled * np.sqrt(expected * (1 - expected))[:, None])
    corner = np.triu_indices(design.size)
    matrix = np.zeros_like(whole)
    matrix[corner] = adding(INFORMATION, whole[corner], EXACT)
    matrix += np.triu(matrix, 1).T
    return matrix, matrix @ weights
