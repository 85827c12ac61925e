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
    rows: int = 0
    """Training rows in it."""


Weights: TypeAlias = Mapping[str, Sequence[Weight]]
"""Bins by column."""


def columns_of(
    scale: Scale, frame: VerticalFrame | None, owner: str, coefficients: Mapping[str, float], bins: Weights
) -> tuple[CardColumn, ...]:
    """Of an owner's columns, in the order of the coefficients.

    :param frame: the training rows; None where they are at several parties, and means are those of bins.
    :param bins: of each of its columns.
    """
    return tuple(
        _column(
            scale,
            name,
            coefficient,
            bins[name],
            None if frame is None else own_columns(frame, [(owner, name)]),
        )
        for name, coefficient in coefficients.items()
    )


def _column(
    scale: Scale, name: str, coefficient: float, bins: Sequence[Weight], values: RowBlocks | None
) -> CardColumn:
    units = scale.units(coefficient, np.array([one.woe for one in bins]))
    points = scale.points(units) + 0.0
    if values is None:
        rows = [one.rows for one in bins]
        total, count = int(np.dot(units, rows)), sum(rows)
    else:
        total = sum(int(scale.units(coefficient, block).sum()) for _, block in values.blocks())
        count = values.shape[0]
    mean = scale.points(np.rint(total / count)) + 0.0
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
