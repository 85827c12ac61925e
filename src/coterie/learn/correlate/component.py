"""``correlate`` and ``vif``: how much columns of all parties say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, Statement, StepPlan
from coterie.learn.correlate.errors import TOO_FEW_ROWS
from coterie.learn.correlate.fl import pooled_correlation_needs, pooled_correlations
from coterie.learn.correlate.mpc import FACTORS, inflation, vif_inputs
from coterie.learn.correlate.own import LARGEST, apart, own_block
from coterie.learn.correlate.params import CorrelateParams, VifParams
from coterie.learn.correlate.record import Correlations, InflationFactors
from coterie.learn.correlate.statement import CORRELATIONS as TOLD_CORRELATIONS
from coterie.learn.correlate.statement import FACTORS as TOLD_FACTORS
from coterie.learn.correlate.statement import MPC_CORRELATIONS, MPC_FACTORS
from coterie.learn.correlate.task import Task, all_columns, own_columns, task_of
from coterie.learn.linear import CLEAR, Floats, turned
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Program

__all__ = ["Correlate", "Vif"]


class Correlate(Component[CorrelateParams]):
    """Tells receivers of "correlations" how each pair of columns goes together.

    Errors: CT-3001 without the frame, CT-3020, CT-3025, CT-3027, CT-3028, CT-3138 and CT-1433 for columns
    that have no correlation, CT-3135 to CT-3137; CT-3052 in engine "clear" with others' columns; in
    engine fl CT-3235 and CT-3236.
    """

    name: ClassVar[str] = "correlate"
    summary: ClassVar[str] = "Correlate the columns of all parties, by value or by rank."
    Parameters: ClassVar = CorrelateParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: CorrelateParams) -> StepPlan:
        task = task_of(context, params)
        reveal = Reveal(TOLD_CORRELATIONS, task.to, task.pairs, "correlations")
        plan = _planned(context, task, task.program, MPC_CORRELATIONS, reveal)
        return replace(plan, component=self.name, params=params.model_dump(mode="json"))

    def run(self, context: RunContext, params: CorrelateParams) -> None:
        task = task_of(context.planning, params)
        if context.engine == "mpc":
            found = _revealed(context, task, task.program(), lambda: task.inputs(context))
            matrix = task.told(found)
        elif context.engine == "fl":
            matrix = _pooled(context, task)
        else:
            matrix = task.in_clear(context)
        if matrix is not None:
            document = Correlations(
                frame=task.frame,
                method=params.method,
                columns=task.places,
                matrix=tuple(tuple(line) for line in matrix.tolist()),
            )
            context.tell("correlations", document.model_dump(mode="json"))


class Vif(Component[VifParams]):
    """Tells receivers of "correlations" how much of each column the others explain, and nothing else; in
    engine fl that is made of the correlations, which all parties learn.

    Errors: those of :class:`Correlate`, and CT-3139.
    """

    name: ClassVar[str] = "vif"
    summary: ClassVar[str] = "Variance inflation factors of the columns of all parties."
    Parameters: ClassVar = VifParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: VifParams) -> StepPlan:
        task = task_of(context, params)
        reveal = Reveal(TOLD_FACTORS, task.to, task.width, "correlations")
        plan = _planned(
            context, task, lambda: inflation(task.shape.rows, task.widths, task.to), MPC_FACTORS, reveal
        )
        return replace(plan, component=self.name, params=params.model_dump(mode="json"))

    def run(self, context: RunContext, params: VifParams) -> None:
        task = task_of(context.planning, params)
        if context.computes and task.shape.rows <= task.width:
            detail = f"{task.shape.rows} rows, {task.width} columns"
            raise TOO_FEW_ROWS(detail, party=context.me, step=context.step)
        if context.engine == "mpc":
            program = inflation(task.shape.rows, task.widths, task.to)
            revealed = _revealed(context, task, program, lambda: _turned_apart(context, task))
            found = revealed.get(FACTORS)
        elif context.engine == "fl":
            found = apart(_pooled(context, task)).factors
        else:
            found = apart(own_block(all_columns(context, task))).factors
        if found is not None:
            told = tuple(None if value > LARGEST else max(1.0, float(value)) for value in found)
            document = InflationFactors(frame=task.frame, columns=task.places, vif=told)
            context.tell("correlations", document.model_dump(mode="json"))


def _planned(
    context: PlanContext, task: Task, program: Callable[[], Program], statement: Statement, reveal: Reveal
) -> StepPlan:
    own = task.memory(context)
    needs: dict[str, Any] = {"operations": task.shape.rows * task.width**2, "statement": CLEAR, "memory": own}
    if context.engine == "fl":
        needs |= pooled_correlation_needs(context, task)
        return StepPlan(context.step, "", {}, results={"correlations": task.to}, **needs)
    if context.engine == "mpc":
        needs = needs_of(traced(program(), context, task.to))
        needs |= {"statement": statement, "memory": needs["memory"] + own}
    results = {"correlations": task.to}
    return StepPlan(context.step, "", {}, reveals=(reveal,), results=results, **needs)


def _pooled(context: RunContext, task: Task) -> Floats:
    try:
        return pooled_correlations(context, task)
    except CoterieError as error:
        raise error.at(party=context.me, step=context.step) from None


def _revealed(
    context: RunContext, task: Task, program: Program, inputs: Callable[[], Mapping[str, Floats]]
) -> Mapping[str, Floats]:
    """What a program tells here, by name."""
    tape = traced(program, context.planning, task.to)
    outputs = served(program, tape, context)
    if outputs is None:
        outputs = computed(program, tape, context, inputs())
    return outputs.revealed


def _turned_apart(context: RunContext, task: Task) -> Mapping[str, Floats]:
    columns = own_columns(context, task)
    if columns is None:
        return {}
    found = apart(own_block(columns))
    return vif_inputs(context.me, turned(columns, found.turn), found)
