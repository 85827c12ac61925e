"""What an owner does with its own columns before training, alone: check them, decorrelate them, scale them.

Nothing of it leaves the owner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.errors import NOT_FINITE, NULLS_LEFT, ONE_CLASS
from coterie.learn.logistic.design import CAP, FLOOR, Design, whitened_row_sum
from coterie.learn.logistic.errors import CONSTANT_FEATURE
from coterie.mpc import RowBlocks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Of one owner's columns over the training rows."""

    mean: Floats
    covariance: Floats


@dataclass(frozen=True)
class Block:
    """One owner's part of the training problem."""

    features: RowBlocks
    """X as given, (rows, width): never copied as a whole."""
    shift: Floats
    """μ, (width,)."""
    turn: Floats
    """√s A, (width, width)."""
    penalty: Floats
    """r, (width,)."""

    def scaled(self) -> RowBlocks:
        """F = (X − μ) √s A."""
        given = self.features
        return RowBlocks(given.shape, lambda start, stop: (given.rows(start, stop) - self.shift) @ self.turn)

    def back(self) -> Floats:
        """(width + 1, width): weights u to coefficients, and to what is taken from the intercept."""
        return np.vstack([self.turn, self.shift @ self.turn])


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
            squares += block.T @ block
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


def start(labels: NDArray[np.int8], design: Design) -> float:
    """The intercept's weight to start with: the log-odds of the base rate, which its holder alone knows.

    Raises CT-3016 where the labels are all equal.
    """
    rate = float(labels.mean())
    if not 0 < rate < 1:
        raise ONE_CLASS("of the training rows")
    if not design.constant:
        return 0.0
    limit = 0.8 * design.params.max_logit
    return min(max(math.log(rate / (1 - rate)), -limit), limit) / design.constant


def prepare(features: RowBlocks, columns: Sequence[str], design: Design) -> Block:
    """The owner's part of the problem, within the design's bounds. Errors: as :func:`moments`."""
    found, width = moments(features, columns), len(columns)
    if not design.whitened:
        turn = np.eye(width) * design.scale
        return Block(features, np.zeros(width), turn, np.full(width, design.penalty))
    values, vectors = np.linalg.eigh(found.covariance)
    factor = design.scale**2 * design.rows * 2.0**-design.halvings
    floor = FLOOR
    while True:
        spread = np.maximum(values, 0.0) + 4 * design.params.l2 + floor
        turn = design.scale * vectors / np.sqrt(spread)
        block = Block(features, found.mean, turn, factor * design.params.l2 / spread)
        if _fits(block, design):
            return block
        floor *= 2


def _fits(block: Block, design: Design) -> bool:
    """Whether every scaled feature and row sum keeps its bound, with room for rounding."""
    if np.abs(block.back()).max() > 0.99 * design.back_bound:
        return False
    row_sum = whitened_row_sum(len(block.shift))
    for _, rows in block.scaled().blocks():
        magnitudes = np.abs(rows)
        if magnitudes.max() > 0.99 * CAP or magnitudes.sum(axis=1).max() > 0.99 * row_sum:
            return False
    return True
