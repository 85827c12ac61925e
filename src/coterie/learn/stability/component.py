"""``stability``: whether the score and the features of one sample are those of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from coterie.errors import CoterieError
from coterie.learn.binning import Sizes, exchanged, sizes_to, with_documents
from coterie.learn.chosen import shape_of
from coterie.learn.component import EACH, Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import NOBODY_RECEIVES, RECORD_INVALID
from coterie.learn.measures import insiders
from coterie.learn.scoring import ScoringFacts, last_model, learners, score_run, scores_plan, scoring_facts
from coterie.learn.summed import SUMS

from .clear import Counted, counted, psi, psi_told
from .features import compared_feature
from .fl import SCORE, pooled_counts, pooled_needs
from .params import StabilityParams
from .record import FeatureStability, Part, ScoreStability, Stability, part_size
from .statement import statement

__all__ = ["Stabilities", "Stable"]

Stabilities = dict[str, list[tuple[str, Counted]]]
"""Columns with their bins, by owner."""


class Stable(Component[StabilityParams]):
    """Compares two frames, feature by feature at their owners, the score at the label holder, and tells the
    receivers of metrics one index of each. In engine fl bins are counted over all parties' rows, and all
    parties learn the counts.

    Errors: CT-3001 without one of the frames, CT-3002 for a model that is not there, CT-3030 where scores
    would go to others than the label holder and the engine is not "tee", CT-3031 for an unreadable record,
    CT-3136 where nobody may receive it, CT-3165; in engine fl CT-3235, CT-3236.
    """

    name: ClassVar[str] = "stability"
    summary: ClassVar[str] = (
        "Population stability index of the score and of every feature between two samples."
    )
    Parameters: ClassVar = StabilityParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: StabilityParams) -> StepPlan:
        shapes = [shape_of(context, name) for name in (params.base, params.frame)]
        receivers = context.receiving("metrics")
        if not receivers:
            raise NOBODY_RECEIVES("'metrics'", step=context.step)
        model = _model(context, params)
        if context.engine == "fl":
            return self._plan_pooled(context, params, model)
        plan = StepPlan(step=context.step, component=self.name, params={})
        if model is not None:
            to = learners(context)
            plan = scores_plan(context, [(model, params.base), (model, params.frame)], to)
        scoring = plan.statement
        plan = with_documents(plan, _sizes(context, params))
        return replace(
            plan,
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=(*plan.reveals, *_reveals(context, params)),
            results={"metrics": receivers},
            memory=plan.memory + 6 * 8 * sum(shape.rows for shape in shapes),
            statement=statement(scoring),
        )

    def run(self, context: RunContext, params: StabilityParams) -> None:
        planning, model = context.planning, _model(context.planning, params)
        if context.engine == "fl":
            self._run_pooled(context, params, model)
            return
        score: Counted | None = None
        if model is not None:
            to = learners(planning)
            both = [score_run(context, model, frame, to) for frame in (params.base, params.frame)]
            if both[0] is not None and both[1] is not None:
                score = counted(both[0], both[1], params.bins, planning.min_group)
        if context.deals_ahead:
            return
        found: Stabilities = {}
        for owner in context.mine:
            names = _columns(planning, params, owner)
            found[owner] = []
            for number, name in enumerate(names):
                context.progress(number, len(names), "comparing features")
                found[owner].append((name, compared_feature(context, params, owner, name)))
        guarded, whole = (_of_score(planning, model, score, guarded=one) for one in (True, False))
        parts = {}
        for owner, columns in found.items():
            psis = tuple(psi_told(counts) for _, counts in columns)
            bins = tuple(len(counts.labels) for _, counts in columns)
            told = guarded if owner == planning.label_holder else None
            parts[owner] = Part(psi=psis, bins=bins, score=told)
        told_parts = exchanged(context, _sizes(planning, params), parts, Part)
        for party in context.receiving("metrics"):
            document = _document(context, params, told_parts, found, party)
            if whole is not None and party in insiders(planning):
                document = document.model_copy(update={"score": whole})
            context.tell("metrics", document.model_dump(mode="json"), (party,))

    def _plan_pooled(self, context: PlanContext, params: StabilityParams, model: str | None) -> StepPlan:
        plan = StepPlan(step=context.step, component=self.name, params={})
        if model is not None:  # scores of own rows, which go to nobody
            plan = scores_plan(context, [(model, params.base), (model, params.frame)], ())
        rows = sum(context.frames[name].rows for name in (params.base, params.frame))
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            **pooled_needs(context, params, score=model is not None),
            results={"metrics": context.receiving("metrics")},
            memory=plan.memory + 6 * 8 * rows,
            operations=plan.operations,
            statement=SUMS,
        )

    def _run_pooled(self, context: RunContext, params: StabilityParams, model: str | None) -> None:
        planning, scores = context.planning, None
        if model is not None:
            base, other = (
                score_run(context, model, frame, planning.parties) for frame in (params.base, params.frame)
            )
            assert base is not None
            assert other is not None  # of own rows
            scores = base, other
        try:
            found = pooled_counts(context, params, scores)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None
        names = _columns(planning, params, EACH)
        features = {name: found[name] for name in names}
        part = Part(
            psi=tuple(psi_told(counts) for counts in features.values()),
            bins=tuple(len(counts.labels) for counts in features.values()),
            score=_of_score(planning, model, found.get(SCORE), guarded=False),
        )
        document = Stability(
            base=params.base,
            frame=params.frame,
            base_rows=planning.frames[params.base].rows,
            rows=planning.frames[params.frame].rows,
            model=model,
            score=part.score,
            features=tuple(_features(EACH, names, part, features)),
        )
        context.tell("metrics", document.model_dump(mode="json"))


def _model(context: PlanContext, params: StabilityParams) -> str | None:
    """Name of the step whose scores are compared, if any are."""
    if not params.score:
        return None
    if params.model is None and not any(isinstance(one, ScoringFacts) for one in context.models.values()):
        return None
    return last_model(context, params.model)


def _columns(context: PlanContext, params: StabilityParams, owner: str) -> tuple[str, ...]:
    return tuple(context.frames[params.base].columns.get(owner, ())) if params.features else ()


def _sizes(context: PlanContext, params: StabilityParams) -> Sizes:
    """Bytes of every part: of owners of features, and of the label holder where there is a score."""
    score = _model(context, params) is not None
    sizes = {}
    for owner in context.owners:
        names, scored = _columns(context, params, owner), score and owner == context.label_holder
        if names or scored:
            sizes[owner] = part_size(len(names), params.bins, score=scored)
    return sizes_to(context, "metrics", sizes)


def _reveals(context: PlanContext, params: StabilityParams) -> tuple[Reveal, ...]:
    receivers, reveals = context.receiving("metrics"), []
    attested = context.engine == "tee"
    for owner in context.owners:
        others = tuple(party for party in receivers if party != owner)
        if (names := _columns(context, params, owner)) and others:
            what = f"population stability index and number of bins of each feature of {owner}"
            reveals.append(Reveal(what, others, 2 * len(names), "metrics"))
    told = tuple(party for party in receivers if attested or party != context.label_holder)
    if _model(context, params) is not None and told:
        what = (
            f"population stability index of the score, with counts by bin where each has at least "
            f"{context.min_group} rows of both samples"
        )
        reveals.append(Reveal(what, told, 1 + 5 * (params.bins + 1), "metrics"))
    return tuple(reveals)


def _of_score(
    planning: PlanContext, model: str | None, counts: Counted | None, *, guarded: bool
) -> ScoreStability | None:
    """In full, or as others may see it; None where the scores are not here."""
    if model is None or counts is None:
        return None
    enough = min(int(counts.base.min()), int(counts.other.min())) >= planning.min_group
    bins = counts.bins() if enough or not guarded else ()
    index = psi_told(counts) if guarded else psi(counts)
    return ScoreStability(unit=scoring_facts(planning, model).unit, psi=index, bins=bins)


def _document(
    context: RunContext, params: StabilityParams, parts: dict[str, Part], own: Stabilities, party: str
) -> Stability:
    """What a receiver is told: bins of its own columns alone. Errors: CT-3031 for parts of other columns."""
    planning, features = context.planning, []
    for owner in planning.owners:
        names = _columns(planning, params, owner)
        if owner not in parts:
            continue
        part = parts[owner]
        if len(part.psi) != len(names) or len(part.bins) != len(names) or any(n < 1 for n in part.bins):
            raise RECORD_INVALID(f"indices of other columns, from {owner}", party=owner)
        shown = dict(own[owner]) if owner in (party, EACH) and owner in own else {}
        features += _features(owner, names, part, shown)
    holder = parts.get(planning.label_holder)
    return Stability(
        base=params.base,
        frame=params.frame,
        base_rows=planning.frames[params.base].rows,
        rows=planning.frames[params.frame].rows,
        model=_model(planning, params),
        score=holder.score if holder is not None else None,
        features=tuple(features),
    )


def _features(
    owner: str, names: Sequence[str], part: Part, shown: dict[str, Counted]
) -> list[FeatureStability]:
    return [
        FeatureStability(
            party=owner,
            column=name,
            psi=index,
            bins=count,
            shown=shown[name].bins() if name in shown else (),
        )
        for name, index, count in zip(names, part.psi, part.bins, strict=True)
    ]
