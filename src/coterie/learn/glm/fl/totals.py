"""What each iteration tells: sums over a contributor's rows at the present coefficients, as one vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coterie.learn.glm import clear
from coterie.learn.glm.design import Design
from coterie.learn.glm.families import family_of
from coterie.learn.linear import Floats, gram

__all__ = ["Point", "Told", "sums_at", "values_of", "whole"]

SCALARS = 8


@dataclass(frozen=True)
class Point:
    """Where an iteration looks."""

    weights: Floats
    """(size,), on the scale of training."""
    null: float
    """The constant of the model without features."""
    careful: bool
    """Whether curvatures are those that no outlier makes overshoot."""
    change: float
    """Largest change of a weight since the last accepted point, as this contributor computes it."""


@dataclass(frozen=True)
class Told:
    """Of an iteration, over all rows; matrices and gradients as 2^−L times the sum, the rest as means."""

    gradient: Floats
    """(size,), of the loss and of the squares' penalty."""
    hessian: Floats
    """(size, size), of the loss."""
    fisher: Floats
    """(size, size), expected; what standard errors are made of."""
    loss: float
    penalty: float
    pearson: float
    null_loss: float
    null_step: float
    """Newton's, for the constant of the model without features."""
    change: float
    rows: int
    """Of those whose sums are in it."""

    @property
    def objective(self) -> float:
        return self.loss + self.penalty

    @staticmethod
    def of(values: Floats, design: Design) -> Told:
        """Of the total of an iteration."""
        size, corner = design.size, _corner(design.size)
        gradient, hessian, rest = values[:size], values[size : size + corner], values[size + corner :]
        fisher = rest[:corner] if _apart(design) else hessian
        rows = max(1, round(float(rest[-1])))
        loss, penalty, pearson, null_loss, slope, curvature, change, _ = rest[-SCALARS:] / rows
        return Told(
            gradient=np.ldexp(gradient, -design.halvings),
            hessian=whole(np.ldexp(hessian, -design.halvings), size),
            fisher=whole(np.ldexp(fisher, -design.halvings), size),
            loss=float(loss),
            penalty=float(penalty),
            pearson=float(pearson),
            null_loss=float(null_loss),
            null_step=float(slope / curvature) if curvature > 0 else 0.0,
            change=float(change),
            rows=rows,
        )


def values_of(design: Design) -> int:
    """Numbers of an iteration's total."""
    return design.size + (1 + _apart(design)) * _corner(design.size) + SCALARS


def _corner(size: int) -> int:
    return size * (size + 1) // 2


def _apart(design: Design) -> bool:
    """Whether expected curvatures are other ones than those that steps are made of."""
    return design.params.statistics and design.params.family in ("gamma", "tweedie")


def whole(corner: Floats, size: int) -> Floats:
    """The symmetric matrix of its upper corner, row by row."""
    result = np.zeros((size, size))
    result[np.triu_indices(size)] = corner
    return result + np.triu(result, 1).T


def sums_at(problem: clear.Problem, point: Point) -> Floats:
    """(values,): what this contributor adds to the total."""
    design, family, label = problem.design, family_of(problem.design.params), problem.label.values
    size, rows = design.size, len(label)
    gradient, scalars = np.zeros(size), np.zeros(SCALARS)
    hessian, fisher = np.zeros((size, size)), np.zeros((size, size))
    for start, scaled in problem.blocks[0].scaled().blocks():
        here = slice(start, start + len(scaled))
        y, weights, offset = label[here], problem.weights[here], problem.offset[here]
        block = np.column_stack([scaled, np.ones(len(scaled))]) if design.params.intercept else scaled
        eta = block @ point.weights + offset
        a, b = family.pulls(eta, y)
        gradient += block.T @ (weights * (a - b))
        second = family.balanced(eta, y) if point.careful else family.curvature(eta, y)
        hessian += gram(block * np.sqrt(weights * second)[:, None])
        if _apart(design):
            fisher += gram(block * np.sqrt(weights * family.fisher(eta))[:, None])
        best = family.best_loss(y)
        plain = _without_unit(problem, offset) + point.null
        above, below = family.pulls(plain, y)
        scalars += [
            float(np.sum(weights * (family.loss(eta, y) - best))),
            0.0,
            float(np.sum(weights * family.pearson(eta, y))) if design.params.statistics else 0.0,
            float(np.sum(weights * (family.loss(plain, y) - best))),
            float(np.sum(weights * (above - below))),
            float(np.sum(weights * family.fisher(plain))),
            0.0,
            0.0,
        ]
    ridge, lasso = problem.penalties()
    gradient += rows * ridge * point.weights
    penalties = ridge * point.weights**2 / 2 + lasso * np.abs(point.weights)
    scalars[1], scalars[-2:] = rows * penalties.sum(), (rows * point.change, rows)
    corner = np.triu_indices(size)
    curved = [hessian[corner], fisher[corner]] if _apart(design) else [hessian[corner]]
    return np.concatenate([gradient, *curved, scalars])


def _without_unit(problem: clear.Problem, offset: Floats) -> Floats:
    """Offsets of the model without features, whose constant takes over the label's unit."""
    params = problem.design.params
    unit = not params.intercept and params.log_link
    return offset + (problem.label.exponent * np.log(2.0) if unit else 0.0)
