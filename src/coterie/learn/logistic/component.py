"""``logistic``: train a logistic regression over all parties' columns."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.learn.component import (
    Component,
    Engine,
    FrameShape,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.linear import (
    CLEAR,
    NO_BOUND,
    NO_FEATURES,
    ClearModel,
    ModelFacts,
    SavesLinear,
    SharedModel,
    model_reveals,
    need_all_here,
    own_columns,
)
from coterie.learn.logistic import clear
from coterie.learn.logistic.design import COEFFICIENT_FRAC, Design, design
from coterie.learn.logistic.fl import plan_fl, run_fl
from coterie.learn.logistic.hidden_step import plan_hidden, run_hidden
from coterie.learn.logistic.mpc import MODEL, inputs, training
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.logistic.preparation import Block, prepare
from coterie.learn.logistic.private import need_fl, plan_private, run_private
from coterie.learn.logistic.statement import MPC, RANGE
from coterie.learn.private import stated_privacy
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Outputs, Program, Tape

__all__ = ["Logistic"]

CLEAR_BOUND = 0.0
"""Of coefficients in the clear: none is known, and none is needed."""


class Logistic(Component[LogisticParams], SavesLinear):
    """Trains on "train", or on "all" where the rows are not split.

    Engine "mpc": every compute party keeps shares of the coefficients; those whom the agreement grants
    "coefficients" learn them. Engines "clear" and "tee": all columns are in one place, and whoever is granted
    "coefficients" or "model" learns them. Engine "fl": all parties have the same columns, and learn the sums
    over all rows of which Newton's iterations are made; so each knows the coefficients.

    Errors: CT-3001 without aligned rows, CT-3050 without known bounds, CT-2101 where the sizes do not fit the
    ring; before anything is sent CT-3027, CT-3028, CT-3051 (features), CT-1501, CT-1502, CT-3016 (label);
    CT-2108 where a logit leaves its range. In engine fl CT-3235, CT-3236; with ``privacy`` CT-2430, CT-2431,
    CT-2433, CT-3265, and in other engines CT-3266. On hidden rows, of which no "model" is given out: CT-3215,
    CT-3218, CT-3219.
    """

    name: ClassVar[str] = "logistic"
    summary: ClassVar[str] = "Train a logistic regression over the columns of all parties."
    Parameters: ClassVar = LogisticParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    takes_hidden: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: LogisticParams) -> StepPlan:
        frame = _training_frame(context)
        shape = context.frames[frame]
        given = params.model_dump(mode="json")
        need_fl(context, params)
        if shape.hidden is not None:
            return StepPlan(context.step, self.name, given, **plan_hidden(context, frame, params))
        if context.engine == "fl":
            planned = plan_fl if params.privacy is None else plan_private
            return StepPlan(context.step, self.name, given, **planned(context, shape, params))
        if context.engine != "mpc":
            clear_facts = ModelFacts(_columns(shape), 0, CLEAR_BOUND, params)
            context.models[context.step] = clear_facts
            results = _results(context)
            return StepPlan(
                step=context.step,
                component=self.name,
                params=given,
                reveals=model_reveals(results, clear_facts.size),
                results=results,
                memory=3 * 8 * shape.rows * shape.width,
                operations=2 * params.passes * shape.rows * shape.width,
                statement=CLEAR,
            )
        numbers = _design(context, shape, params)
        tape = _tape(context, shape, numbers)
        bound = numbers.coefficient_bound
        facts = ModelFacts(_columns(shape), COEFFICIENT_FRAC, bound, params)
        context.models[context.step] = facts
        return StepPlan(
            step=context.step,
            component=self.name,
            params=given,
            **needs_of(tape),
            reveals=_reveals(context, facts),
            results=_results(context),
            statement=MPC,
        )

    def run(self, context: RunContext, params: LogisticParams) -> None:
        try:
            frame = _training_frame(context.planning)
            if context.planning.frames[frame].hidden is not None:
                run_hidden(context, frame, params)
            elif context.engine == "mpc":
                self._run_mpc(context, params)
            elif context.engine == "fl":
                run = run_fl if params.privacy is None else run_private
                _give(context, run(context, params))
            else:
                self._run_clear(context, params)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None

    def _run_mpc(self, context: RunContext, params: LogisticParams) -> None:
        shape = _training_shape(context.planning)
        numbers = _design(context.planning, shape, params)
        tape = _tape(context.planning, shape, numbers)
        program = _program(context.planning, shape, numbers)
        outputs = served(program, tape, context)
        facts = ModelFacts(_columns(shape), COEFFICIENT_FRAC, numbers.coefficient_bound, params)
        if outputs is None:
            blocks, labels = _own(context, shape, numbers)
            own = inputs(context.me, blocks[0] if blocks else None, labels, numbers)
            outputs = computed(program, tape, context, own)
            _keep_shares(context, facts, outputs)
        if "coefficients" in outputs.revealed:
            values = outputs.revealed["coefficients"]
            _give_coefficients(context, ClearModel.of(facts, values))

    def _run_clear(self, context: RunContext, params: LogisticParams) -> None:
        shape = _training_shape(context.planning)
        columns = _columns(shape)
        need_all_here(context, (*columns, shape.label_holder))
        widths = {owner: len(names) for owner, names in columns.items()}
        numbers = design(shape.rows, widths, 1.0, params)
        context.progress(0, 1, "training")
        blocks, labels = _own(context, shape, numbers)
        assert labels is not None
        weights, intercept = clear.fit(blocks, labels, numbers)
        _give(context, ClearModel(ModelFacts(columns, 0, CLEAR_BOUND, params), weights, intercept))


def _training_frame(context: PlanContext) -> str:
    """Name of the rows to train on."""
    for name in ("train", "all"):
        if name in context.frames:
            break
    else:
        raise FRAME_MISSING("'train' or 'all'", step=context.step)
    if not context.frames[name].width:
        raise NO_FEATURES("of any party", step=context.step)
    return name


def _training_shape(context: PlanContext) -> FrameShape:
    return context.frames[_training_frame(context)]


def _columns(shape: FrameShape) -> dict[str, tuple[str, ...]]:
    return {owner: tuple(names) for owner, names in shape.columns.items() if names}


def _results(context: PlanContext) -> dict[str, tuple[str, ...]]:
    kinds: tuple[ResultKind, ...] = ("model", "coefficients")
    return {kind: to for kind in kinds if (to := context.receiving(kind))}


def _design(context: PlanContext, shape: FrameShape, params: LogisticParams) -> Design:
    if shape.bound is None:
        raise NO_BOUND("nothing before this step bounds the columns of the training rows", step=context.step)
    widths = {party: len(shape.columns.get(party, ())) for party in context.parties}
    return design(shape.rows, widths, shape.bound, params)


def _program(context: PlanContext, shape: FrameShape, numbers: Design) -> Program:
    return training(numbers, shape.label_holder, _results(context).get("coefficients", ()))


def _tape(context: PlanContext, shape: FrameShape, numbers: Design) -> Tape:
    return traced(_program(context, shape, numbers), context, _results(context).get("coefficients", ()))


def _reveals(context: PlanContext, facts: ModelFacts) -> tuple[Reveal, ...]:
    reveals = [Reveal(RANGE, context.parties, 1)]
    to = _results(context).get("coefficients")
    if to:
        what = "coefficient of each feature, and the intercept" if facts.params.intercept else "coefficients"
        reveals.append(Reveal(what, to, facts.size, "coefficients"))
    return tuple(reveals)


def _own(
    context: RunContext, shape: FrameShape, numbers: Design
) -> tuple[list[Block], NDArray[np.int8] | None]:
    """What is here, checked: a part of the problem for each owner with features, and the labels."""
    frame = context.frames["train" if "train" in context.frames else "all"]
    blocks = []
    for owner in context.mine:
        names = shape.columns.get(owner, ())
        try:
            if names:
                places = [(owner, name) for name in names]
                blocks.append(prepare(own_columns(frame, places), names, numbers))
        except CoterieError as error:
            raise error.at(party=owner) from None
    return blocks, frame.labels() if shape.label_holder in context.mine else None


def _keep_shares(context: RunContext, planned: ModelFacts, outputs: Outputs) -> None:
    """A compute party's model: kept for later steps, and given out where the agreement says so."""
    kept = outputs.kept[MODEL]
    facts = replace(planned, frac=kept.frac, bound=kept.range.bound)
    model = SharedModel(facts, context.me, kept.words)
    context.models[context.step] = model
    context.give("model", f"{context.step}.model", model.to_bytes)


def _give(context: RunContext, model: ClearModel) -> None:
    """A model that is here as a whole: kept for later steps, and given out."""
    context.models[context.step] = model
    context.give("model", f"{context.step}.model", model.to_bytes)
    _give_coefficients(context, model)


def _give_coefficients(context: RunContext, model: ClearModel) -> None:
    """As JSON, by owner and column; reports have them, too."""
    params = model.facts.params
    privacy = params.privacy if isinstance(params, LogisticParams) else None
    if privacy is None:
        context.tell("coefficients", model.coefficients)
    else:
        stated = stated_privacy(context.plan)
        context.tell("coefficients", model.coefficients() | {"privacy": stated})
