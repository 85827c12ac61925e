"""``decide``: from scores to decisions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING, NOBODY_RECEIVES, NOT_CLASSIFIED
from coterie.learn.measures import Floats, elsewhere, most_bytes, most_numbers, sent_from, share, tellable
from coterie.learn.scoring import last_model, learners, score_plan, score_run, scoring_facts

from .clear import Scale, decided
from .errors import CUT_OFFS_CROSSED
from .fl import pooled_decision, pooled_needs
from .params import DecideParams
from .record import Decided
from .statement import statement

__all__ = ["Decide"]

TAG = "decisions"


class Decide(Component[DecideParams]):
    """Finds or takes cut-offs of the score, counts what they bring at the label holder, and tells the
    receivers of metrics. In engine fl rows are counted over all parties by sums, and all parties learn them.

    Errors: CT-3001 without the frame, CT-3002 without a model, CT-3016 where only one label value occurs,
    CT-3030 where scores would go to others than the label holder and the engine is not "tee", CT-3031 for an
    unreadable record, CT-3033 for a label that is a number, CT-3136 where nobody may receive it, CT-3166
    where there are too few rows to tell others of, CT-3170 for cut-offs that cross; in engine fl CT-3235.
    """

    name: ClassVar[str] = "decide"
    summary: ClassVar[str] = (
        "Cut-offs for approve, manual and refuse, with volumes, default rates and limits."
    )
    Parameters: ClassVar = DecideParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})

    def plan(self, context: PlanContext, params: DecideParams) -> StepPlan:
        if params.frame not in context.frames:
            raise FRAME_MISSING(f"'{params.frame}'", step=context.step)
        receivers = context.receiving("metrics")
        if not receivers:
            raise NOBODY_RECEIVES("'metrics'", step=context.step)
        model = last_model(context, params.model)
        facts = scoring_facts(context, model)
        if not facts.classifies:
            raise NOT_CLASSIFIED(f"'{model}'", step=context.step)
        _check_cut_offs(context, params, points=facts.unit == "points")
        if context.engine == "fl":
            scoring = score_plan(context, model, params.frame, ())  # of own rows; to nobody
            return StepPlan(
                step=context.step,
                component=self.name,
                params=params.model_dump(mode="json"),
                **pooled_needs(context, context.frames[params.frame], params),
                results={"metrics": receivers},
                memory=scoring.memory + 8 * 8 * context.frames[params.frame].rows,
                operations=scoring.operations,
            )
        scoring = score_plan(context, model, params.frame, learners(context))
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

    def run(self, context: RunContext, params: DecideParams) -> None:
        planning = context.planning
        if context.engine == "fl":
            _decide_pooled(context, params)
            return
        scores = score_run(context, last_model(planning, params.model), params.frame, learners(planning))
        if context.deals_ahead:
            return
        here = scores is not None and planning.label_holder in context.mine
        measure = partial(_measured, context, params, scores) if here else None
        share(context, TAG, Decided, _sizes(planning, params), measure, partial(_give, context))


def _check_cut_offs(context: PlanContext, params: DecideParams, *, points: bool) -> None:
    if params.approve is None or params.refuse is None:
        return
    if params.refuse > params.approve if points else params.refuse < params.approve:
        what = f"approve {params.approve:g}, refuse {params.refuse:g}"
        raise CUT_OFFS_CROSSED(f"{what}, in {'points' if points else 'probabilities'}", step=context.step)


def _lengths(params: DecideParams) -> dict[str, int]:
    """A cut-off may cut a band in two."""
    return {"Decided.bands": params.count + 2}


def _sizes(context: PlanContext, params: DecideParams) -> dict[str, int]:
    size = most_bytes(Decided, _lengths(params))
    return dict.fromkeys(elsewhere(context, ("metrics",)), size)


def _reveals(context: PlanContext, params: DecideParams) -> tuple[Reveal, ...]:
    to = context.receiving("metrics")
    if context.engine != "tee":
        to = tuple(party for party in to if party != context.label_holder)
    what = (
        f"cut-offs of the score, and counts of rows by decision and score band, in none fewer than "
        f"{context.min_group} of either label"
    )
    return (Reveal(what, to, most_numbers(Decided, _lengths(params)), "metrics"),) if to else ()


def _measured(context: RunContext, params: DecideParams, scores: Floats | None, guarded: bool) -> Decided:
    assert scores is not None  # it is counted where they are
    planning, labels = context.planning, context.frames[params.frame].labels()
    if guarded:
        positives = int(labels.sum())
        tellable(positives, len(labels) - positives, planning.min_group, context.step)
    model = last_model(planning, params.model)
    return decided(
        labels, scores, model, params, _scale(planning, model), planning.min_group, guarded=guarded
    )


def _scale(context: PlanContext, model: str) -> Scale:
    facts = scoring_facts(context, model)
    return Scale(facts.unit == "points", facts.probabilities)


def _decide_pooled(context: RunContext, params: DecideParams) -> None:
    planning = context.planning
    model = last_model(planning, params.model)
    scores = score_run(context, model, params.frame, planning.parties)
    assert scores is not None  # of own rows
    try:
        document = pooled_decision(context, scores, model, params, _scale(planning, model))
    except CoterieError as error:
        raise error.at(party=context.me, step=context.step) from None
    _give(context, document, None)


def _give(context: RunContext, document: Decided, to: frozenset[str] | None) -> None:
    context.tell("metrics", partial(document.model_dump, mode="json"), to)
