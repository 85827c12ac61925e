"""A logistic model is fitted, and what smaller ones are judged by is told: for the choice of features.

Near the fit, the log-likelihood is a parabola of the coefficients: l(b) = l(b0) − (b − b0)' I (b − b0) / 2.
With the moments g = I b0, a model of the features K has the coefficients I_KK^−1 g_K, and twice its
log-likelihood is up to a constant g_K' I_KK^−1 g_K [Lawless & Singhal 1978]. No model but the full one is
trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from coterie.learn.chosen import ColumnsOf
from coterie.learn.component import FrameShape, PlanContext, RunContext
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.glm import clear
from coterie.learn.glm import mpc as secure
from coterie.learn.glm.design import Design, design
from coterie.learn.glm.own import own_blocks, own_part
from coterie.learn.glm.params import GlmParams
from coterie.learn.glm.pooled_information import pooled_information, pooled_needs
from coterie.learn.linear import NO_BOUND, NO_FEATURES, Floats, feature_columns, sigmoid
from coterie.learn.transform import training_of
from coterie.mpc import Program, RowBlocks

__all__ = ["Information", "InformationTask"]


@dataclass(frozen=True)
class Information:
    """Of a fit, over all rows; features in model order, each in units of its spread, the constant last."""

    matrix: Floats
    """I, (size, size)."""
    moments: Floats
    """g, (size,)."""


@dataclass(frozen=True)
class InformationTask:
    """What is public of it."""

    columns: ColumnsOf
    numbers: Design
    roles: secure.Roles

    @staticmethod
    def of(context: PlanContext, iterations: int) -> InformationTask:
        """Errors: CT-3001, CT-3050, CT-3055."""
        shape = training_of(context.frames)
        if shape is None:
            raise FRAME_MISSING("'train' or 'all'", step=context.step)
        params = GlmParams(family="logistic", iterations=iterations)
        columns = feature_columns(shape, params)
        if not columns:
            raise NO_FEATURES("of any party", step=context.step)
        if context.engine == "mpc" and shape.bound is None:
            raise NO_BOUND("nothing before this step bounds the columns", step=context.step)
        widths = {owner: len(columns.get(owner, ())) for owner in context.owners}
        return InformationTask(columns, design(shape.rows, widths, params), secure.Roles(shape.label_holder))

    def program(self, to: tuple[str, ...]) -> Program:
        """Fits in secret, and reveals both to these."""
        part = secure.Part((0, self.numbers.steps), information_to=to)
        return secure.training(secure.Formats(self.numbers), self.roles, part)

    def inputs(self, context: RunContext) -> Mapping[str, Floats | RowBlocks]:
        """This party's own. Errors: CT-3027, CT-3028, CT-3051 (features), CT-1501, CT-3016, CT-3061."""
        return secure.inputs(context.me, self._own(context), secure.Formats(self.numbers))

    def told(self, revealed: Mapping[str, Floats]) -> Information | None:
        """At who is told."""
        if secure.INFORMATION not in revealed:
            return None
        back = 2.0**self.numbers.halvings
        matrix = revealed[secure.INFORMATION] * back
        return Information((matrix + matrix.T) / 2, revealed[secure.MOMENTS] * back)

    def pooled_needs(self, context: PlanContext) -> dict[str, Any]:
        """In engine fl: what a plan says of it, as fields of a step plan. Errors: CT-3235."""
        return pooled_needs(context, training_of(context.frames), self.columns, self.numbers)

    def pooled(self, context: RunContext) -> Information:
        """In engine fl, equal at all parties. Errors: those of :meth:`inputs`, CT-3235."""
        return Information(*pooled_information(context, _shape(context), self.columns, self.numbers))

    def in_clear(self, context: RunContext) -> Information:
        """Where all columns are. Errors: those of :meth:`inputs`."""
        blocks = own_blocks(context, self.columns, self.numbers)
        own = own_part(context, _shape(context), None, self.numbers, self.roles)
        assert own.label is not None
        rows, width = self.numbers.rows, self.numbers.width
        problem = clear.Problem(blocks, own.label, np.ones(rows), np.zeros(rows), self.numbers)
        fitted, features = clear.fit(problem), problem.features()
        expected = sigmoid(clear.predictor(problem, fitted))
        hessian = features.T @ (features * (expected * (1 - expected))[:, None])
        turn = np.eye(width + 1)
        first = 0
        for block in blocks:
            end = first + len(block.shift)
            turn[first:end, first:end] = block.units()
            first = end
        return Information(turn @ hessian @ turn.T, turn @ (hessian @ fitted.weights))

    def _own(self, context: RunContext) -> secure.Own:
        blocks = own_blocks(context, self.columns, self.numbers)
        shape = _shape(context)
        return own_part(context, shape, blocks[0] if blocks else None, self.numbers, self.roles)


def _shape(context: RunContext) -> FrameShape:
    shape: FrameShape = training_of(context.planning.frames)
    return shape
