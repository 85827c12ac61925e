"""``fill``: put a value where there is none."""

from __future__ import annotations

from typing import ClassVar

from coterie.data import table_needs
from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, PlanContext, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING

from .clear import fit
from .params import FillParams
from .statement import STATEMENT

__all__ = ["Fill"]


class Fill(Component[FillParams]):
    """Fills the missing values of every feature, each at its owner.

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
        rows, width = context.frames["all"].rows, max(map(len, context.columns.values()), default=0)
        memory, disk = table_needs(rows, width * len(context.frames))
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
        try:
            filler = fit(training.table, training.columns[context.me], params)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None
        for name, frame in context.frames.items():
            context.frames[name] = frame.replaced(filler.filled(frame.table))
        context.models[context.step] = filler
