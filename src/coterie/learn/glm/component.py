"""``glm``: train a generalised linear model over all parties' columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, FrameShape, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.glm import clear
from coterie.learn.glm import mpc as secure
from coterie.learn.glm.design import Design, design
from coterie.learn.glm.errors import COLUMN_APART, OFFSET_ELSEWHERE
from coterie.learn.glm.own import own_part
from coterie.learn.glm.params import GlmParams
from coterie.learn.glm.statement import MPC, RANGE
from coterie.learn.linear import (
    CLEAR,
    NO_BOUND,
    NO_FEATURES,
    NOT_ALONE,
    ClearModel,
    Floats,
    ModelFacts,
    SharedModel,
    feature_columns,
    place_of,
)
from coterie.learn.secure import computed, dealt, needs_of, traced
from coterie.mpc import Outputs, Program, Tape

__all__ = ["Glm"]


@dataclass(frozen=True)
class _Task:
    """What is public of a training: derived again by whoever needs it."""

    shape: FrameShape
    columns: dict[str, tuple[str, ...]]
    """Features by owner."""
    numbers: Design
    roles: secure.Roles

    @property
    def formats(self) -> secure.Formats:
        return secure.Formats(self.numbers)


class Glm(Component[GlmParams]):
    """Trains on "train", or on "all" where the rows are not split.

    Engine "mpc": every compute party keeps shares of the coefficients; those whom the agreement grants
    "coefficients" learn them. Engine "clear": one party with all columns learns them.

    Errors: CT-3001 without aligned rows, CT-3050 without known bounds, CT-3055, CT-3060, CT-3064, CT-3065,
    CT-2101 where the sizes do not fit the ring; before anything is sent CT-3027, CT-3028, CT-3051 (features),
    CT-1501, CT-3016, CT-3061 (label), CT-3062 (weights), CT-3063 (offset); CT-2108 where a value leaves its
    range.
    """

    name: ClassVar[str] = "glm"
    summary: ClassVar[str] = "Train a generalised linear model over the columns of all parties."
    Parameters: ClassVar = GlmParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: GlmParams) -> StepPlan:
        task = _task(context, params)
        results = _results(context)
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            results=results,
        )
        rows, width = task.shape.rows, task.numbers.width
        if context.engine != "mpc":
            context.models[context.step] = ModelFacts(task.columns, 0, 0.0, params)
            work = task.numbers.steps * rows * width * width
            return replace(plan, memory=3 * 8 * rows * width, operations=work, statement=CLEAR)
        tape = _tape(context, task)
        facts = ModelFacts(task.columns, secure.COEFFICIENT_FRAC, task.formats.coefficient_bound, params)
        context.models[context.step] = facts
        return replace(plan, **needs_of(tape), reveals=_reveals(context, facts), statement=MPC)

    def run(self, context: RunContext, params: GlmParams) -> None:
        try:
            task = _task(context.planning, params)
            if context.engine == "mpc":
                _run_mpc(context, task)
            else:
                _run_clear(context, task)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None


def _task(context: PlanContext, params: GlmParams) -> _Task:
    shape = next((context.frames[name] for name in ("train", "all") if name in context.frames), None)
    if shape is None:
        raise FRAME_MISSING("'train' or 'all'", step=context.step)
    for column in params.apart:
        party, name = place_of(column)
        if name not in shape.columns.get(party, ()):
            raise COLUMN_APART(f"'{column}'", step=context.step)
    columns = feature_columns(shape, params)
    if not columns:
        raise NO_FEATURES("of any party", step=context.step)
    if context.engine == "mpc" and shape.bound is None:
        raise NO_BOUND("nothing before this step bounds the columns of the training rows", step=context.step)
    roles = secure.Roles(
        shape.label_holder,
        None if params.weights is None else place_of(params.weights)[0],
        None if params.offset is None else place_of(params.offset)[0],
        params.class_weight is not None,
    )
    if params.family == "linear" and roles.offset not in (None, roles.label):
        raise OFFSET_ELSEWHERE(f"'{params.offset}'", step=context.step)
    widths = {party: len(columns.get(party, ())) for party in context.parties}
    return _Task(shape, columns, design(shape.rows, widths, params), roles)


def _results(context: PlanContext) -> dict[str, tuple[str, ...]]:
    granted = {
        kind: tuple(party for party in context.parties if party in context.receivers.get(kind, ()))
        for kind in ("model", "coefficients")
    }
    return {kind: to for kind, to in granted.items() if to}


def _program(context: PlanContext, task: _Task) -> Program:
    part = secure.Part((0, task.numbers.steps), coefficients_to=_results(context).get("coefficients", ()))
    return secure.training(task.formats, task.roles, part)


def _tape(context: PlanContext, task: _Task) -> Tape:
    return traced(_program(context, task), context)


def _reveals(context: PlanContext, facts: ModelFacts) -> tuple[Reveal, ...]:
    reveals = [Reveal(RANGE, context.parties, 1)]
    to = _results(context).get("coefficients")
    if to:
        what = "coefficient of each feature, and the intercept" if facts.params.intercept else "coefficients"
        reveals.append(Reveal(what, to, facts.size, "coefficients"))
        if isinstance(facts.params, GlmParams) and facts.params.family == "linear":
            reveals.append(
                Reveal("mean of the label, and a power of two near its spread", to, 2, "coefficients")
            )
    return tuple(reveals)


def _run_mpc(context: RunContext, task: _Task) -> None:
    tape = _tape(context.planning, task)
    if dealt(tape, context):
        return
    own = own_part(context, task.shape, task.columns, task.numbers, task.roles)
    program = _program(context.planning, task)
    given = secure.inputs(context.me, own, task.formats)
    outputs = computed(program, tape, context, given)
    kept = outputs.kept[secure.MODEL]
    facts = ModelFacts(task.columns, kept.frac, kept.range.bound, task.numbers.params)
    scale = (0, 0.0)
    if own.label is not None and task.numbers.params.family == "linear":
        scale = (own.label.exponent, secure.location_of(own))
    model = SharedModel(facts, context.me, kept.words, scale)
    context.models[context.step] = model
    if context.me in context.plan.results.get("model", ()):
        context.publish("model", f"{context.step}.model", model.to_bytes())
    if "coefficients" in outputs.revealed:
        _publish_coefficients(context, ClearModel.of(facts, _in_units(outputs, facts)))


def _in_units(outputs: Outputs, facts: ModelFacts) -> Floats:
    """Revealed coefficients in the label's own unit."""
    values = outputs.revealed["coefficients"]
    if "scale of the label" not in outputs.revealed:
        return values
    exponent, location = outputs.revealed["scale of the label"]
    if facts.params.intercept:
        values = np.append(values[:-1], values[-1] + location)
    return np.asarray(np.ldexp(values, int(exponent)))


def _run_clear(context: RunContext, task: _Task) -> None:
    if any(owner != context.me for owner in (*task.columns, task.roles.offset, task.roles.weights) if owner):
        raise NOT_ALONE(f"{context.me} holds only its own")
    context.progress(0, 1, "training")
    own = own_part(context, task.shape, task.columns, task.numbers, task.roles)
    assert own.block is not None
    assert own.label is not None
    rows = task.shape.rows
    weights = np.ones(rows) if own.weights is None else own.weights
    offset = np.zeros(rows) if own.offset is None else own.offset.values
    shifts = clear.constants(own.label, offset, task.numbers)
    problem = clear.Problem([own.block], own.label, weights, shifts, task.numbers)
    centre = 0.0 if own.offset is None else own.offset.centre
    coefficients, intercept = clear.given_units(problem, clear.fit(problem), centre)
    facts = ModelFacts(task.columns, 0, 0.0, task.numbers.params)
    model = ClearModel(facts, coefficients, intercept)
    context.models[context.step] = model
    if context.me in context.plan.results.get("model", ()):
        context.publish("model", f"{context.step}.model", model.to_bytes())
    if context.me in context.plan.results.get("coefficients", ()):
        _publish_coefficients(context, model)


def _publish_coefficients(context: RunContext, model: ClearModel) -> None:
    """As JSON, by owner and column."""
    context.publish("coefficients", f"{context.step}.coefficients.json", canonical(model.coefficients()))
