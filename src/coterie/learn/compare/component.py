"""``compare``: what a model is worth beside another one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np

from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING, NOBODY_RECEIVES, NOT_CLASSIFIED
from coterie.learn.evaluate import baseline_scores, check_own, has_baseline, own_column
from coterie.learn.measures import Floats, elsewhere, most_bytes, most_numbers, sent_from, share, tellable
from coterie.learn.scoring import last_model, learners, score_run, scores_plan, scoring_facts

from .clear import Pair, compared
from .errors import EXPOSURE_UNFIT, NOTHING_AGAINST
from .params import CompareParams
from .record import Comparison
from .statement import statement

__all__ = ["Compare"]

TAG = "comparison"
ALONE = "own columns alone"


class Compare(Component[CompareParams]):
    """Holds a model against another one, or against what the label holder reaches alone, at the label holder,
    and tells the receivers of metrics.

    Errors: CT-3001 without the frame, CT-3002 without a model, CT-3016 where only one label value occurs,
    CT-3030 where scores would go to others than the label holder and the engine is not "tee", CT-3031 for an
    unreadable record, CT-3033 for a label that is a number, CT-3136 where nobody may receive it, CT-3166
    where there are too few rows to tell others of, CT-3167 for an exposure that is no column of the label
    holder, CT-3168 without a second model, CT-3169 for an unfit exposure.
    """

    name: ClassVar[str] = "compare"
    summary: ClassVar[str] = (
        "Hold a model against another one: DeLong test, reclassification, swap set, money."
    )
    Parameters: ClassVar = CompareParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def reads(self, params: CompareParams) -> bool:
        return params.exposure is not None

    def plan(self, context: PlanContext, params: CompareParams) -> StepPlan:
        if params.frame not in context.frames:
            raise FRAME_MISSING(f"'{params.frame}'", step=context.step)
        receivers = context.receiving("metrics")
        if not receivers:
            raise NOBODY_RECEIVES("'metrics'", step=context.step)
        if params.exposure is not None:
            check_own(context, params.frame, (params.exposure,))
        models = _models(context, params)
        for model in models:
            if not scoring_facts(context, model).classifies:
                raise NOT_CLASSIFIED(f"'{model}'", step=context.step)
        scoring = scores_plan(context, [(model, params.frame) for model in models], learners(context))
        planned = sent_from(scoring, context.label_holder, _sizes(context, params))
        return replace(
            planned,
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=(*scoring.reveals, *_reveals(context, params)),
            results={"metrics": receivers},
            statement=statement(scoring.statement),
        )

    def run(self, context: RunContext, params: CompareParams) -> None:
        planning = context.planning
        models, to = _models(planning, params), learners(planning)
        scores = [score_run(context, model, params.frame, to) for model in models]
        if context.deals_ahead:
            return
        here = all(one is not None for one in scores) and planning.label_holder in context.mine
        measure = partial(_measured, context, params, models, scores) if here else None
        share(context, TAG, Comparison, _sizes(planning, params), measure, partial(_give, context))


def _models(context: PlanContext, params: CompareParams) -> tuple[str, ...]:
    """Steps whose models score: the model's, and the other one's where it is not the label holder's own.

    Errors: CT-3002, CT-3168.
    """
    model = last_model(context, params.model)
    if params.against is None:
        if not has_baseline(context, model):
            raise NOTHING_AGAINST(f"with '{model}'", step=context.step)
        return (model,)
    against = last_model(context, params.against)
    if against == model:
        raise NOTHING_AGAINST(f"'{against}' is the model itself", step=context.step)
    return model, against


def _lengths(params: CompareParams) -> dict[str, int]:
    return {
        "Comparison.at_equal_approval": len(params.approvals),
        "Comparison.at_equal_bad_rate": len(params.bad_rates),
        "Reclassification.cut_offs": len(params.cut_offs),
        "Reclassification.positives": 0,
        "Reclassification.negatives": 0,
    }


def _sizes(context: PlanContext, params: CompareParams) -> dict[str, int]:
    size = most_bytes(Comparison, _lengths(params))
    return dict.fromkeys(elsewhere(context, ("metrics",)), size)


def _reveals(context: PlanContext, params: CompareParams) -> tuple[Reveal, ...]:
    to = context.receiving("metrics")
    if context.engine != "tee":
        to = tuple(party for party in to if party != context.label_holder)
    other = f"'{params.against}'" if params.against else "the label holder's own model"
    what = f"measures of the model beside {other}: order, reclassification, approvals and losses"
    return (Reveal(what, to, most_numbers(Comparison, _lengths(params)), "metrics"),) if to else ()


def _measured(
    context: RunContext,
    params: CompareParams,
    models: tuple[str, ...],
    scores: list[Floats | None],
    guarded: bool,
) -> Comparison:
    planning, labels = context.planning, context.frames[params.frame].labels()
    risks = [
        scoring_facts(planning, model).probabilities(one)
        for model, one in zip(models, scores, strict=True)
        if one is not None
    ]
    names = (models[0], params.against or ALONE)
    if params.against is None:
        risks.append(baseline_scores(context, models[0], params.frame))
    if guarded:
        positives = int(labels.sum())
        tellable(positives, len(labels) - positives, planning.min_group, context.step)
    pair = Pair(labels, risks[0], risks[1], _exposure(context, params, len(labels)))
    return compared(pair, names, params, planning.min_group if guarded else 0)


def _exposure(context: RunContext, params: CompareParams, rows: int) -> Floats:
    """(rows,) what is at stake. Errors: CT-3169."""
    if params.exposure is None:
        return np.full(rows, params.amount)
    column = own_column(context, params.frame, params.exposure)
    try:
        values = np.asarray(column.cast("float64", safe=False).to_numpy(zero_copy_only=False), np.float64)
    except (ValueError, CoterieError) as error:
        raise EXPOSURE_UNFIT(f"'{params.exposure}'", step=context.step) from error
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise EXPOSURE_UNFIT(f"'{params.exposure}'", step=context.step)
    return values


def _give(context: RunContext, comparison: Comparison, to: frozenset[str] | None) -> None:
    context.tell("metrics", partial(comparison.model_dump, mode="json"), to)
