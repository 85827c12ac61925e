"""The training in float64: the reference for every other engine, step by step the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from coterie.learn.glm.design import Design
from coterie.learn.glm.families import family_of
from coterie.learn.glm.preparation import Block, Label
from coterie.learn.glm.solve import inverse, lasso_step, newton_step, shrink
from coterie.learn.glm.statistics import FREE_DISPERSION, LabelFacts, Sums
from coterie.learn.linear import Floats

__all__ = ["Fitted", "Problem", "back_of", "constants", "fit", "given_units", "predictor", "stops", "sums"]


@dataclass(frozen=True)
class Problem:
    """All parties' parts of a training, at one place."""

    blocks: Sequence[Block]
    label: Label
    weights: Floats
    """(rows,), of mean 1: row weights times class weights."""
    offset: Floats
    """(rows,): what is added to the predictor, the label's unit included where nothing else can take it over.
    """
    design: Design

    def features(self) -> Floats:
        """(rows, size): F and the constant column."""
        parts = [block.scaled().whole() for block in self.blocks]
        if self.design.params.intercept:
            parts.append(np.ones((self.design.rows, 1)))
        return np.hstack(parts)

    def penalties(self) -> tuple[Floats, Floats]:
        """(size,) each: of squares and of magnitudes."""
        free = np.zeros(self.design.size - self.design.width)
        ridge = [*(block.ridge for block in self.blocks), free]
        lasso = [*(block.lasso for block in self.blocks), free]
        return np.concatenate(ridge), np.concatenate(lasso)


@dataclass(frozen=True)
class Fitted:
    """What a training finds, on its own scale."""

    weights: Floats
    """w, (size,)."""
    losses: list[float] = field(default_factory=list)
    """The objective's loss part after each segment, where somebody looks."""


def fit(problem: Problem) -> Fitted:
    """Train. Stops early where the parameters say so."""
    design = problem.design
    features = problem.features()
    weights = np.zeros(design.size)
    if design.params.intercept:
        weights[-1] = problem.label.start
    train = _newton if design.params.solver == "newton" else _minibatch
    state = (weights, np.zeros(design.size))
    losses: list[float] = []
    for first, end in design.segments:
        for step in range(first, end):
            state = train(problem, features, state, step)
        if design.params.loss_every:
            losses.append(_loss(problem, features, state[0]))
            if stops(losses, design.params.tolerance):
                break
    return Fitted(state[0], losses)


def stops(losses: Sequence[float], tolerance: float | None) -> bool:
    """Whether the last loss says that more steps are not worth it."""
    if tolerance is None or len(losses) < 2:
        return False
    before, now = losses[-2:]
    return before - now < tolerance * abs(before)


def _newton(
    problem: Problem, features: Floats, state: tuple[Floats, Floats], step: int
) -> tuple[Floats, Floats]:
    """One iteration on weights and multipliers."""
    design, family, (weights, multipliers) = problem.design, family_of(problem.design.params), state
    y, ridge, lasso = problem.label.values, *problem.penalties()
    eta = features @ weights + problem.offset
    a, b = family.pulls(eta, y)
    gradient = _mean(features.T @ (problem.weights * (a - b)), design) + design.share * ridge * weights
    second = family.balanced(eta, y) if design.careful(step) else family.curvature(eta, y)
    first, end = design.pieces[0]
    rows = slice(first, end)
    curved = features[rows].T @ (features[rows] * (problem.weights * second)[rows, None])
    hessian = _mean(curved * design.hessian_share, design) + np.diag(design.share * ridge)
    if design.whitened:
        return weights + newton_step(hessian, gradient, design), multipliers
    return lasso_step(hessian, gradient, weights, design.share * lasso, multipliers, design)


def _minibatch(
    problem: Problem, features: Floats, state: tuple[Floats, Floats], step: int
) -> tuple[Floats, Floats]:
    """One batch on weights and velocity."""
    design, family, (weights, velocity) = problem.design, family_of(problem.design.params), state
    (ridge, lasso), rate = problem.penalties(), design.rate(step)
    first, end = design.pieces[step % len(design.pieces)]
    rows = slice(first, end)
    a, b = family.pulls(features[rows] @ weights + problem.offset[rows], problem.label.values[rows])
    gradient = features[rows].T @ (problem.weights[rows] * (a - b)) / (end - first) + ridge * weights
    velocity = design.momentum * velocity - rate * gradient
    weights = weights + velocity
    return (weights if design.whitened else shrink(weights, rate * lasso)), velocity


def constants(label: Label, offset: Floats, design: Design) -> Floats:
    """(rows,): what is added to the predictor of training.

    The linear family's label holder has subtracted the offset. A label's unit is the intercept's to take
    over; without an intercept it is here.
    """
    params = design.params
    if params.family == "linear":
        return np.zeros_like(offset)
    unit = 0.0 if params.intercept or not params.log_link else label.exponent * np.log(2.0)
    return np.asarray(offset - unit)


def _mean(total: Floats, design: Design) -> Floats:
    return np.asarray(np.ldexp(total, -design.halvings))


def _loss(problem: Problem, features: Floats, weights: Floats) -> float:
    """Weighted mean over the rows of how far losses are above their best: half the mean deviance."""
    family, y = family_of(problem.design.params), problem.label.values
    each = family.loss(features @ weights + problem.offset, y) - family.best_loss(y)
    return float(np.mean(problem.weights * each))


def predictor(problem: Problem, fitted: Fitted) -> Floats:
    """(rows,) η on the scale of training."""
    return problem.features() @ fitted.weights + problem.offset


def sums(problem: Problem, fitted: Fitted, label: LabelFacts, weight: float) -> Sums:
    """What statistics are made of.

    :param label: what the label holder tells. :param weight: mean of the row weights as given.
    """
    features, family = problem.features(), family_of(problem.design.params)
    eta, y = predictor(problem, fitted), problem.label.values
    hessian = _mean(features.T @ (features * (problem.weights * family.fisher(eta))[:, None]), problem.design)
    covariance, residual = inverse(hessian, problem.design)
    back = back_of(problem)
    return Sums(
        variances=np.einsum("ij,jk,ik->i", back, covariance, back),
        residual=residual,
        deviance=float(np.mean(problem.weights * (family.loss(eta, y) - family.best_loss(y)))),
        pearson=float(np.mean(problem.weights * family.pearson(eta, y)))
        if family.name in FREE_DISPERSION
        else None,
        label=label,
        weight=weight,
    )


def back_of(problem: Problem) -> Floats:
    """(size, size): weights to coefficients and intercept."""
    design = problem.design
    result = np.zeros((design.size, design.size))
    first = 0
    for block in problem.blocks:
        end = first + len(block.shift)
        result[first:end, first:end] = block.turn
        if design.params.intercept:
            result[-1, first:end] = -block.shift @ block.turn
        first = end
    if design.params.intercept:
        result[-1, -1] = 1.0
    return result


def given_units(problem: Problem, fitted: Fitted, centre: float) -> tuple[Floats, float]:
    """Coefficients in model order and the intercept, of the columns and the label as they are.

    :param centre: what was taken off the offset.
    """
    values = back_of(problem) @ fitted.weights
    design, label = problem.design, problem.label
    if not design.params.intercept:
        return np.ldexp(values, label.exponent if design.params.family == "linear" else 0), 0.0
    coefficients, intercept = values[:-1], float(values[-1])
    if design.params.family == "linear":
        unit = 2.0**label.exponent
        return coefficients * unit, (intercept + label.location) * unit - centre
    logarithm = label.exponent * np.log(2.0) if design.params.log_link else 0.0
    return coefficients, intercept + float(logarithm) - centre
