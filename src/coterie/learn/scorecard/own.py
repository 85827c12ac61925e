"""Points of an owner's own columns, where the owner is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from coterie.learn.component import RunContext
from coterie.learn.errors import MODEL_MISSING, NULLS_LEFT
from coterie.learn.linear import own_columns
from coterie.learn.scorecard.clear import Units
from coterie.learn.scorecard.facts import Card, ScorecardFacts

__all__ = ["card_here", "own_sum", "own_units"]


def card_here(context: RunContext, step: str) -> Card:
    """What is here of the card that a step made. Errors: CT-3002."""
    card = context.models.get(step)
    if not isinstance(card, Card):
        raise MODEL_MISSING(f"'{step}'", step=context.step, party=context.me)
    return card


def own_units(
    context: RunContext, facts: ScorecardFacts, card: Card, owner: str, frame: str
) -> Iterator[tuple[int, Units]]:
    """First row, and (rows, features) units of an owner who is here, block by block.

    Errors: CT-3027 for a missing weight of evidence.
    """
    names = facts.columns[owner]
    coefficients = card.coefficients(owner, names)
    for start, woe in own_columns(context.frames[frame], [(owner, name) for name in names]).blocks():
        if np.isnan(total := woe.sum(axis=0)).any():
            raise NULLS_LEFT(f"'{names[int(np.isnan(total).argmax())]}'", party=owner, step=context.step)
        yield start, facts.scale.units(coefficients, woe)


def own_sum(context: RunContext, facts: ScorecardFacts, card: Card, owner: str, frame: str) -> Units:
    """(rows,) units of an owner's columns, and at the label holder of the start.

    Errors: those of :func:`own_units`.
    """
    total = np.zeros(context.frames[frame].rows, np.int64)
    if owner in facts.columns:
        for start, units in own_units(context, facts, card, owner, frame):
            total[start : start + len(units)] = units.sum(axis=1)
    start_points = card.parts[owner].start
    return total if start_points is None else total + facts.scale.units_of(start_points)
