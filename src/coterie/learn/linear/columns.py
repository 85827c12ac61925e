"""An owner's own columns of a frame, block by block, and their moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape
from coterie.learn.errors import NOT_FINITE, NULLS_LEFT
from coterie.learn.linear.errors import CONSTANT_FEATURE
from coterie.learn.linear.params import Floats, LinearParams
from coterie.learn.linear.products import gram
from coterie.mpc import RowBlocks

__all__ = ["Moments", "feature_columns", "moments", "own_columns", "place_of"]


def place_of(column: str) -> tuple[str, str]:
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


def own_columns(frame: VerticalFrame, columns: Sequence[str]) -> RowBlocks:
    """Own columns of a frame, taken out of its table block by block."""

    def rows(start: int, stop: int) -> Floats:
        table, keys = frame.table.slice(start, stop - start), frame.keys[start:stop]
        return replace(frame, rows=table.num_rows, table=table, keys=keys).matrix(columns)

    return RowBlocks((frame.rows, len(columns)), rows)


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
