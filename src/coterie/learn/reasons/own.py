"""The largest deductions among an owner's own features, where the owner is."""

from __future__ import annotations

import numpy as np

from coterie.learn.component import RunContext
from coterie.learn.reasons.clear import Largest, largest, limit_of
from coterie.learn.reasons.params import ReasonsParams
from coterie.learn.scorecard import Card, ScorecardFacts, Units, own_units

__all__ = ["largest_of"]


def largest_of(
    context: RunContext, facts: ScorecardFacts, card: Card, params: ReasonsParams, owner: str
) -> Largest:
    """Of each row of the frame. Errors: CT-3027 for a missing weight of evidence."""
    first = 1 + facts.places.index((owner, facts.columns[owner][0]))
    references, limit = _references(context, facts, card, params, owner), limit_of(facts.scale)
    blocks = [
        largest(np.clip(references - units, 0, limit), params.most, first)
        for _, units in own_units(context, facts, card, owner, params.frame)
    ]
    return Largest(
        np.concatenate([block.numbers for block in blocks]), np.concatenate([block.units for block in blocks])
    )


def _references(
    context: RunContext, facts: ScorecardFacts, card: Card, params: ReasonsParams, owner: str
) -> Units:
    """(features,) units that each of an owner's features is held against."""
    names = facts.columns[owner]
    if params.against == "best":
        return card.most(owner, names, facts.scale)
    frame = "train" if "train" in context.frames else "all"
    total = np.zeros(len(names), np.int64)
    for _, units in own_units(context, facts, card, owner, frame):
        total += units.sum(axis=0)
    return np.rint(total / context.frames[frame].rows).astype(np.int64)
