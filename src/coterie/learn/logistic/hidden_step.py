"""The step on hidden rows: what it plans, and what its receivers get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from coterie.learn.align import need_means, need_numbers, own_labels, own_prepared
from coterie.learn.component import FrameShape, PlanContext, Reveal, RunContext, Statement
from coterie.learn.documents import Document
from coterie.learn.logistic.errors import OPTIMIZER_UNFIT
from coterie.learn.logistic.hidden import COEFFICIENTS, MODEL, Rows, inputs, training
from coterie.learn.logistic.hidden_model import HiddenModelFacts
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.logistic.statement import RANGE
from coterie.learn.secure import computed, needs_of, served, traced

__all__ = ["HiddenCoefficient", "HiddenCoefficients", "plan_hidden", "run_hidden"]

STATEMENT = Statement(
    protocol="additive sharing in Z_2^64, products of shares and of the holder's columns, shared membership "
    "as weight of each row, exact truncation, sigmoid by a dealt trigonometric sum, range guard",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="whether a logit of any of the holder's rows, common or not, left the agreed range in any pass; if "
    "one did, up to four bits on how far in all, and the job ends",
)

Floats = NDArray[np.float64]


class HiddenCoefficient(Document):
    """Of a column in units of its owner's whole dataset, where its mean is 0 and its deviation 1."""

    party: str = Field(max_length=64)
    column: str = Field(max_length=128)
    coefficient: float
    unit_mean: float | None = None
    unit_std: float | None = None
    """Of the owner's whole dataset, for the owner alone: the column is (value - unit_mean) / unit_std."""


class HiddenCoefficients(Document):
    """The model that was trained on rows of which nobody knows which they are."""

    version: Literal[1] = 1
    step: str = Field(max_length=64)
    coefficients: tuple[HiddenCoefficient, ...]
    intercept: float | None


def plan_hidden(context: PlanContext, frame: str, params: LogisticParams) -> dict[str, Any]:
    """What the plan says, as fields of :class:`~coterie.learn.component.StepPlan`; makes the model.

    :param frame: name of the rows.

    Errors: CT-3215 for texts, CT-3218, CT-3219.
    """
    to, shape = context.receiving("coefficients"), context.frames[frame]
    if params.optimizer != "nesterov":
        raise OPTIMIZER_UNFIT(f"'{params.optimizer}'", step=context.step)
    assert shape.hidden is not None  # asked before
    need_means(context, shape.hidden)
    for party, names in shape.columns.items():
        need_numbers(context, party, names)
    rows = _rows(shape, params)
    needs = needs_of(traced(training(rows, to), context, to=to))
    what = "coefficient of each feature, and the intercept" if params.intercept else "coefficients"
    size = rows.width + int(params.intercept)
    told = (Reveal(what, to, size, "coefficients"),) if to else ()
    columns = {party: tuple(names) for party, names in shape.columns.items()}
    bound = rows.weight_bound
    context.models[context.step] = HiddenModelFacts(columns, rows.holder, rows.other, bound, params)
    return needs | {
        "memory": needs["memory"] + 4 * 8 * rows.bins * rows.width,
        "reveals": (Reveal(RANGE, context.parties, 1), *told),
        "results": {"coefficients": to} if to else {},
        "statement": STATEMENT,
    }


def run_hidden(context: RunContext, frame: str, params: LogisticParams) -> None:
    """Errors: CT-1501, CT-1502, CT-3016 (label), CT-2108 where a logit leaves its range."""
    planning, to = context.planning, context.planning.receiving("coefficients")
    rows = _rows(planning.frames[frame], params)
    program, tape = training(rows, to), traced(training(rows, to), planning, to=to)
    outputs, scales = served(program, tape, context), np.empty((2, 0))
    if outputs is None:
        hidden = context.frames[frame].hidden
        assert hidden is not None  # as its shape says
        own, scales = own_prepared(context, frame)
        labels = own_labels(context, frame) if context.me == rows.holder else None
        outputs = computed(program, tape, context, inputs(rows, hidden, own, labels))
        context.models[context.step] = outputs.kept[MODEL]
    if COEFFICIENTS in outputs.revealed:
        columns, values = planning.frames[frame].columns, outputs.revealed[COEFFICIENTS].tolist()
        document = _document(context, rows, columns, values, scales)
        context.tell("coefficients", document.model_dump(mode="json"))


def _rows(shape: FrameShape, params: LogisticParams) -> Rows:
    hidden = shape.hidden
    assert hidden is not None  # asked before
    own, others = (len(shape.columns.get(party, ())) for party in (hidden.holder, hidden.other))
    return Rows(hidden.holder, hidden.other, shape.rows, own, others, hidden.least, hidden.most, params)


def _document(
    context: RunContext,
    rows: Rows,
    columns: Mapping[str, Sequence[str]],
    values: Sequence[float],
    scales: Floats,
) -> HiddenCoefficients:
    names = [(party, name) for party in (rows.holder, rows.other) for name in columns.get(party, ())]
    own = iter(scales.T.tolist())
    lines = []
    for (party, name), value in zip(names, values, strict=False):  # the intercept is left over
        mean, deviation = next(own) if party == context.me else (None, None)
        lines.append(
            HiddenCoefficient(party=party, column=name, coefficient=value, unit_mean=mean, unit_std=deviation)
        )
    intercept = values[-1] if rows.params.intercept else None
    return HiddenCoefficients(step=context.step, coefficients=tuple(lines), intercept=intercept)
