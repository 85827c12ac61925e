"""A feature in both samples, at its owner."""

from __future__ import annotations

import numpy as np

from coterie.learn.binning import BinsFacts, ColumnBins, bins_here
from coterie.learn.component import PlanContext, RunContext

from .clear import Counted, compared, counted_codes
from .params import StabilityParams

__all__ = ["bins_of", "compared_feature", "step_of"]

CHANGES = frozenset({"cast", "clip", "derive", "fill", "minmax", "onehot", "standardize", "woe"})
"""Components after which the values of columns are not those that were binned."""


def compared_feature(context: RunContext, params: StabilityParams, owner: str, name: str) -> Counted:
    """By the bins that a step has made of the column as it is; else by quantiles or categories. Weights of
    evidence, which are few different numbers, are their bins."""
    base, other = (context.frames[frame].column(owner, name) for frame in (params.base, params.frame))
    bins, least = bins_of(context, owner, name), context.planning.min_group
    if bins is None:
        return compared(base, other, params.bins, least)
    codes = [bins.assign(column).astype(np.int64) for column in (base, other)]
    return counted_codes(bins.labels, codes[0], codes[1], least)


def bins_of(context: RunContext, owner: str, name: str) -> ColumnBins | None:
    """Those by which a column is compared, where a step has made them."""
    step = step_of(context.planning, owner, name)
    return None if step is None else bins_here(context, step, owner).of(name)


def step_of(context: PlanContext, owner: str, name: str) -> str | None:
    """The last step that has binned the column, where none after it has changed columns."""
    steps = [one.step for one in context.earlier]
    changed = [place for place, one in enumerate(context.earlier) if one.component in CHANGES]
    for step, facts in reversed(tuple(context.models.items())):
        if isinstance(facts, BinsFacts) and name in facts.columns.get(owner, ()) and step in steps:
            return step if all(place < steps.index(step) for place in changed) else None
    return None
