"""``contribution``: what each party did for a model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import fsum
from typing import Any, ClassVar

import numpy as np

from coterie.errors import CoterieError
from coterie.fl import EXACT
from coterie.learn.boosting import BoostedTrees, BoostingParams, Leaves
from coterie.learn.component import (
    EACH,
    Component,
    Engine,
    FrameShape,
    PlanContext,
    Reveal,
    RunContext,
    StepPlan,
    Total,
)
from coterie.learn.glm import GlmParams, rows_of
from coterie.learn.joined import training_shape
from coterie.learn.linear import ClearModel, Floats, ModelFacts
from coterie.learn.logistic import LogisticParams
from coterie.learn.neural import Network, NeuralParams
from coterie.learn.pooled import enough_beside
from coterie.learn.scoring import ScoringFacts, last_model, scoring_facts
from coterie.learn.summed import planned_sums

from .errors import (
    ANOTHER_MODEL,
    FEW_PARTIES,
    FEW_ROWS,
    NO_MEASURE,
    NOISY_MODEL,
    NOT_ALL,
    NOT_PARTS,
    NOT_RETRAINED,
)
from .in_run import Found, Way
from .linear import LinearWay, linear_counts
from .networks import NetworkWay, network_bytes, network_totals, network_work
from .params import ContributionParams
from .record import Contributions, PartyContribution
from .retrain import Retrained, Retraining, contributions
from .statement import IN_ROUNDS, IN_RUN, OWN_SUMS, PARTS, RETRAINED, SLOPES, TOGETHER
from .trees import TreesWay, tree_counts

__all__ = ["Contribution"]

EACHES = "the contribution of each party, and what the measure would lose without it"
LEARNERS = ("logistic", "glm", "boosting", "neural")


class Contribution(Component[ContributionParams]):
    """Says how much of what a model gains over one without features is each party's.

    Errors: CT-3001 without the frame, CT-3002 without a model, CT-3054 where columns are others than the
    model's, CT-3235 with too few rows beside a party's, CT-3310 for another kind of model, CT-3311, CT-3312,
    CT-3313, CT-3314, CT-3315, CT-3316, CT-3317, CT-3318, CT-3245 without PyTorch.
    """

    name: ClassVar[str] = "contribution"
    summary: ClassVar[str] = "Tell what each party's rows did for a model: shares of the gain, left out."
    Parameters: ClassVar = ContributionParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"fl"})
    libraries: ClassVar[tuple[str, ...]] = ("xgboost",)

    def plan(self, context: PlanContext, params: ContributionParams) -> StepPlan:
        model = _model(context, params)
        facts, shape = scoring_facts(context, model), training_shape(context)
        scoring = facts.plan_scores(context, model, params.frame, ())
        _enough(context, params, shape, facts)
        to = context.receiving("contribution")
        if params.method == "retrain":
            planned = _plan_retrained(context, params, shape, facts)
        else:
            planned = _plan_in_run(context, params, shape, facts)
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            **planned,
            results={"contribution": to} if to else {},
            memory=max(planned_memory(shape, facts), scoring.memory),
        )

    def run(self, context: RunContext, params: ContributionParams) -> None:
        try:
            model = _model(context.planning, params)
            document = (_retrained if params.method == "retrain" else _in_run)(context, params, model)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None
        context.tell("contribution", partial(document.model_dump, mode="json"), name="contribution.json")


def _model(context: PlanContext, params: ContributionParams) -> str:
    """The step that trained it. Errors: CT-3002, CT-3310, CT-3315, CT-3317."""
    if context.minimum is not None:
        raise NOT_ALL(f"a minimum of {context.minimum}", step=context.step)
    model = last_model(context, params.model)
    training = scoring_facts(context, model).training
    made = next((one.component for one in context.earlier if one.step == model), None)
    if made not in LEARNERS:
        raise ANOTHER_MODEL(f"'{model}' is by {made or 'another job'}", step=context.step)
    if getattr(training, "privacy", None) is not None:
        raise NOISY_MODEL(f"'{model}'", step=context.step)
    if params.method == "in_run" and isinstance(training, NeuralParams):
        for name, given in (("groups", training.groups), ("personal", training.personal)):
            if given:
                raise NOT_PARTS(f"'{model}' has '{name}'", step=context.step)
    return model


def _enough(context: PlanContext, params: ContributionParams, shape: FrameShape, facts: ScoringFacts) -> None:
    """That nothing is told of few rows. Errors: CT-3235, CT-3311, CT-3312, CT-3313, CT-3314."""
    size = facts.size if isinstance(facts, ModelFacts) else 0
    enough_beside(context, shape, size)
    enough_beside(context, context.frames[params.frame], size)
    if params.method == "retrain":
        if not isinstance(facts, ModelFacts):
            raise NOT_RETRAINED(f"'{params.model or last_model(context)}'", step=context.step)
        if len(context.parties) < 4:
            raise FEW_PARTIES(f"there are {len(context.parties)}", step=context.step)
        if params.measure == "auc" and not facts.classifies:
            raise NO_MEASURE("an AUC is of labels that are 0 or 1", step=context.step)
    least = max(context.min_group, size + 1 if params.method == "retrain" else 0)
    for party, rows in (shape.horizontal or {}).items() if params.tell == "all" else ():
        if rows < least:
            raise FEW_ROWS(f"{party} has {rows} training rows, and {least} are needed", step=context.step)


def planned_memory(shape: FrameShape, facts: ScoringFacts) -> int:
    """Bytes: own rows as numbers, leaves that they fall into, losses."""
    rows = max((shape.horizontal or {EACH: shape.rows}).values())
    training = facts.training
    width = sum(len(names) for names in facts.columns.values())
    more = network_bytes(training, width) if isinstance(training, NeuralParams) else 0
    return more + 8 * rows * (
        3 * width + 4 + (training.rounds if isinstance(training, BoostingParams) else 0)
    )


def _plan_in_run(
    context: PlanContext, params: ContributionParams, shape: FrameShape, facts: ScoringFacts
) -> dict[str, Any]:
    told = 3 * len(context.parties) if params.tell == "all" else 1
    last = Total(EACHES if params.tell == "all" else TOGETHER, told, EXACT, kind="contribution")
    if isinstance(facts.training, NeuralParams):
        measured = context.frames[params.frame]
        rounds = [*network_totals(facts.training, measured.width), last]
        return {
            **planned_sums(context, rounds, at_most=True),
            "statement": IN_ROUNDS,
            "operations": network_work(facts.training, measured),
        }
    trees = facts.training if isinstance(facts.training, BoostingParams) else None
    if trees is not None:
        first, second = tree_counts(trees, shape.rows)
    else:
        assert isinstance(facts, ModelFacts)
        first, second = linear_counts(facts.size)
    totals = [
        Total(PARTS, first, EXACT, kind="contribution", fewer=trees is not None),
        Total(SLOPES, second, EXACT, kind="contribution", fewer=trees is not None),
        last,
    ]
    work = shape.rows * (first if trees is None else trees.rounds * 8)
    sums = planned_sums(context, totals, at_most=trees is not None)
    return {**sums, "statement": IN_RUN, "operations": work}


def _plan_retrained(
    context: PlanContext, params: ContributionParams, shape: FrameShape, facts: ScoringFacts
) -> dict[str, Any]:
    assert isinstance(facts, ModelFacts)
    of = Retraining(facts, shape, context.parties, params)
    for group in of.game.groups():
        enough_beside(context, of.task(group).shape, facts.size)
    groups = len(of.game.groups())
    sums = planned_sums(context, of.totals(), at_most=True)
    alone = Reveal(OWN_SUMS, context.parties, len(context.parties) * _sums_of(of), "contribution")
    return {
        **sums,
        "reveals": (*sums["reveals"], alone),
        "statement": RETRAINED,
        "operations": groups * 10 * shape.rows * facts.size**2,
    }


def _sums_of(of: Retraining) -> int:
    """Numbers of one training's sums."""
    return sum(one.values // one.digits * one.times for one in of.task(of.game.without(0)).totals)


def _in_run(context: RunContext, params: ContributionParams, model: str) -> Contributions:
    sums, measured = context.sums(), context.planning.frames[params.frame].rows
    found = _found(context, params, model, measured)
    facts = scoring_facts(context.planning, model)
    rows = context.planning.frames[_training(context)].horizontal or {}
    if params.tell == "own":
        accounted = float(sums.total(TOGETHER, np.array([found.contribution]))[0])
        own: Mapping[str, tuple[float, float | None]] = {context.me: (found.contribution, found.left_out)}
    else:
        own = _of_all(context, found)
        accounted = fsum(share for share, _ in own.values())
    return Contributions(
        model=model,
        frame=params.frame,
        method="in_run",
        measure="log_loss" if facts.classifies or facts.classes else "deviance",
        rows=measured,
        begins="first_network" if isinstance(facts.training, NeuralParams) else "no_features",
        nothing=found.nothing,
        whole=found.whole,
        gain=found.nothing - found.whole,
        accounted=accounted,
        told=params.tell,
        parties=tuple(
            PartyContribution(party=name, rows=rows[name], contribution=share, left_out=left)
            for name, (share, left) in own.items()
        ),
    )


def _found(context: RunContext, params: ContributionParams, model: str, measured: int) -> Found:
    made, sums = context.models[model], context.sums()
    if isinstance(made, Network):
        frames = context.frames[_training(context)], context.frames[params.frame]
        route = NetworkWay(made, *frames, context.step)
        what = "looking at the measured rows"
        return route.found(sums, measured, lambda done, total: context.progress(done, total, what))
    way = _way(context, params, model)
    context.progress(0, 2, "looking at the training rows")
    parts = sums.total(PARTS, way.parts())
    context.progress(1, 2, "looking at the measured rows")
    return way.found(parts, sums.total(SLOPES, way.slopes()), measured)


def _of_all(context: RunContext, found: Found) -> Mapping[str, tuple[float, float | None]]:
    """Each party tells its own numbers, in places of its own."""
    own = np.zeros((len(context.parties), 3))
    known = found.left_out is not None
    own[context.parties.index(context.me)] = found.contribution, found.left_out or 0.0, known
    told = context.sums().total(EACHES, own).tolist()
    return {
        name: (share, left if known else None)
        for name, (share, left, known) in zip(context.parties, told, strict=True)
    }


def _training(context: RunContext) -> str:
    return "train" if "train" in context.frames else "all"


def _way(context: RunContext, params: ContributionParams, model: str) -> Way:
    made, facts = context.models[model], scoring_facts(context.planning, model)
    training, measured = context.frames[_training(context)], context.frames[params.frame]

    def labels(frame: Any) -> Floats:
        found: Floats = frame.labels().astype(np.float64) if facts.classifies else frame.target()
        return found

    if isinstance(made, BoostedTrees):
        sides = (training, labels(training)), (measured, labels(measured))
        return TreesWay(Leaves.of(made), *sides, context.parties.index(context.me), context.step)
    assert isinstance(made, ClearModel)
    given: GlmParams = made.end.design.params
    trained, asked = (rows_of(frame, labels(frame), facts.columns, given) for frame in (training, measured))
    return LinearWay(made.end, trained, asked, context.step)


def _retrained(context: RunContext, params: ContributionParams, model: str) -> Contributions:
    planning, made = context.planning, context.models[model]
    facts, shape = scoring_facts(planning, model), planning.frames[_training(context)]
    assert isinstance(facts, ModelFacts)
    _enough_labels(context, facts)
    of = Retraining(facts, shape, context.parties, params)
    found = Retrained(context, of, model, made)
    parties = contributions(found, context.parties, shape.horizontal or {}, shapley=params.shapley)
    values, sign = found.values, 1 if params.measure == "auc" else -1
    shares = [one.contribution for one in parties if one.contribution is not None]
    return Contributions(
        model=model,
        frame=params.frame,
        method="retrain",
        measure="auc" if params.measure == "auc" else "log_loss" if facts.classifies else "deviance",
        rows=planning.frames[params.frame].rows,
        nothing=sign * values[()],
        whole=sign * values[of.game.whole],
        gain=values[of.game.whole] - values[()],
        accounted=fsum(shares) if shares else None,
        told="all",
        parties=tuple(parties),
        trainings=found.trained,
        untrained=found.untrained,
        orders=params.permutations if params.shapley and not of.game.exact else None,
        cut_short=found.cut_short,
    )


def _enough_labels(context: RunContext, facts: ModelFacts) -> None:
    """Raises CT-3311 where this party has few training rows of a label: sums of them would be told."""
    if not isinstance(facts.params, LogisticParams | GlmParams) or not facts.classifies:
        return
    labels, least = context.frames[_training(context)].labels(), context.planning.min_group
    if min(int(labels.sum()), len(labels) - int(labels.sum())) < least:
        raise FEW_ROWS(f"fewer than {least} training rows of one label", step=context.step)
