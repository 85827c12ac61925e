"""What an owner does with its own columns before training, alone: check them, decorrelate them, scale them.

Nothing of it leaves the owner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.errors import NOT_FINITE, NULLS_LEFT, ONE_CLASS
from coterie.learn.logistic.design import CAP, FLOOR, Design
from coterie.learn.logistic.errors import CONSTANT_FEATURE

Floats = NDArray[np.float64]
_ROWS = 1 << 14


@dataclass(frozen=True)
class Block:
    """One owner's part of the training problem."""

    features: Floats
    """X as given, (rows, width)."""
    shift: Floats
    """μ, (width,)."""
    turn: Floats
    """√s A, (width, width)."""
    penalty: Floats
    """r, (width,)."""

    def rows(self, start: int, stop: int) -> Floats:
        """Those rows of F = (X − μ) √s A."""
        return np.asarray((self.features[start:stop] - self.shift) @ self.turn)

    def back(self) -> Floats:
        """(width + 1, width): weights u to coefficients, and to what is taken from the intercept."""
        return np.vstack([self.turn, self.shift @ self.turn])


def check_features(features: Floats, columns: Sequence[str]) -> None:
    """Raises CT-3027 (missing), CT-3028 (infinite), CT-3051 (constant), naming the column."""
    for j, name in enumerate(columns):
        column = features[:, j]
        if np.isnan(column).any():
            raise NULLS_LEFT(f"'{name}'")
        if not np.isfinite(column).all():
            raise NOT_FINITE(f"'{name}'")
        if column.min() == column.max():
            raise CONSTANT_FEATURE(f"'{name}'")


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


def prepare(features: Floats, design: Design) -> Block:
    """The owner's part of the problem, within the design's bounds."""
    width = features.shape[1]
    if not design.whitened:
        turn = np.eye(width) * design.scale
        return Block(features, np.zeros(width), turn, np.full(width, design.penalty))
    shift = features.mean(axis=0)
    covariance = features.T @ features / len(features) - np.outer(shift, shift)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0.0)
    floor = FLOOR
    while True:
        spread = values + 4 * design.params.l2 + floor
        turn = design.scale * vectors / np.sqrt(spread)
        factor = design.scale**2 * design.rows * 2.0**-design.halvings
        block = Block(features, shift, turn, factor * design.params.l2 / spread)
        if _fits(block, design):
            return block
        floor *= 2


def _fits(block: Block, design: Design) -> bool:
    """Whether every scaled feature and row sum keeps its bound, with room for rounding."""
    width = block.features.shape[1]
    row_sum = min(64.0 + 4 * width, width * CAP)
    if np.abs(block.back()).max() > 0.99 * design.back_bound:
        return False
    for rows in _blocks(block):
        magnitudes = np.abs(rows)
        if magnitudes.max() > 0.99 * CAP or magnitudes.sum(axis=1).max() > 0.99 * row_sum:
            return False
    return True


def _blocks(block: Block) -> Iterator[Floats]:
    for first in range(0, len(block.features), _ROWS):
        yield block.rows(first, first + _ROWS)
