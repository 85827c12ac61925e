"""``fill``: put a value where there is none."""

from __future__ import annotations

from typing import ClassVar

from coterie.data import VerticalFrame, table_needs
from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, PlanContext, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING

from .clear import Filler, fit
from .params import FillParams
from .statement import STATEMENT

__all__ = ["Fill"]


class Fill(Component[FillParams]):
    """Fills the missing values of every feature, each as its owner's own columns say.

    The values are learnt from "train", or from "all" where the rows are not split, and used in every frame.

    Errors: CT-3001 without aligned rows, CT-3020 for a column without any training value, CT-3021 for a
    constant of the wrong type, CT-3028.
    """

    name: ClassVar[str] = "fill"
    summary: ClassVar[str] = (
        "Fill missing values, each column at its owner, as learnt from the training rows."
    )
    Parameters: ClassVar = FillParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: FillParams) -> StepPlan:
        if "all" not in context.frames:
            raise FRAME_MISSING("'all'", step=context.step)
        rows = context.frames["all"].rows
        memory, disk = table_needs(rows, context.widest * len(context.frames))
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            memory=memory + 3 * 8 * rows,
            disk=disk,
            statement=STATEMENT,
        )

    def run(self, context: RunContext, params: FillParams) -> None:
        if not context.computes:
            return
        training = context.frames.get("train", context.frames["all"])
        fillers = {owner: _fitted(context, training.part(owner), params) for owner in context.mine}
        for owner, filler in fillers.items():
            for name, frame in context.frames.items():
                part = frame.part(owner)
                context.frames[name] = frame.with_part(part.replaced(filler.filled(part.table)))
        context.models[context.step] = fillers


def _fitted(context: RunContext, training: VerticalFrame, params: FillParams) -> Filler:
    """Of one owner's columns."""
    owner = training.owner
    try:
        return fit(training.table, training.columns[owner], params)
    except CoterieError as error:
        raise error.at(party=owner, step=context.step) from None
