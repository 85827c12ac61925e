"""``summary``: means and deviations of all columns on hidden rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie.learn.align import need_means, need_numbers, own_prepared
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import NOBODY_RECEIVES
from coterie.learn.secure import computed, needs_of, served, traced

from .errors import NOT_HIDDEN, NOTHING_TO_TELL
from .mpc import COUNT, MEANS, SQUARES, Task, inputs, summing
from .params import SummaryParams
from .record import ColumnSummary, RowsSummary
from .statement import MPC

__all__ = ["Summary"]

FRAME = "all"

Floats = NDArray[np.float64]


class Summary(Component[SummaryParams]):
    """Tells the receivers of "profile" the mean and the deviation of every column on the common rows, which
    stay unknown; in units of the owners' whole datasets.

    Errors: CT-3136 where nobody may receive it, CT-3216 where the rows are not hidden, CT-3217 where there
    are no columns, CT-3219 where the rows are too many for the fewest that may be common, CT-3215 for
    a column of texts.
    """

    name: ClassVar[str] = "summary"
    summary: ClassVar[str] = "Mean and deviation of every column on common rows that nobody knows."
    Parameters: ClassVar = SummaryParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"mpc"})
    needs_label: ClassVar[bool] = False
    takes_hidden: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: SummaryParams) -> StepPlan:
        to = context.receiving("profile")
        if not to:
            raise NOBODY_RECEIVES("'profile'", step=context.step)
        task = _task(context, params)
        columns = task.own + task.others
        what = "mean and deviation of each column on all common rows, in units of its owner's whole dataset"
        reveals = [Reveal(what, to, 2 * columns, "profile")]
        if params.count:
            reveals.append(Reveal("number of common rows", to, 1, "profile"))
        needs = needs_of(traced(summing(task), context, to=to))
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            **needs | {"memory": needs["memory"] + 4 * 8 * task.bins * max(1, columns)},
            reveals=tuple(reveals),
            results={"profile": to},
            statement=MPC,
        )

    def run(self, context: RunContext, params: SummaryParams) -> None:
        planning = context.planning
        task, to = _task(planning, params), planning.receiving("profile")
        program, tape = summing(task), traced(summing(task), planning, to=to)
        outputs, scales = served(program, tape, context), np.empty((2, 0))
        if outputs is None:
            rows = context.frames[FRAME].hidden
            assert rows is not None  # as its shape says
            own, scales = own_prepared(context, FRAME)
            outputs = computed(program, tape, context, inputs(rows, own))
        if MEANS in outputs.revealed:
            document = _document(context, task, outputs.revealed, scales)
            context.tell("profile", document.model_dump(mode="json"), (context.me,))


def _task(context: PlanContext, params: SummaryParams) -> Task:
    """Errors: CT-3216, CT-3217."""
    shape = context.frames.get(FRAME)
    if shape is None or shape.hidden is None:
        raise NOT_HIDDEN("", step=context.step)
    hidden = shape.hidden
    need_means(context, hidden)
    for party, names in shape.columns.items():
        need_numbers(context, party, names)
    if not shape.width:
        raise NOTHING_TO_TELL("", step=context.step)
    own, others = (len(shape.columns.get(party, ())) for party in (hidden.holder, hidden.other))
    return Task(
        hidden.holder,
        hidden.other,
        shape.rows,
        own,
        others,
        hidden.least,
        hidden.most,
        context.receiving("profile"),
        params.count,
    )


def _document(context: RunContext, task: Task, found: Mapping[str, Any], scales: Floats) -> RowsSummary:
    columns = context.planning.frames[FRAME].columns
    names = [(party, name) for party in (task.holder, task.other) for name in columns.get(party, ())]
    own = iter(scales.T.tolist())
    lines = []
    for (party, name), mean, square in zip(names, found[MEANS], found[SQUARES], strict=True):
        scale = next(own) if party == context.me else None
        lines.append(
            ColumnSummary(
                party=party,
                column=name,
                mean=float(mean),
                std=math.sqrt(max(0.0, float(square) - float(mean) ** 2)),
                unit_mean=None if scale is None else scale[0],
                unit_std=None if scale is None else scale[1],
            )
        )
    count = int(found[COUNT]) if task.count else None
    return RowsSummary(step=context.step, least=task.least, rows=count, columns=tuple(lines))
