"""Columns of a frame that are here, block by block, and their moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape, RunContext
from coterie.learn.errors import NOT_FINITE, NULLS_LEFT
from coterie.learn.linear.errors import CONSTANT_FEATURE, NOT_ALONE
from coterie.learn.linear.params import Floats, LinearParams
from coterie.learn.linear.products import gram
from coterie.mpc import RowBlocks

__all__ = [
    "Moments",
    "Place",
    "feature_columns",
    "moments",
    "need_all_here",
    "own_columns",
    "place_of",
    "places_of",
]

Place: TypeAlias = tuple[str, str]
"""Owner and name of a column."""


def place_of(column: str) -> Place:
    """Party and column of ``party.column``; names of parties have no full stop."""
    party, _, name = column.partition(".")
    return party, name


def feature_columns(shape: FrameShape, params: LinearParams) -> dict[str, tuple[str, ...]]:
    """Features by owner, in model order: the frame's columns but for offset and weights. Owners without
    features are left out."""
    apart = {place_of(column) for column in params.apart}
    kept = {
        owner: tuple(name for name in names if (owner, name) not in apart)
        for owner, names in shape.columns.items()
    }
    return {owner: names for owner, names in kept.items() if names}


@dataclass(frozen=True)
class Moments:
    """Of one owner's columns over the training rows."""

    mean: Floats
    covariance: Floats


def own_columns(frame: VerticalFrame, places: Sequence[Place]) -> RowBlocks:
    """Columns of a frame that are here, taken out of its tables block by block."""

    def rows(start: int, stop: int) -> Floats:
        return frame.block(start, stop).values(places)

    return RowBlocks((frame.rows, len(places)), rows)


def places_of(columns: Mapping[str, Sequence[str]]) -> tuple[Place, ...]:
    """Owner and name of each column, in model order."""
    return tuple((owner, name) for owner, names in columns.items() for name in names)


def need_all_here(context: RunContext, owners: Iterable[str]) -> None:
    """Raises CT-3052 where columns of one of these owners are not here."""
    if elsewhere := [owner for owner in owners if owner not in context.mine]:
        raise NOT_ALONE(f"those of {elsewhere[0]} are not here")


def moments(features: RowBlocks, columns: Sequence[str]) -> Moments:
    """Mean and covariance, for columns that are fit to train on.

    Errors: CT-3027 (missing), CT-3028 (infinite), CT-3051 (constant), naming the column.
    """
    rows, width = features.shape
    total, squares = np.zeros(width), np.zeros((width, width))
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for _, block in features.blocks():
        with np.errstate(invalid="ignore"):  # infinities are named below
            total += block.sum(axis=0)
            squares += gram(block)
        low = np.minimum(low, block.min(axis=0))
        high = np.maximum(high, block.max(axis=0))
    for j, name in enumerate(columns):
        if np.isnan(low[j]):
            raise NULLS_LEFT(f"'{name}'")
        if not np.isfinite(high[j] - low[j]):
            raise NOT_FINITE(f"'{name}'")
        if low[j] == high[j]:
            raise CONSTANT_FEATURE(f"'{name}'")
    mean = total / rows
    return Moments(mean, squares / rows - np.outer(mean, mean))
