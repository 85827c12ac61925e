"""The table of points of an owner's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.linear import own_columns
from coterie.learn.scorecard.clear import Scale
from coterie.learn.scorecard.record import CardBin, CardColumn
from coterie.mpc import RowBlocks

__all__ = ["Weight", "Weights", "columns_of"]


@dataclass(frozen=True)
class Weight:
    """A bin, and its weight of evidence."""

    label: str
    woe: float


Weights: TypeAlias = Mapping[str, Sequence[Weight]]
"""Bins by column."""


def columns_of(
    scale: Scale, frame: VerticalFrame, owner: str, coefficients: Mapping[str, float], bins: Weights
) -> tuple[CardColumn, ...]:
    """Of an owner's columns, in the order of the coefficients.

    :param frame: the training rows.
    :param bins: of each of its columns.
    """
    return tuple(
        _column(scale, name, coefficient, bins[name], own_columns(frame, [(owner, name)]))
        for name, coefficient in coefficients.items()
    )


def _column(
    scale: Scale, name: str, coefficient: float, bins: Sequence[Weight], values: RowBlocks
) -> CardColumn:
    points = scale.points(scale.units(coefficient, np.array([one.woe for one in bins]))) + 0.0
    total = sum(int(scale.units(coefficient, block).sum()) for _, block in values.blocks())
    mean = scale.points(np.rint(total / values.shape[0])) + 0.0
    return CardColumn(
        name=name,
        coefficient=coefficient,
        most=float(points.max()),
        least=float(points.min()),
        mean=float(mean),
        bins=tuple(
            CardBin(label=one.label, woe=one.woe, points=of)
            for one, of in zip(bins, points.tolist(), strict=True)
        ),
    )
