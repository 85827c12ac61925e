"""The largest deductions among an owner's own features, where the owner is."""

from __future__ import annotations

import numpy as np

from coterie.learn.component import RunContext
from coterie.learn.reasons.clear import Largest, largest, limit_of
from coterie.learn.reasons.params import ReasonsParams
from coterie.learn.scorecard import Card, ScorecardFacts, own_units

__all__ = ["largest_of"]


def largest_of(
    context: RunContext, facts: ScorecardFacts, card: Card, params: ReasonsParams, owner: str
) -> Largest:
    """Of each row of the frame. Errors: CT-3027 for a missing weight of evidence."""
    first = 1 + facts.places.index((owner, facts.columns[owner][0]))
    names, limit = facts.columns[owner], limit_of(facts.scale)
    references = card.references(owner, names, facts.scale, params.against)
    blocks = [
        largest(np.clip(references - units, 0, limit), params.most, first)
        for _, units in own_units(context, facts, card, owner, params.frame)
    ]
    return Largest(
        np.concatenate([block.numbers for block in blocks]), np.concatenate([block.units for block in blocks])
    )
