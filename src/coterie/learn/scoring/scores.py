"""Scoring as part of a step: once for each model and frame, whichever steps need the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from coterie.crypto import canonical, digest
from coterie.learn.component import PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING, MODEL_MISSING, SCORES_NOT_HERE
from coterie.learn.scoring.errors import CLASSES_UNFIT, SCORES_STALE
from coterie.learn.scoring.facts import Floats, ScoringFacts

__all__ = ["last_model", "learners", "score_plan", "score_run", "scores_plan", "scoring_facts"]


def last_model(context: PlanContext, named: str | None = None) -> str:
    """Name of the step whose model is meant: ``named``, or the last one that scores rows.

    Errors: CT-3002 where there is no such step, or it scores nothing.
    """
    scoring = [step for step, facts in context.models.items() if isinstance(facts, ScoringFacts)]
    if named is None and scoring:
        return scoring[-1]
    if named is None or named not in scoring:
        raise MODEL_MISSING(f"'{named}'" if named else "", step=context.step)
    return named


def learners(context: PlanContext) -> tuple[str, ...]:
    """Who learns the scores that a step measures and does not give out: the label holder; of horizontal
    frames each party those of its own rows; nobody in engine tee.

    Errors: CT-3030 where the agreement grants scores to others, who would get none.
    """
    if context.engine == "tee":
        return ()
    if context.horizontal:  # everybody scores its own rows
        return context.parties
    others = [party for party in context.receivers.get("scores", ()) if party != context.label_holder]
    if others:
        raise SCORES_NOT_HERE(f"they would go to {', '.join(others)}", step=context.step)
    return (context.label_holder,)


def scoring_facts(context: PlanContext, model_step: str) -> ScoringFacts:
    """Public facts of the model that a step made. Errors: CT-3002."""
    facts = context.models.get(model_step)
    if not isinstance(facts, ScoringFacts):
        raise MODEL_MISSING(f"'{model_step}'", step=context.step)
    return facts


def score_plan(
    context: PlanContext, model_step: str, frame: str, to: Sequence[str], *, classes: bool = False
) -> StepPlan:
    """What :func:`score_run` will do. Part of the caller's step: merge it with :func:`dataclasses.replace`.

    Scores that the label holder has from a step before are not computed again: nothing is sent for them then,
    and they are no news to it.

    :param to: who learns the scores. In engine mpc compute parties; the label holder alone in most steps. Of
        a horizontal frame each learns those of its own rows.
    :param classes: whether the step can use scores that are one of several classes.

    Errors: CT-3001, CT-3002, CT-3244, and those of the model's own planning.
    """
    facts = scoring_facts(context, model_step)
    if facts.classes is not None and not classes:
        raise CLASSES_UNFIT(f"'{model_step}' has {facts.classes}", step=context.step)
    if frame not in context.frames:
        raise FRAME_MISSING(f"'{frame}'", step=context.step)
    if _known(context, model_step, frame, to):
        plan = StepPlan(step=context.step, component="scoring", params={}, reveals=_told(context, frame, to))
    else:
        plan = facts.plan_scores(context, model_step, frame, to)
    _note(context, model_step, frame, to)
    return _of_own_rows(context, frame, plan)


def scores_plan(context: PlanContext, wanted: Sequence[tuple[str, str]], to: Sequence[str]) -> StepPlan:
    """Of several models or frames, which the run scores one after another: :func:`score_plan` for each.

    :param wanted: model step and frame of each.

    Where more than one has messages, rounds are a bound: the programs need not wait for each other's last
    message. Errors: as :func:`score_plan`.
    """
    plans = []
    for model, frame in dict.fromkeys(wanted):
        plan = score_plan(context, model, frame, to)
        of_what = f" of '{frame}' by '{model}'" if len(wanted) > 1 else ""
        reveals = tuple(replace(one, what=one.what + of_what) for one in plan.reveals)
        plans.append(replace(plan, reveals=reveals))
    return reduce(_both, plans)


def _both(one: StepPlan, other: StepPlan) -> StepPlan:
    """The plan of both, the second after the first."""
    reveals, choices = one.reveals + other.reveals, tuple(dict.fromkeys(one.choices + other.choices))
    if not one.sent or not other.sent:
        busy = other if other.sent else one
        return replace(busy, reveals=reveals, memory=max(one.memory, other.memory), choices=choices)
    sent = {source: dict(targets) for source, targets in one.sent.items()}
    for source, targets in other.sent.items():
        for target, count in targets.items():
            row = sent.setdefault(source, {})
            row[target] = row.get(target, 0) + count
    longest = max(one.rounds.values(), default=0) + max(other.rounds.values(), default=0)
    statement = one.statement or other.statement
    if statement and other.statement and other.statement.protocol not in statement.protocol:
        statement = replace(statement, protocol=f"{statement.protocol}; {other.statement.protocol}")
    return replace(
        one,
        sent=sent,
        rounds=dict.fromkeys((*one.rounds, *other.rounds), longest),
        reveals=reveals,
        memory=max(one.memory, other.memory),
        disk=max(one.disk, other.disk),
        operations=one.operations + other.operations,
        statement=statement,
        choices=choices,
        disclosed=one.disclosed + other.disclosed,
        digest=digest(canonical([one.digest, other.digest])),
        at_most=True,
        tapes=one.tapes + other.tapes,
    )


def score_run(context: RunContext, model_step: str, frame: str, to: Sequence[str]) -> Floats | None:
    """Score the rows, as :func:`score_plan` announced; every participant calls it in turn, for the same
    models and frames in the same order as while planning.

    :return: (rows,) float64 at the parties of ``to``, and in other engines than mpc where the columns are;
        None elsewhere.

    Errors: CT-3165 where scores that were known are of other rows; those of the model's own scoring.
    """
    planning, key = context.planning, (model_step, frame)
    if _known(planning, model_step, frame, to):
        scores = context.scores.get(key)
        if scores is not None and len(scores) != context.frames[frame].rows:
            raise SCORES_STALE(f"'{frame}'", step=context.step)
        return scores
    scores = scoring_facts(planning, model_step).run_scores(context, model_step, frame, to)
    _note(planning, model_step, frame, to)
    if scores is not None and (context.engine != "mpc" or context.me == planning.label_holder):
        context.scores[key] = scores
    return scores


def _of_own_rows(context: PlanContext, frame: str, plan: StepPlan) -> StepPlan:
    """Of a horizontal frame each party scores its own rows, and is told of no others'."""
    rows = context.frames[frame].horizontal
    if rows is None:
        return plan
    reveals: list[Reveal] = []
    for one in plan.reveals:
        if one.kind == "scores":
            what = one.what.replace("of each row", "of each own row", 1)
            reveals += [replace(one, what=what, to=(party,), values=rows.get(party, 0)) for party in one.to]
        else:
            reveals.append(one)
    return replace(plan, reveals=tuple(reveals))


def _known(context: PlanContext, model_step: str, frame: str, to: Sequence[str]) -> bool:
    """Whether all who shall have the scores have them: the label holder; in other engines than mpc whoever
    holds all columns."""
    here = context.engine != "mpc" or set(to) == {context.label_holder}
    return here and (model_step, frame) in context.scored


def _note(context: PlanContext, model_step: str, frame: str, to: Sequence[str]) -> None:
    """Scores that are at the label holder, or where all columns are, are known from now on: also to what the
    same step scores next, so that running meets what planning met."""
    if context.engine != "mpc" or context.label_holder in to:
        context.scored |= {(model_step, frame)}


def _told(context: PlanContext, frame: str, to: Sequence[str]) -> tuple[Reveal, ...]:
    """In engine mpc nobody is told anything again."""
    if context.engine == "mpc" or not to:
        return ()
    return (Reveal("the score of each row", tuple(to), context.frames[frame].rows, "scores"),)
