"""The step on hidden rows: what it plans, and what its receivers get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.learn.align import need_means, need_numbers, prepared, units
from coterie.learn.component import FrameShape, PlanContext, Reveal, RunContext, Statement
from coterie.learn.documents import Document
from coterie.learn.errors import NOBODY_RECEIVES
from coterie.learn.logistic.errors import OPTIMIZER_UNFIT
from coterie.learn.logistic.hidden import COEFFICIENTS, Rows, inputs, training
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.logistic.statement import RANGE
from coterie.learn.secure import computed, needs_of, served, traced

__all__ = ["HiddenCoefficient", "HiddenCoefficients", "plan_hidden", "run_hidden"]

FRAME = "all"
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


def plan_hidden(context: PlanContext, shape: FrameShape, params: LogisticParams) -> dict[str, Any]:
    """What the plan says, as fields of :class:`~coterie.learn.component.StepPlan`.

    Errors: CT-3136 where nobody may receive the coefficients, CT-3215 for texts, CT-3218, CT-3219.
    """
    to = context.receiving("coefficients")
    if not to:
        raise NOBODY_RECEIVES("'coefficients'", step=context.step)
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
    return needs | {
        "memory": needs["memory"] + 4 * 8 * rows.bins * rows.width,
        "reveals": (Reveal(RANGE, context.parties, 1), Reveal(what, to, size, "coefficients")),
        "results": {"coefficients": to},
        "statement": STATEMENT,
    }


def run_hidden(context: RunContext, params: LogisticParams) -> None:
    """Errors: CT-1501, CT-1502, CT-3016 (label), CT-2108 where a logit leaves its range."""
    planning, to = context.planning, context.planning.receiving("coefficients")
    rows = _rows(planning.frames[FRAME], params)
    program, tape = training(rows, to), traced(training(rows, to), planning, to=to)
    outputs, scales = served(program, tape, context), np.empty((2, 0))
    if outputs is None:
        frame = context.frames[FRAME]
        assert frame.hidden is not None  # as its shape says
        own, labels = None, None
        if frame.hidden.units is not None:
            scales = frame.hidden.units
        else:
            names = planning.frames[FRAME].columns.get(context.me, ())
            values = frame.values([(context.me, name) for name in names])
            own, scales, labels = prepared(values), units(values), _labels(context)
        outputs = computed(program, tape, context, inputs(rows, frame.hidden, own, labels))
    if COEFFICIENTS in outputs.revealed:
        document = _document(context, rows, outputs.revealed[COEFFICIENTS].tolist(), scales)
        content = canonical(document.model_dump(mode="json"))
        context.give("coefficients", f"{context.step}.coefficients.json", content)


def _rows(shape: FrameShape, params: LogisticParams) -> Rows:
    hidden = shape.hidden
    assert hidden is not None  # asked before
    own, others = (len(shape.columns.get(party, ())) for party in (hidden.holder, hidden.other))
    return Rows(hidden.holder, hidden.other, shape.rows, own, others, hidden.least, hidden.most, params)


def _labels(context: RunContext) -> NDArray[np.int8]:
    """(bins,) at the holder, -1 in empty bins."""
    frame = context.frames[FRAME]
    (there,) = np.nonzero(frame.places[context.me] >= 0)
    labels = np.full(frame.rows, -1, np.int8)
    try:
        labels[there] = frame.take(there).labels()
    except CoterieError as error:
        raise error.at(party=context.me) from None
    return labels


def _document(context: RunContext, rows: Rows, values: Sequence[float], scales: Floats) -> HiddenCoefficients:
    columns = context.planning.frames[FRAME].columns
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
