"""``scorecard``: points from a logistic model on weights of evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from coterie.crypto import canonical
from coterie.learn.component import EACH, Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import MODEL_MISSING
from coterie.learn.linear import CLEAR, ClearModel, Floats, ModelFacts, SharedModel
from coterie.learn.saving import SavesModel
from coterie.learn.scorecard.clear import Scale
from coterie.learn.scorecard.errors import CARD_ELSEWHERE, NOT_LOGISTIC
from coterie.learn.scorecard.facts import Card, ScorecardFacts
from coterie.learn.scorecard.mpc import inputs, opening, shown
from coterie.learn.scorecard.params import ScorecardParams
from coterie.learn.scorecard.record import CardPart
from coterie.learn.scorecard.statement import COEFFICIENTS, OPENED, START
from coterie.learn.scorecard.table import columns_of
from coterie.learn.scorecard.weights import check_woe, weights_of, woe_step
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.learn.transform import training_of
from coterie.mpc import Tape

__all__ = ["Scorecard"]


class Scorecard(Component[ScorecardParams], SavesModel):
    """Turns a logistic model into points for each bin of its features, and scores rows by them.

    Each owner of features learns the coefficients of its own, and with its own bins their points; the label
    holder learns the points that every row starts with; nobody learns more. In engine fl every party has
    coefficients and bins already, and so the whole card; nothing is sent. Steps after it find its points as
    scores: see :class:`ScorecardFacts`.

    Errors: CT-3002 without a model, CT-3155, CT-3156, CT-3157; CT-3158 before anything is sent.
    """

    name: ClassVar[str] = "scorecard"
    summary: ClassVar[str] = "Turn a logistic model on weights of evidence into points, each owner's at home."
    Parameters: ClassVar = ScorecardParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})

    def plan(self, context: PlanContext, params: ScorecardParams) -> StepPlan:
        facts, model = _facts(context, params)
        concerned = _concerned(context, facts)
        granted = context.receiving("scorecard")
        if missing := [party for party in concerned if party not in granted]:
            raise CARD_ELSEWHERE(f"{missing[0]}", step=context.step)
        context.models[context.step] = facts
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=_reveals(context, model, concerned),
            results={"scorecard": concerned} if concerned else {},
            statement=CLEAR,
        )
        if context.engine != "mpc":
            return plan
        return replace(plan, **needs_of(_tape(context, model)), statement=OPENED)

    def run(self, context: RunContext, params: ScorecardParams) -> None:
        planning = context.planning
        facts, model = _facts(planning, params)
        concerned = (EACH,) if context.horizontal else _concerned(planning, facts)
        own = [owner for owner in context.mine if owner in concerned]
        weights = {owner: weights_of(context, facts, owner) for owner in own}
        for owner in own:
            check_woe(context, owner, weights[owner])
        values = _values(context, facts, model)
        if not context.computes:
            return
        parts = {
            owner: CardPart(
                party=owner,
                model=facts.model,
                base_points=params.base_points,
                base_odds=params.base_odds,
                pdo=params.pdo,
                decimals=params.decimals,
                start=_start(facts, values[owner][1]) if owner == planning.label_holder else None,
                columns=columns_of(
                    facts.scale,
                    None if context.engine == "fl" else training_of(context.frames),
                    owner,
                    dict(zip(facts.columns.get(owner, ()), values[owner][0].tolist(), strict=True)),
                    weights[owner],
                ),
                features=dict(facts.columns),
            )
            for owner in own
        }
        context.models[context.step] = Card(parts=parts)
        for owner, part in parts.items():
            context.tell("scorecard", part.model_dump(mode="json"), to=(owner,))

    # For later jobs

    def public_facts(self, facts: Any) -> Mapping[str, JsonValue]:
        assert isinstance(facts, ScorecardFacts)
        return _Stored(
            columns=dict(facts.columns), order=tuple(facts.columns), model=facts.model, woe=facts.woe
        ).model_dump(mode="json")

    def facts_again(self, params: Any, public: Mapping[str, JsonValue]) -> ScorecardFacts:
        stored = _Stored.model_validate_json(canonical(dict(public)))
        if sorted(stored.order) != sorted(stored.columns):
            raise ValueError("owners and their order differ")
        columns = {owner: stored.columns[owner] for owner in stored.order}
        return ScorecardFacts(columns, Scale.of(params), stored.model, stored.woe)

    def kept_model(self, left: Any) -> bytes:
        assert isinstance(left, Card)
        return canonical(left.model_dump(mode="json"))

    def model_again(self, content: bytes, facts: Any) -> Card:
        card = Card.model_validate_json(content)
        assert isinstance(facts, ScorecardFacts)
        for owner, part in card.parts.items():
            if part.party != owner or tuple(one.name for one in part.columns) != facts.columns.get(owner, ()):
                raise ValueError("the columns of another card")
        return card


class _Stored(BaseModel):
    """What is public of a card."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    columns: dict[str, tuple[str, ...]] = Field(max_length=64)
    order: tuple[str, ...] = Field(max_length=64)
    model: str = Field(max_length=64)
    woe: str = Field(max_length=64)


def _facts(context: PlanContext, params: ScorecardParams) -> tuple[ScorecardFacts, ModelFacts]:
    """Of the card, and of the model that it is made of."""
    steps = list(context.models)
    fit = [step for step in steps if _is_fit(context.models[step])]
    if params.model is None and not fit:
        raise MODEL_MISSING("a logistic one", step=context.step)
    name = fit[-1] if params.model is None else params.model
    if name not in context.models:
        raise MODEL_MISSING(f"'{name}'", step=context.step)
    model = context.models[name]
    if not _is_fit(model):
        raise NOT_LOGISTIC(f"'{name}'", step=context.step)
    woe = woe_step(context, params.woe, name, model.columns)
    return ScorecardFacts(dict(model.columns), Scale.of(params), name, woe, model.params), model


def _is_fit(model: Any) -> bool:
    return isinstance(model, ModelFacts) and model.params.classifies and model.params.offset is None


def _concerned(context: PlanContext, facts: ScorecardFacts) -> tuple[str, ...]:
    """Owners of features, and the label holder: who has a part of the card. Of horizontal frames the card is
    whole, and theirs who may have it."""
    if context.horizontal:
        return context.receiving("scorecard")
    return tuple(
        party for party in context.parties if party in facts.columns or party == context.label_holder
    )


def _reveals(context: PlanContext, model: ModelFacts, concerned: tuple[str, ...]) -> tuple[Reveal, ...]:
    owners: dict[tuple[str, ...], int] = {(owner,): len(names) for owner, names in model.columns.items()}
    holder: tuple[str, ...] = (context.label_holder,)
    if context.horizontal:
        owners, holder = {concerned: model.width}, concerned
    reveals = [Reveal(COEFFICIENTS, to, count, "scorecard") for to, count in owners.items() if to]
    if model.params.intercept and holder:
        reveals.append(Reveal(START, holder, 1, "scorecard"))
    return tuple(reveals)


def _tape(context: PlanContext, model: ModelFacts) -> Tape:
    return traced(opening(model, context.label_holder), context, context.parties)


def _values(context: RunContext, facts: ScorecardFacts, model: ModelFacts) -> dict[str, tuple[Floats, float]]:
    """Coefficients and intercept for each owner who is here."""
    planning, left = context.planning, context.models.get(facts.model)
    if context.engine != "mpc":
        if not isinstance(left, ClearModel):
            raise MODEL_MISSING(f"'{facts.model}'", step=context.step, party=context.me)
        edges = np.cumsum([len(names) for names in model.columns.values()])[:-1]
        pieces = dict(zip(model.columns, np.split(left.weights, edges), strict=True))
        return {owner: (pieces.get(owner, np.zeros(0)), left.intercept) for owner in context.mine}
    program, tape = opening(model, planning.label_holder), _tape(planning, model)
    if served(program, tape, context) is not None:
        return {}
    if not isinstance(left, SharedModel):
        raise MODEL_MISSING(f"'{facts.model}'", step=context.step, party=context.me)
    return {context.me: shown(computed(program, tape, context, inputs(left)), context.me)}


def _start(facts: ScorecardFacts, intercept: float) -> float:
    return facts.scale.start(intercept) / facts.scale.per_point
