"""What an owner does with its own columns before training, alone: check them, decorrelate them, scale them.

Nothing of it leaves the owner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.errors import ONE_CLASS
from coterie.learn.linear import Floats, moments, turned
from coterie.learn.logistic.design import CAP, FLOOR, Design, whitened_row_sum
from coterie.mpc import RowBlocks


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
        given, shift, turn = self.features, self.shift, self.turn
        return RowBlocks(given.shape, lambda start, stop: turned(given.rows(start, stop) - shift, turn))

    def back(self) -> Floats:
        """(width + 1, width): weights u to coefficients, and to what is taken from the intercept."""
        return np.vstack([self.turn, self.shift @ self.turn])


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
    """The owner's part of the problem, within the design's bounds. Errors: CT-3027, CT-3028, CT-3051."""
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
