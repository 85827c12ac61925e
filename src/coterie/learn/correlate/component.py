"""``correlate`` and ``vif``: how much columns of all parties say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, Statement, StepPlan
from coterie.learn.correlate.errors import TOO_FEW_ROWS
from coterie.learn.correlate.mpc import (
    CORRELATIONS,
    FACTORS,
    correlations,
    inflation,
    matrix_of,
    own_inputs,
    vif_inputs,
)
from coterie.learn.correlate.own import LARGEST, apart, own_block
from coterie.learn.correlate.params import CorrelateParams, VifParams
from coterie.learn.correlate.record import Correlations, InflationFactors
from coterie.learn.correlate.statement import (
    CLEAR,
    MPC_CORRELATIONS,
    MPC_FACTORS,
)
from coterie.learn.correlate.statement import CORRELATIONS as TOLD_CORRELATIONS
from coterie.learn.correlate.statement import FACTORS as TOLD_FACTORS
from coterie.learn.correlate.task import Task, own_columns, task_of
from coterie.learn.linear import Floats, need_all_here, turned
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Program

__all__ = ["Correlate", "Vif", "correlation_plan", "correlation_run"]

Inputs = Callable[[Floats | None], dict[str, Floats]]


class Correlate(Component[CorrelateParams]):
    """Tells receivers of "correlations" how each pair of columns goes together.

    Errors: CT-3001 without the frame, CT-3020, CT-3025, CT-3027, CT-3028, CT-3138 and CT-1433 for columns
    that have no correlation, CT-3135 to CT-3137; CT-3052 in engine "clear" with others' columns.
    """

    name: ClassVar[str] = "correlate"
    summary: ClassVar[str] = "Correlate the columns of all parties, by value or by rank."
    Parameters: ClassVar = CorrelateParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: CorrelateParams) -> StepPlan:
        plan = correlation_plan(context, task_of(context, params))
        return replace(plan, component=self.name, params=params.model_dump(mode="json"))

    def run(self, context: RunContext, params: CorrelateParams) -> None:
        task = task_of(context.planning, params)
        matrix = correlation_run(context, task)
        if matrix is not None:
            document = Correlations(
                frame=task.frame,
                method=params.method,
                columns=task.places,
                matrix=tuple(tuple(line) for line in matrix.tolist()),
            )
            context.tell("correlations", document.model_dump(mode="json"))


class Vif(Component[VifParams]):
    """Tells receivers of "correlations" how much of each column the others explain, and nothing else.

    Errors: those of :class:`Correlate`, and CT-3139.
    """

    name: ClassVar[str] = "vif"
    summary: ClassVar[str] = "Variance inflation factors of the columns of all parties."
    Parameters: ClassVar = VifParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: VifParams) -> StepPlan:
        task = task_of(context, params)
        reveal = Reveal(TOLD_FACTORS, task.to, task.width, "correlations")
        plan = _planned(context, task, inflation(task.shape.rows, task.widths, task.to), MPC_FACTORS, reveal)
        return replace(plan, component=self.name, params=params.model_dump(mode="json"))

    def run(self, context: RunContext, params: VifParams) -> None:
        task = task_of(context.planning, params)
        if context.computes and task.shape.rows <= task.width:
            detail = f"{task.shape.rows} rows, {task.width} columns"
            raise TOO_FEW_ROWS(detail, party=context.me, step=context.step)
        if context.engine == "mpc":
            found = _revealed(
                context,
                task,
                inflation(task.shape.rows, task.widths, task.to),
                lambda columns: _turned_apart(context.me, columns),
                FACTORS,
            )
        else:
            found = apart(own_block(_all_columns(context, task))).factors
        if found is not None:
            told = tuple(None if value > LARGEST else max(1.0, float(value)) for value in found)
            document = InflationFactors(frame=task.frame, columns=task.places, vif=told)
            context.tell("correlations", document.model_dump(mode="json"))


def correlation_plan(context: PlanContext, task: Task) -> StepPlan:
    """What :func:`correlation_run` will do: part of the caller's step."""
    values = task.width * (task.width - 1) // 2
    reveal = Reveal(TOLD_CORRELATIONS, task.to, values, "correlations")
    program = correlations(task.shape.rows, task.widths, task.to)
    return _planned(context, task, program, MPC_CORRELATIONS, reveal)


def correlation_run(context: RunContext, task: Task) -> Floats | None:
    """(width, width) correlations of all columns, where they are told; None elsewhere."""
    if context.engine != "mpc":
        return own_block(_all_columns(context, task))
    program = correlations(task.shape.rows, task.widths, task.to)
    found = _revealed(context, task, program, lambda columns: own_inputs(context.me, columns), CORRELATIONS)
    return None if found is None else matrix_of(found, task.widths)


def _planned(
    context: PlanContext, task: Task, program: Program, statement: Statement, reveal: Reveal
) -> StepPlan:
    rows, own = task.shape.rows, 4 * 8 * task.shape.rows * context.widest
    needs: dict[str, Any] = {"operations": rows * task.width**2, "statement": CLEAR, "memory": own}
    if context.engine == "mpc":
        needs = needs_of(traced(program, context, task.to))
        needs |= {"statement": statement, "memory": needs["memory"] + own}
    return StepPlan(
        step=context.step,
        component="correlate",
        params={},
        reveals=(reveal,),
        results={"correlations": task.to},
        **needs,
    )


def _revealed(context: RunContext, task: Task, program: Program, inputs: Inputs, name: str) -> Floats | None:
    """What a program tells here."""
    tape = traced(program, context.planning, task.to)
    outputs = served(program, tape, context)
    if outputs is None:
        outputs = computed(program, tape, context, inputs(own_columns(context, task)))
    return outputs.revealed.get(name)


def _turned_apart(me: str, columns: Floats | None) -> dict[str, Floats]:
    if columns is None:
        return {}
    found = apart(own_block(columns))
    return vif_inputs(me, turned(columns, found.turn), found)


def _all_columns(context: RunContext, task: Task) -> Floats:
    need_all_here(context, task.columns)
    found = own_columns(context, task)
    assert found is not None
    return found
