"""``select``: which features stay, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from coterie.errors import CoterieError
from coterie.learn.choosing import told_alike
from coterie.learn.component import Component, Engine, FrameShape, PlanContext, RunContext, StepPlan
from coterie.learn.linear import CLEAR, need_all_here
from coterie.learn.select.clear import Evidence
from coterie.learn.select.evidence import Choosing, information_values, missing_rates, placed, places_of
from coterie.learn.select.fl import pooled_evidence, pooled_needs
from coterie.learn.select.params import SelectParams
from coterie.learn.select.statement import MPC, reveals_of
from coterie.learn.select.telling import Kept, decided, told
from coterie.learn.select.together import chosen_together, planned_together
from coterie.learn.transform import training_of

__all__ = ["Select"]

BITS = 32
"""Features of one fact."""


class Select(Component[SelectParams]):
    """The label holder chooses features; everybody leaves the others out of its frames. In engine fl every
    party chooses, by the same sums over all rows.

    Errors: CT-3001 without aligned rows, CT-3103 without bins, CT-3135 for a column that is not there,
    CT-3145 where the label holder may not see what it is to choose by, CT-3146 where nothing is left, CT-3147
    for features without information value; those of correlations (CT-3025 to CT-3028, CT-3138, CT-1433) and
    of a logistic fit (CT-3016, CT-3050, CT-3051, CT-3061, CT-1501, CT-2108); CT-3031; CT-3052; in engine fl
    CT-3235, CT-3237.
    """

    name: ClassVar[str] = "select"
    summary: ClassVar[str] = "Choose features by value, missing rate, correlation, inflation, or stepwise."
    Parameters: ClassVar = SelectParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    ends_stage: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: SelectParams) -> StepPlan:
        choosing = Choosing.of(context, params)
        receivers = context.receiving("selection")
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            rounds=dict.fromkeys(context.everybody, 0),
            reveals=reveals_of(context, params, choosing),
            results={"selection": receivers} if receivers else {},
            operations=choosing.shape.rows * choosing.shape.width**2,
            memory=8 * 8 * choosing.shape.rows * context.widest,
            statement=MPC if context.engine == "mpc" else CLEAR,
        )
        if context.engine == "fl":
            needs = pooled_needs(context, params, choosing)
            return replace(plan, **{**needs, "reveals": (*needs["reveals"], *plan.reveals)})
        return plan if context.engine != "mpc" else planned_together(context, params, choosing, plan)

    def run(self, context: RunContext, params: SelectParams) -> None:
        choosing = Choosing.of(context.planning, params)
        try:
            if context.engine == "mpc":
                kept = chosen_together(context, params, choosing)
            else:
                kept = _chosen_here(context, params, choosing)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None
        if kept is None:
            return
        context.models[context.step] = kept
        for name, frame in context.frames.items():
            left = _left(context.planning.frames[name], choosing.places, kept)
            context.frames[name] = frame.with_columns_of(left)

    def facts(self, context: RunContext) -> dict[str, int]:
        """Which features stay: 32 in each number, the first in its lowest bit."""
        kept: Kept = context.models[context.step]
        return {
            f"features.{first // BITS}": sum(
                bit << place for place, bit in enumerate(kept[first : first + BITS])
            )
            for first in range(0, len(kept), BITS)
        }

    def apply_facts(self, context: PlanContext, facts: Mapping[str, int]) -> None:
        places, facts = places_of(training_of(context.frames)), told_alike(context, facts)
        kept = tuple(bool(facts[f"features.{n // BITS}"] >> n % BITS & 1) for n in range(len(places)))
        for name, shape in context.frames.items():
            context.frames[name] = replace(shape, columns=_left(shape, places, kept))


def _left(shape: FrameShape, places: Sequence[str], kept: Kept) -> dict[str, tuple[str, ...]]:
    """Features that stay, by owner."""
    stays = {place for place, one in zip(places, kept, strict=True) if one}
    return {
        owner: tuple(name for name in names if f"{owner}.{name}" in stays)
        for owner, names in shape.columns.items()
    }


def _chosen_here(context: RunContext, params: SelectParams, choosing: Choosing) -> Kept:
    """Where all columns are; or at each party of a horizontal job."""
    if context.engine == "fl":
        return told(context, params, decided(params, pooled_evidence(context, params, choosing)))
    need_all_here(context, choosing.shape.columns)
    correlated, fitted = choosing.correlated, choosing.fitted
    rates = {}
    if params.max_missing is not None:
        rates = {owner: missing_rates(context, choosing, owner) for owner in choosing.shape.columns}
    evidence = Evidence(
        choosing.places,
        information_values(context, choosing),
        placed(choosing, rates),
        None if correlated is None else correlated.in_clear(context),
        None if fitted is None else fitted.in_clear(context),
    )
    return told(context, params, decided(params, evidence))
