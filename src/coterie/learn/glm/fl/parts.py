"""What one contributor's rows did for an optimum, and what losses are along the way to it.

At the optimum w of a training the sum of all gradients is zero, and Newton's step from any start w0 is the
solution of least squares [Green 1984, iteratively reweighted least squares]: with H the sum of the curvatures
H_i and of the penalty's, and g_i the gradients, all at w,

    w - w0 = H^-1 sum_i (H_i (w - w0) - g_i)

whose terms are the contributors' parts of the way from w0. Without contributor i, one step of Newton's on
what is left goes from w to w + (H - H_i)^-1 g_i [Pregibon 1981; Koh and Liang 2017, of single rows].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ldexp, log

import numpy as np

from coterie.learn.glm.families import family_of
from coterie.learn.glm.fl.rows import Rows
from coterie.learn.glm.fl.scale import problem_of
from coterie.learn.glm.fl.totals import Point, sums_at, whole
from coterie.learn.glm.fl.training import Optimum
from coterie.learn.linear import Floats, gram

__all__ = ["Losses", "Parts", "losses_at", "start_of", "unit_of"]

DAMPING = 1e-10
"""Of the mean curvature, as in training: keeps systems of features that depend on each other solvable."""
LEFT = 1e-9
"""Of a curvature: less is rounding."""


@dataclass(frozen=True)
class Parts:
    """What contributors tell of an optimum: of one, or the sum over all."""

    curvature: Floats
    """(size, size), of the loss."""
    gradient: Floats
    """(size,), of the loss and of the squares' penalty."""
    rows: float

    @staticmethod
    def count(size: int) -> int:
        """Numbers of :meth:`packed`."""
        return size * (size + 1) // 2 + size + 1

    @staticmethod
    def of(end: Optimum, rows: Rows) -> Parts:
        """Of a contributor's training rows."""
        size = end.design.size
        values = sums_at(
            problem_of(rows, end.scale, end.design), Point(end.weights, end.scale.null, False, 0)
        )
        corner = values[size : size + size * (size + 1) // 2]
        return Parts(whole(corner, size), values[:size], float(len(rows.label)))

    def packed(self) -> Floats:
        """As they are summed."""
        corner = self.curvature[np.triu_indices(len(self.gradient))]
        return np.concatenate([corner, self.gradient, [self.rows]])

    @staticmethod
    def unpacked(values: Floats, size: int) -> Parts:
        """Of a total."""
        return Parts(whole(values[: -size - 1], size), values[-size - 1 : -1], float(values[-1]))

    def share(self, end: Optimum, everybody: Parts, start: Floats) -> Floats:
        """(size,) this contributor's part of the way to the optimum from ``start``."""
        way, (ridge, lasso) = end.weights - start, _penalties(end)
        # A penalty pulls at every row alike. Weights that the penalty of magnitudes holds at nought stay.
        pull = self.gradient + self.rows * lasso * np.sign(end.weights)
        pushed = (self.curvature + self.rows * np.diag(ridge)) @ way - pull
        return _solved(everybody.curvature + everybody.rows * np.diag(ridge), pushed, _free(end))

    def away(self, end: Optimum, everybody: Parts) -> Floats | None:
        """(size,) how the optimum would move without this contributor's rows, to first order in the move;
        None where the others' rows say nothing of a coefficient."""
        ridge, lasso = _penalties(end)
        rest = everybody.curvature - self.curvature + (everybody.rows - self.rows) * np.diag(ridge)
        if (np.diag(rest) <= LEFT * np.diag(everybody.curvature))[_free(end)].any():
            return None
        pull = self.gradient + self.rows * lasso * np.sign(end.weights)
        return _solved(rest, pull, _free(end))


@dataclass(frozen=True)
class Losses:
    """Of a contributor's rows at some weights: sums of the deviance's halves, on the scale of training."""

    loss: float
    gradient: Floats
    """(size,)."""
    curvature: Floats
    """(size, size)."""


def losses_at(end: Optimum, rows: Rows, weights: Floats) -> Losses:
    """Rows count alike, whatever they weighed in training."""
    problem = problem_of(rows, end.scale, end.design)
    family, size = family_of(end.design.params), end.design.size
    loss, gradient, curvature = 0.0, np.zeros(size), np.zeros((size, size))
    for start, scaled in problem.blocks[0].scaled().blocks():
        here = slice(start, start + len(scaled))
        y, offset = problem.label.values[here], problem.offset[here]
        block = np.column_stack([scaled, np.ones(len(scaled))]) if end.design.params.intercept else scaled
        eta = block @ weights + offset
        above, below = family.pulls(eta, y)
        loss += float(np.sum(family.loss(eta, y) - family.best_loss(y)))
        gradient += block.T @ (above - below)
        curvature += gram(block * np.sqrt(family.curvature(eta, y))[:, None])
    return Losses(loss, gradient, curvature)


def start_of(end: Optimum, intercept: float) -> Floats:
    """(size,) the weights of a model without features.

    :param intercept: its own, in the units of the label.
    """
    start, params, scale = np.zeros(end.design.size), end.design.params, end.scale
    if params.intercept and params.family == "linear":
        start[-1] = ldexp(intercept, -scale.exponent) - scale.location
    elif params.intercept:
        start[-1] = intercept - (scale.exponent * log(2.0) if params.log_link else 0.0)
    return start


def unit_of(end: Optimum) -> float:
    """The measure of one :attr:`Losses.loss`: log-losses of classes, else deviances in the label's unit."""
    params = end.design.params
    return (
        1.0
        if params.family == "logistic"
        else 2 * ldexp(1.0, 2 * end.scale.exponent) ** (1 - params.variance_power / 2)
    )


def _penalties(end: Optimum) -> tuple[Floats, Floats]:
    """(size,) each, for a row: of squares and of magnitudes."""
    params, unit = end.design.params, end.scale.unit
    free = np.zeros(end.design.size - end.design.width)
    ridge, lasso = params.l2 * unit * unit, params.l1 * unit
    return np.concatenate([ridge, free]), np.concatenate([lasso, free])


def _free(end: Optimum) -> np.ndarray:
    """(size,) the weights that may move."""
    if not end.design.params.l1:
        return np.ones(end.design.size, bool)
    free = end.weights != 0
    free[end.design.width :] = True
    return np.asarray(free)


def _solved(matrix: Floats, right: Floats, free: np.ndarray) -> Floats:
    result = np.zeros_like(right)
    inner = matrix[np.ix_(free, free)]
    scale = 1 / np.sqrt(np.maximum(np.diag(inner), 1e-300))
    equal = inner * np.outer(scale, scale) + DAMPING * np.eye(len(scale))
    result[free] = scale * np.linalg.solve(equal, scale * right[free])
    return result
