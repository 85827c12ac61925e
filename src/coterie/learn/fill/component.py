"""``fill``: put a value where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from coterie.data import VerticalFrame
from coterie.learn.component import Engine, FrameShape, PlanContext, RunContext, Statement, Total
from coterie.learn.places import check_places
from coterie.learn.transform import Transform, training_of

from .clear import Filler, fit
from .fl import pooled_fit, pooled_totals
from .params import FillParams
from .statement import STATEMENT

__all__ = ["Fill"]


class Fill(Transform[FillParams, Filler]):
    """Fills the missing values of every feature, each as its owner's own columns say.

    The values are learnt from "train", or from "all" where the rows are not split, and used in every frame.
    In engine fl they are those of all parties' rows, learnt from sums.

    Errors: CT-3001 without aligned rows, CT-3020 for a column without any training value, CT-3021 for a
    constant of the wrong type, CT-3028, CT-3124 where the own category is a value of the column, CT-3135 for
    a column that is not there; in engine fl CT-3235, CT-3236.
    """

    name: ClassVar[str] = "fill"
    summary: ClassVar[str] = (
        "Fill missing values, each column at its owner, as learnt from the training rows."
    )
    Parameters: ClassVar = FillParams
    State: ClassVar = Filler
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    statement: ClassVar[Statement] = STATEMENT

    def check(self, context: PlanContext, params: FillParams) -> None:
        check_places(context, sorted(params.columns))

    def totals(self, context: PlanContext, params: FillParams) -> Sequence[Total]:
        return pooled_totals(context, training_of(context.frames), params)

    def learn(self, training: VerticalFrame, params: FillParams, context: RunContext) -> Filler:
        if context.engine == "fl":
            return pooled_fit(context, training_of(context.planning.frames), training, params)
        return fit(training.table, training.columns[training.owner], params, training.owner)

    def transform(self, frame: VerticalFrame, params: FillParams, state: Filler) -> VerticalFrame:  # noqa: ARG002
        return frame.replaced(state.filled(frame.table))

    def shape(self, shape: FrameShape, params: FillParams) -> FrameShape:
        if shape.bound is None:
            return shape
        constants = [choice.value for choice in (params, *params.columns.values())]
        return replace(shape, bound=max(shape.bound, *(abs(one or 0.0) for one in constants)))
