"""``filter``: rows that fulfil a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coterie.data import VerticalFrame, table_needs
from coterie.errors import CoterieError
from coterie.learn.choosing import (
    Mask,
    agreed,
    counted,
    keep_rows,
    planned_rows,
    tells,
    tells_others,
    told_rows,
    with_counts,
)
from coterie.learn.chosen import shape_of
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import COLUMN_NOT_THERE
from coterie.learn.expression import Expression, evaluated, parsed
from coterie.learn.places import names_of

from .errors import FEW_TOLD, NO_CONDITION
from .params import FilterParams
from .statement import LOCAL, STATEMENT

__all__ = ["Filter"]


class Filter(Component[FilterParams]):
    """Leaves in every frame the rows for which a condition on one party's own columns is true.

    In engine "mpc" the columns' owner tells the other parties with data which rows stay: one bit for each row
    of "all". Everybody is told how many do. Each party of a horizontal job looks at its own rows, of which
    none goes or enough do.

    Errors: CT-3001 without aligned rows, CT-3016 where the label holder finds one label value only, CT-3031,
    CT-3116 for a condition that cannot be read, CT-3117 for one that does not fit its columns, CT-3125 where
    fewer than two rows of a frame are left, CT-3126 for an expression that is no condition, CT-3135 for a
    column that is not there, or the label where that is not stated; in engine fl CT-3300.
    """

    name: ClassVar[str] = "filter"
    summary: ClassVar[str] = "Leave the rows that fulfil a condition on one party's columns."
    Parameters: ClassVar = FilterParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    ends_stage: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: FilterParams) -> StepPlan:
        shape = shape_of(context, "all")
        if params.party not in context.owners:
            raise COLUMN_NOT_THERE(f"of '{params.party}', who has no data in this job", step=context.step)
        known = set(names_of(shape, params.party, label=params.with_label))
        if unknown := sorted(_condition(params).names - known):
            raise COLUMN_NOT_THERE(f"'{params.party}.{unknown[0]}', in the condition", step=context.step)
        rows = planned_rows(context, list(context.frames))
        context.scored = frozenset()  # scores that are known are of the rows before
        memory, disk = table_needs(rows, context.widest * len(context.frames) + 1)
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            **tells(context, params.party, rows),
            reveals=_reveals(context, params, rows),
            memory=80 * rows + memory,
            disk=disk,
            statement=STATEMENT if tells_others(context) else LOCAL,
        )

    def run(self, context: RunContext, params: FilterParams) -> None:
        if not context.computes:
            return
        whole = context.frames["all"]
        stay = agreed(context, params.party, whole.rows, lambda: _fulfilling(whole, params, context))
        before = counted(context.frames)
        keep_rows(context, list(context.frames), stay, params.label)
        if context.engine == "fl":
            _check_told(context, before)

    def facts(self, context: RunContext) -> dict[str, int]:
        return counted(context.frames)

    def apply_facts(self, context: PlanContext, facts: Mapping[str, int]) -> None:
        with_counts(context, facts)


def _condition(params: FilterParams) -> Expression:
    return parsed(params.where, "the condition")


def _check_told(context: RunContext, before: Mapping[str, int]) -> None:
    """All are told how many rows of this party stay, and know how many there were. Errors: CT-3300."""
    least = context.planning.min_group
    for name, left in counted(context.frames).items():
        gone = before[name] - left
        if 0 < gone < least or left < least:
            frame = name.removeprefix("rows.")
            raise FEW_TOLD(
                f"of '{frame}', and the agreement says {least}", party=context.me, step=context.step
            )


def _fulfilling(frame: VerticalFrame, params: FilterParams, context: RunContext) -> Mask:
    """At the owner: (rows,) where the condition is true. Errors: CT-3117, CT-3126."""
    try:
        found, _ = evaluated(_condition(params), frame.part(params.party).table)
        if not pa.types.is_boolean(found.type):
            raise NO_CONDITION("it gives numbers or texts")
    except CoterieError as error:
        raise error.at(party=context.me, step=context.step) from None
    return np.asarray(pc.fill_null(found, False).to_numpy(), np.bool_)


def _reveals(context: PlanContext, params: FilterParams, rows: int) -> tuple[Reveal, ...]:
    reveals = []
    if tells_others(context):
        what = f"which rows fulfil a condition on columns of {params.party}"
        if params.with_label:
            what += ", the label among them"
        others = tuple(party for party in context.parties if party != params.party)
        reveals.append(Reveal(what, others, rows))
    if context.everybody:
        reveals.append(told_rows(context))
    return tuple(reveals)
