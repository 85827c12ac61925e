"""``evaluate`` of a label of several classes: rows by label and by the class that they are taken for.

Of horizontal frames every party counts its own rows, and totals are measured; elsewhere all rows are here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from coterie.fl import EXACT, Fixed
from coterie.learn.component import PlanContext, ResultKind, Reveal, RunContext, Statement, StepPlan, Total
from coterie.learn.errors import NOT_FINITE
from coterie.learn.joined import LABEL_UNFIT, give_rows
from coterie.learn.measures import tellable, wilson
from coterie.learn.pooled import enough_beside
from coterie.learn.scoring import last_model, score_plan, scoring_facts
from coterie.learn.summed import SUMS, planned_sums

from .errors import SEGMENTS_POOLED
from .params import EvaluateParams
from .several_record import ClassFigures, SeveralEvaluation

__all__ = ["is_several", "plan_several", "run_several"]

KINDS: tuple[ResultKind, ...] = ("metrics", "report", "scores")
COUNTED = "rows by label and by the class that they are taken for, of all parties' rows"
LOSS = "log loss of the classes, of all parties' rows"
MEASURES = "share of rows taken for their own class, log loss, and rows by label and class"
COUNTS = Fixed(64, 0)
LEAST = float(np.finfo(np.float64).eps)
"""Shares are kept as far from 0."""
STATEMENT: Statement = replace(
    SUMS,
    protocol=f"each party scores and counts its own rows; {SUMS.protocol}",
    leaks="how many rows of each label all parties together take for each class, of which a cell may have "
    f"one row alone; the mean loss; {SUMS.leaks}",
)


def is_several(context: PlanContext, params: EvaluateParams) -> bool:
    """Whether the model's label has several classes. Errors: CT-3002."""
    return scoring_facts(context, last_model(context, params.model)).classes is not None


def plan_several(context: PlanContext, params: EvaluateParams) -> StepPlan:
    """Errors: CT-3002, CT-3233 (segments), CT-3235, and those of the model's own scoring."""
    if params.segments:
        raise SEGMENTS_POOLED(", ".join(params.segments), step=context.step)
    model, shape = last_model(context, params.model), context.frames[params.frame]
    classes = scoring_facts(context, model).classes or 0
    scoring = score_plan(context, model, params.frame, context.receiving("scores"), classes=True)
    results: dict[str, tuple[str, ...]] = {kind: to for kind in KINDS if (to := context.receiving(kind))}
    plan = replace(
        scoring,
        step=context.step,
        component="evaluate",
        params=params.model_dump(mode="json"),
        results=results,
        memory=scoring.memory + 8 * (2 * shape.rows + classes) * classes,
    )
    if context.engine != "fl":
        told = tuple(
            Reveal(MEASURES, results[kind], classes**2 + 5, kind) for kind in KINDS[:2] if kind in results
        )
        return replace(plan, reveals=(*scoring.reveals, *told))
    enough_beside(context, shape)
    totals = [Total(COUNTED, classes**2, COUNTS, kind="metrics"), Total(LOSS, 1, EXACT, kind="metrics")]
    sums = planned_sums(context, totals)
    reveals = (*scoring.reveals, *sums.pop("reveals"))
    return replace(plan, **sums, reveals=reveals, statement=STATEMENT)


def run_several(context: RunContext, params: EvaluateParams) -> None:
    """Where there are rows. Errors: CT-1501, CT-3028, CT-3083, CT-3166; those of the sums."""
    model, frame = last_model(context.planning, params.model), context.frames[params.frame]
    shares = scoring_facts(context.planning, model).run_shares(context, model, params.frame)
    labels, classes = frame.target(), shares.shape[1]
    if not np.isfinite(shares).all():
        raise NOT_FINITE("among the scores", party=context.me, step=context.step)
    if not ((labels == np.rint(labels)) & (labels >= 0) & (labels < classes)).all():
        raise LABEL_UNFIT(f"'{frame.label}' has a value that is none of the {classes} classes")
    places, taken = labels.astype(np.int64), shares.argmax(axis=1)
    counted = np.bincount(classes * places + taken, minlength=classes**2).astype(np.float64)
    lost = np.array([-np.log(np.maximum(shares[np.arange(len(places)), places], LEAST)).sum()])
    if context.engine == "fl":
        counted, lost = context.sums().total(COUNTED, counted, COUNTS), context.sums().total(LOSS, lost)
    found = measured(np.rint(counted).astype(np.int64), float(lost[0]), context, params, model)
    context.tell("metrics", partial(found.model_dump, mode="json"), name="metrics.json")
    context.note("report", partial(found.model_dump, mode="json"))
    columns = {"score": taken.astype(np.float64)}
    columns |= {f"class_{number}": shares[:, number] for number in range(classes)}
    give_rows(context, "scores", "scores.parquet", frame, columns)


def measured(
    counted: NDArray[np.int64], lost: float, context: RunContext, params: EvaluateParams, model: str
) -> SeveralEvaluation:
    """:param counted: (classes²,) rows by label and class. Errors: CT-3166."""
    classes, least = round(len(counted) ** 0.5), context.planning.min_group
    table: NDArray[np.int64] = counted.reshape(classes, classes)
    rows, right = int(table.sum()), int(np.trace(table))
    tellable(rows, rows, least, context.step)
    low, high = wilson(right, rows)
    return SeveralEvaluation(
        model=model,
        frame=params.frame,
        rows=rows,
        accuracy=right / rows,
        accuracy_low=low,
        accuracy_high=high,
        log_loss=lost / rows,
        classes=tuple(_figures(table, number, least) for number in range(classes)),
        confusion=tuple(tuple(_told(one, least) for one in row) for row in table.tolist()),
    )


def _figures(table: NDArray[np.int64], number: int, least: int) -> ClassFigures:
    own, taken, right = int(table[number].sum()), int(table[:, number].sum()), int(table[number, number])
    return ClassFigures(
        label=number,
        rows=_told(own, least),
        recall=right / own if own >= max(1, least) else None,
        precision=right / taken if taken >= max(1, least) else None,
    )


def _told(rows: int, least: int) -> int | None:
    return rows if rows >= least else None
