"""``evaluate`` on hidden rows: what it plans, and what its receivers get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from coterie.learn.align import fewest_to_divide, own_labels
from coterie.learn.component import PlanContext, ResultKind, Reveal, RunContext, Statement
from coterie.learn.documents import Document
from coterie.learn.errors import MODEL_MISSING, NOBODY_RECEIVES
from coterie.learn.measures import TOO_FEW_TO_TELL
from coterie.learn.scoring import HiddenFacts, last_model, scoring_facts
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Inputs, Interval, Kept

from .errors import SEGMENTS_HIDDEN
from .hidden import BANDS, CELLS, ENOUGH, LABEL, MEASURES, MEMBER, TOLD, Task, measuring
from .params import EvaluateParams
from .record import Step

__all__ = ["HiddenCell", "HiddenEvaluation", "plan_hidden", "run_hidden"]

_BYTES_PER_ROW = 700
"""Beside what the tape counts, as measured: messages of one-hot vectors on their way."""
KINDS: tuple[ResultKind, ...] = ("metrics", "report")
STATEMENT = Statement(
    protocol="additive sharing in Z_2^64, products of shares and of the holder's columns, exact truncation, "
    "comparisons, one-hot vectors of scores that are rounded to 512 levels, shared membership as weight of "
    "each row",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="nothing beyond the measures that receivers are told, and one bit, whether there are enough rows "
    "of either label: no party learns the score of any row",
)


class HiddenCell(Document):
    """The common rows with a prediction from ``low`` to ``high``."""

    low: float
    high: float
    share: float
    """Of all common rows."""
    predicted: float
    """Mean prediction."""
    observed: float
    """Share of label 1."""


class HiddenEvaluation(Document):
    """The content of metrics.json for rows of which nobody knows which are common. Figures are rounded to
    2^-12, and are of predictions that are rounded by less than 1/32 in their log-odds."""

    version: Literal[1] = 1
    task: Literal["hidden classification"] = "hidden classification"
    model: Step
    """Name of the step that trained it."""
    frame: Step
    least: int = Field(ge=1)
    """So many common rows of either label there are, in all and in every cell."""
    auc: float
    gini: float
    ks: float
    log_loss: float
    brier: float
    positive_rate: float
    predicted_rate: float
    """Mean prediction."""
    calibration_error: float
    """Mean distance between prediction and observed share over the bands that cells are made of, weighted by
    rows."""
    cells: tuple[HiddenCell, ...] = Field(min_length=1, max_length=len(BANDS) + 1)
    """The highest predictions first."""


def plan_hidden(context: PlanContext, params: EvaluateParams) -> dict[str, Any]:
    """What the plan says, as fields of :class:`~coterie.learn.component.StepPlan`.

    Errors: CT-3002, CT-3136 where nobody may receive anything, CT-3166, CT-3226.
    """
    if params.segments:
        raise SEGMENTS_HIDDEN(", ".join(params.segments), step=context.step)
    results = {kind: to for kind in KINDS if (to := context.receiving(kind))}
    if not results:
        raise NOBODY_RECEIVES("'metrics', 'report'", step=context.step)
    task = _task(context, params)
    if task.most < 2 * task.group:
        raise TOO_FEW_TO_TELL(f"{task.group} of each of {task.most} at most", step=context.step)
    needs = needs_of(traced(measuring(task, _facts(context, params)), context, to=task.to))
    numbers = len(MEASURES) + 4 * (len(BANDS) + 1)
    bit = f"whether at least {task.group} common rows have either label: one bit"
    what = "measures of the model on all common rows, with a table by band"
    return needs | {
        "memory": needs["memory"] + (_BYTES_PER_ROW + 4 * 8 * task.shape.width) * task.shape.rows,
        "reveals": (
            Reveal(bit, context.everybody, 1),
            *(Reveal(what, to, numbers, kind) for kind, to in results.items()),
        ),
        "results": results,
        "statement": STATEMENT,
    }


def run_hidden(context: RunContext, params: EvaluateParams) -> None:
    """Errors: CT-3002, CT-3166; at the label holder CT-1501, CT-1502."""
    planning = context.planning
    task, facts = _task(planning, params), _facts(planning, params)
    program = measuring(task, facts)
    tape = traced(program, planning, to=task.to)
    outputs = served(program, tape, context)
    if outputs is None:
        rows = context.frames[params.frame].hidden
        assert rows is not None  # as its shape says
        model = last_model(planning, params.model)
        given: Inputs = facts.inputs(context, model, params.frame)
        given = {**given, MEMBER: Kept(rows.member, 0, Interval(0, 1))}
        if context.me == task.holder:
            labels = np.maximum(own_labels(context, params.frame), 0).astype(np.float64)
            given = {**given, LABEL: labels}
        outputs = computed(program, tape, context, given)
    if ENOUGH in outputs.revealed and not outputs.revealed[ENOUGH]:
        raise TOO_FEW_TO_TELL(f"{task.group} of each, of the common rows", step=context.step)
    if TOLD in outputs.revealed:
        document = _document(context, params, task, outputs.revealed).model_dump(mode="json")
        context.tell("metrics", document, (context.me,), "metrics.json")
        context.note("report", document, (context.me,))


def _facts(context: PlanContext, params: EvaluateParams) -> HiddenFacts:
    model = last_model(context, params.model)
    facts = scoring_facts(context, model)
    if not isinstance(facts, HiddenFacts):
        raise MODEL_MISSING(f"'{model}' was not trained on hidden rows", step=context.step)
    return facts


def _task(context: PlanContext, params: EvaluateParams) -> Task:
    shape = context.frames[params.frame]
    hidden = shape.hidden
    assert hidden is not None  # asked before
    to = tuple(dict.fromkeys(party for kind in KINDS for party in context.receiving(kind)))
    group = max(context.min_group, fewest_to_divide(hidden.most))
    return Task(context.parties, hidden.holder, shape, group, hidden.most, to)


def _document(
    context: RunContext, params: EvaluateParams, task: Task, found: Mapping[str, Any]
) -> HiddenEvaluation:
    told = found[TOLD].tolist()
    measures = dict(zip(MEASURES, told, strict=False))
    edges, high, cells = (*BANDS[::-1], 0.0), 1.0, []
    for number, (low, ends) in enumerate(zip(edges, found[CELLS], strict=True)):
        if ends:
            share, predicted, observed = told[len(MEASURES) + 3 * number :][:3]
            cells.append(HiddenCell(low=low, high=high, share=share, predicted=predicted, observed=observed))
            high = low
    return HiddenEvaluation(
        model=last_model(context.planning, params.model),
        frame=params.frame,
        least=task.group,
        gini=2 * measures["auc"] - 1,
        cells=tuple(cells),
        **measures,
    )
