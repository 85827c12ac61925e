"""The table of points of an owner's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coterie.learn.linear import Floats
from coterie.learn.scorecard.facts import ScorecardFacts
from coterie.learn.scorecard.record import CardBin, CardColumn

__all__ = ["Weight", "columns_of"]


@dataclass(frozen=True)
class Weight:
    """A bin, and its weight of evidence."""

    label: str
    woe: float


def columns_of(
    facts: ScorecardFacts, owner: str, coefficients: Floats, weights: Mapping[str, Sequence[Weight]]
) -> tuple[CardColumn, ...]:
    """Of an owner's columns, in model order.

    :param coefficients: (features,) of that owner.
    :param weights: bins of each of its columns.
    """
    names = facts.columns.get(owner, ())
    return tuple(
        _column(facts, name, float(coefficient), weights[name])
        for name, coefficient in zip(names, coefficients, strict=True)
    )


def _column(facts: ScorecardFacts, name: str, coefficient: float, weights: Sequence[Weight]) -> CardColumn:
    scale = facts.scale
    points = scale.points(scale.units(coefficient, np.array([one.woe for one in weights])))
    bins = tuple(
        CardBin(label=one.label, woe=one.woe, points=float(of) + 0.0)
        for one, of in zip(weights, points, strict=True)
    )
    return CardColumn(
        name=name,
        coefficient=coefficient,
        most=float(points.max()) + 0.0,
        least=float(points.min()) + 0.0,
        bins=bins,
    )
