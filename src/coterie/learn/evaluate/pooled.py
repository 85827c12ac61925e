"""``evaluate`` on horizontal frames: every party scores its own rows, and all measure the totals.

Nobody has all scores, so that labels are counted by bins of the score. Bins are of equal width in log-odds,
as a rare label's probabilities are all near 0. A figure that depends on the scores' order alone, such as the
AUC, is one of scores that tie where they share a bin; how far the AUC can be off by that is told beside it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from coterie.fl import EXACT, Fixed
from coterie.learn.component import PlanContext, ResultKind, RunContext, Statement, StepPlan, Total
from coterie.learn.errors import NOT_FINITE, ONE_CLASS
from coterie.learn.joined import give_rows
from coterie.learn.measures import Floats, Labels, Tally, counted_interval, tellable
from coterie.learn.pooled import enough_beside
from coterie.learn.scoring import last_model, score_plan, score_run, scoring_facts
from coterie.learn.summed import SUMS, planned_sums

from .alone import plan_alone
from .clear import brier, log_loss, measure_counts
from .curves import curves_of
from .errors import SEGMENTS_POOLED
from .own_rows import give_own_rows
from .params import EvaluateParams
from .pooled_numbers import give_numbers, number_totals
from .record import CurvesDocument, PooledEvaluation

__all__ = ["plan_pooled", "run_pooled"]

KINDS: tuple[ResultKind, ...] = ("metrics", "report", "scores")
COUNTED = "rows of either label by bin of the score, of all parties' rows"
LOSSES = "log loss and squared difference of scores and labels, of all parties' rows"
COUNTS = Fixed(64, 0)
SPAN = 16.0
"""Log-odds of the outermost bins: probabilities of one in ten million."""
STATEMENT: Statement = replace(
    SUMS,
    protocol=f"each party scores and counts its own rows; {SUMS.protocol}",
    leaks="how many rows of either label all parties together have in each bin of the score, of which a bin "
    f"may have one row alone; mean losses; {SUMS.leaks}",
)
OF_NUMBERS: Statement = replace(
    STATEMENT,
    leaks="how many rows all parties together have in each bin of the score, of which a bin may have one row "
    "alone; sums of scores and labels of each band: a party whose own rows are all of a band but one "
    f"learns that row's label; mean losses; {SUMS.leaks}",
)


def plan_pooled(context: PlanContext, params: EvaluateParams) -> StepPlan:
    """Errors: CT-3002, CT-3233, CT-3235, and those of the model's own scoring."""
    if params.segments:
        raise SEGMENTS_POOLED(", ".join(params.segments), step=context.step)
    model = last_model(context, params.model)
    scoring = score_plan(context, model, params.frame, context.receiving("scores"))
    results = {kind: context.receiving(kind) for kind in KINDS}
    shape = context.frames[params.frame]
    enough_beside(context, shape)
    classifies = scoring_facts(context, model).classifies
    if classifies:
        totals = [
            Total(COUNTED, 2 * params.resolution, COUNTS, kind="metrics"),
            Total(LOSSES, 2, EXACT, kind="metrics"),
        ]
    else:
        totals = number_totals(params)
    planned = planned_sums(context, totals)
    alone = plan_alone(context, model) if params.baseline and "metrics" in results else None
    return StepPlan(
        step=context.step,
        component="evaluate",
        params=params.model_dump(mode="json"),
        **{**planned, "reveals": (*scoring.reveals, *planned["reveals"])},
        results={kind: to for kind, to in results.items() if to},
        memory=max(
            scoring.memory + 8 * (6 * shape.rows + 8 * params.resolution), alone.memory if alone else 0
        ),
        operations=scoring.operations + (alone.operations if alone else 0),
        statement=_stated(params) if classifies else OF_NUMBERS,
    )


def _stated(params: EvaluateParams) -> Statement:
    """With the resolution of the scores."""
    width = 2 * SPAN / params.resolution
    bins = f"in {params.resolution} bins of the score, each {width:.3g} wide in log-odds"
    return replace(STATEMENT, protocol=f"{STATEMENT.protocol}; rows are counted {bins}")


def run_pooled(context: RunContext, params: EvaluateParams) -> None:
    """Errors: CT-3016, CT-3028, CT-3166; CT-1501, CT-1502 for own labels; those of the sums."""
    planning = context.planning
    model = last_model(planning, params.model)
    scores = score_run(context, model, params.frame, planning.parties)
    assert scores is not None  # of own rows
    facts = scoring_facts(planning, model)
    if facts.classifies:
        _give_classes(context, params, model, facts.probabilities(scores))
    else:
        give_numbers(context, params, model, scores)
    listed = {"score": scores}
    if facts.unit == "points":
        listed = {"score": facts.probabilities(scores), "points": scores}
    give_rows(context, "scores", "scores.parquet", context.frames[params.frame], listed)


def _give_classes(context: RunContext, params: EvaluateParams, model: str, risk: Floats) -> None:
    labels, least = context.frames[params.frame].labels(), context.planning.min_group
    if not np.isfinite(risk).all():
        raise NOT_FINITE("among the scores", party=context.me, step=context.step)
    counted = context.sums().total(COUNTED, histogram(labels, risk, params.resolution), COUNTS)
    rows = len(labels)
    own = np.array([log_loss(labels, risk), brier(labels, risk)]) * rows if rows else np.zeros(2)
    losses = context.sums().total(LOSSES, own)
    counts = tally_of(np.rint(counted).astype(np.int64))
    if min(counts.totals) == 0:
        raise ONE_CLASS("in the rows to evaluate", step=context.step)
    tellable(*counts.totals, least, context.step)
    interval = counted_interval(counts)
    means = float(losses[0]) / counts.rows, float(losses[1]) / counts.rows
    told = PooledEvaluation(
        model=model,
        frame=params.frame,
        guarded=True,
        joint=measure_counts(counts, interval, means, params.bins, params.threshold, least),
        score_bins=params.resolution,
        auc_error=tie_error(counts),
        ks_error=ks_error(counts),
    )
    context.tell("metrics", partial(told.model_dump, mode="json"), name="metrics.json")
    context.note("report", partial(told.model_dump, mode="json"))
    drawn = CurvesDocument(model=model, frame=params.frame, guarded=True, joint=curves_of(counts, least))
    context.note("report", partial(drawn.model_dump, mode="json"))
    give_own_rows(context, params, model, risk, told.joint)


def histogram(labels: Labels, risk: Floats, bins: int) -> Floats:
    """(2, bins): rows with label 1, rows with label 0, by bin of the score; the lowest scores first.

    :param risk: (n,) probabilities, 0 and 1 among them.
    """
    with np.errstate(divide="ignore"):
        odds = np.clip(np.log(risk) - np.log1p(-risk), -SPAN, SPAN)
    place = np.minimum(((odds + SPAN) * (bins / (2 * SPAN))).astype(np.int64), bins - 1)
    counted = [np.bincount(place[labels == label], minlength=bins) for label in (1, 0)]
    return np.array(counted, dtype=np.float64)


def tally_of(counted: NDArray[np.int64]) -> Tally:
    """Labels by group of rows, where each bin that has any is a group: its lower edge is what a cut takes,
    and its rows count as if their scores were in its middle.

    :param counted: (2, bins), as :func:`histogram` has it.
    """
    bins = counted.shape[1]
    edges = _probability(np.linspace(-SPAN, SPAN, bins + 1))
    edges[0], edges[-1] = 0.0, 1.0
    middles = _probability((np.arange(bins) + 0.5) * (2 * SPAN / bins) - SPAN)
    positives, negatives = counted
    taken = np.flatnonzero(positives + negatives)[::-1]
    sums = middles * (positives + negatives)
    return Tally(edges[taken], edges[taken + 1], sums[taken], positives[taken], negatives[taken])


def tie_error(counts: Tally) -> float:
    """How far the AUC of rows that tie within their groups can be from that of their scores: half the share
    of pairs of a row with 1 and a row with 0 that share a group."""
    positives, negatives = counts.totals
    shared = (counts.positives.astype(np.float64) * counts.negatives).sum()
    return float(shared / (2.0 * positives * negatives))


def ks_error(counts: Tally) -> float:
    """How far KS of rows that tie within their groups can be below that of their scores: where a cut within a
    group would have all its rows of one label on one side, and all of the other on the other."""
    positives, negatives = counts.totals
    own = counts.positives / positives, counts.negatives / negatives
    gap = np.cumsum(own[0]) - np.cumsum(own[1])
    most = np.maximum(gap + own[1], own[0] - gap).max()
    return float(max(0.0, most - np.abs(gap).max()))


def _probability(odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))
