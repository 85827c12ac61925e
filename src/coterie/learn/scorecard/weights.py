"""Which bins stand behind a model's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coterie.learn.binning import Bins, WoeFacts, WoeParams
from coterie.learn.component import PlanContext, RunContext
from coterie.learn.linear import own_columns
from coterie.learn.scorecard.errors import NOT_WOE, WOE_MISSING
from coterie.learn.scorecard.facts import ScorecardFacts
from coterie.learn.scorecard.table import Weight
from coterie.learn.transform import Learnt, training_of

__all__ = ["check_woe", "weights_of", "woe_step"]


def woe_step(
    context: PlanContext, named: str | None, model: str, columns: Mapping[str, tuple[str, ...]]
) -> str:
    """Name of the step that made the weights on which a model was trained: the last before it.

    Errors: CT-3157 where there is none, CT-3158 where it left a feature of the model as it was.
    """
    steps = list(context.models)
    before = {step: context.models[step] for step in steps[: steps.index(model)]}
    made = {step: facts for step, facts in before.items() if isinstance(facts, WoeFacts)}
    step = next(reversed(made), None) if named is None else named
    if step is None or step not in made:
        raise WOE_MISSING(f"before '{model}'" if named is None else f"'{named}'", step=context.step)
    for owner, names in columns.items():
        for name in names:
            if name not in made[step].columns.get(owner, ()):
                raise NOT_WOE(f"'{owner}.{name}'", step=context.step)
    return step


def weights_of(context: RunContext, facts: ScorecardFacts, owner: str) -> dict[str, Sequence[Weight]]:
    """Bins and their weights of each feature of an owner who is here, as the step ``woe`` used them.

    Errors: CT-3157.
    """
    left = context.models.get(facts.woe)
    if not isinstance(left, Learnt) or not isinstance(left.params, WoeParams):
        raise WOE_MISSING(f"'{facts.woe}'", step=context.step, party=owner)
    state, clip = left.states.get(owner, Bins(columns=())), left.params.clip
    assert isinstance(state, Bins)
    found: dict[str, Sequence[Weight]] = {}
    for name in facts.columns.get(owner, ()):
        bins = state.of(name)
        if bins is None:
            raise WOE_MISSING(f"'{facts.woe}' has none of '{name}'", step=context.step, party=owner)
        weights = np.clip(bins.woes[: len(bins.bins)], -clip, clip)
        rows = [one.rows for one in bins.bins]
        found[name] = [Weight(*one) for one in zip(bins.labels, weights.tolist(), rows, strict=True)]
    return found


def check_woe(context: RunContext, owner: str, weights: Mapping[str, Sequence[Weight]]) -> None:
    """Raises CT-3158 where a column has a value in the training rows that is the weight of none of its bins:
    a step after ``woe`` has changed it. In engine fl training rows may have values that are too rare for a
    bin, of weight 0."""
    frame = training_of(context.frames)
    none = [0.0] if context.engine == "fl" else []
    for name, bins in weights.items():
        known = np.unique([*(one.woe for one in bins), *none])
        for _, values in own_columns(frame, [(owner, name)]).blocks():
            if not np.isin(values, known).all():
                raise NOT_WOE(f"'{name}'", party=owner, step=context.step)
