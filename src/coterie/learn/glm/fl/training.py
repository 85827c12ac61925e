"""Newton's iterations over totals: every contributor takes the same steps, and all know every coefficient.

Two totals of different kinds: one of moments, from which the scale of training is made, then one for each
iteration with gradient, curvatures and losses together. Whoever could end training or shorten a step decides
by totals alone, which are equal to the last bit everywhere, so that nobody waits for a total that others do
not begin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from coterie.fl import EXACT
from coterie.learn.glm import clear
from coterie.learn.glm.design import Design
from coterie.learn.glm.fl.rows import LABEL_SUMS, Rows, checked, first_sums
from coterie.learn.glm.fl.scale import Scale, problem_of, scale_of
from coterie.learn.glm.fl.totals import Point, Told, sums_at
from coterie.learn.glm.statistics import FREE_DISPERSION, LabelFacts, Sums
from coterie.learn.linear import Floats
from coterie.learn.pooled import DIGITS, TOO_FEW_BESIDE, Adding, wide_total

__all__ = ["MOMENTS", "STEP", "Optimum", "Training", "first_values", "train"]

MOMENTS = (
    "the sum over all rows of each feature, of its square, and of the label and row weights; the number of "
    "rows with each label value where there are two"
)
STEP = (
    "the sum over all rows of the gradient, of the matrix of curvatures, and of the loss, of each iteration: "
    "with them the coefficients of each iteration, the last ones included"
)

GRADIENT = 1e-8
"""A mean gradient that small on the scale of training, and one step more: the optimum to float64's limits, as
steps square the distance."""
CHANGE = 1e-6
"""The same for the change of weights, where a penalty of magnitudes makes no gradient vanish."""
DAMPING = 1e-10
"""Of the mean curvature: keeps the system of features that depend on each other solvable."""
SWEEPS = 1000
"""Of coordinate descent within a step, at most."""


@dataclass(frozen=True)
class Training:
    """What all contributors have at the end."""

    coefficients: Floats
    intercept: float
    losses: tuple[float, ...]
    """Mean loss at each look that the parameters ask for."""
    sums: Sums | None
    """What statistics are made of, where they are asked for."""
    totals: int
    """How many there were."""
    converged: bool
    end: Optimum


@dataclass(frozen=True)
class Optimum:
    """Where a training ended, on its own scale; equal at all contributors."""

    design: Design
    """With the number of rows of who was there."""
    scale: Scale
    weights: Floats
    """(size,)."""

    @property
    def null_intercept(self) -> float:
        """Of the model without features, in the units of the label; 0 where there is no intercept."""
        params, scale = self.design.params, self.scale
        if not params.intercept:
            return 0.0
        if params.family == "linear":
            return math.ldexp(scale.null + scale.location, scale.exponent)
        return scale.null + (scale.exponent * math.log(2.0) if params.log_link else 0.0)


def first_values(design: Design) -> int:
    """Numbers of the total of moments."""
    return DIGITS * (2 * design.width + LABEL_SUMS)


def train(
    adding: Adding,
    rows: Rows,
    design: Design,
    columns: Sequence[str],
    least: int = 0,
    counted: Callable[[], tuple[str, ...]] = tuple,
) -> Training:
    """Train over the rows of all contributors, each of whom calls it.

    :param design: with the number of all rows.
    :param columns: names of the features.
    :param least: fewest rows with each label value that all other contributors must have together.
    :param counted: whose values are in the last total, where some may drop out.

    Errors: those of ``checked`` and ``scale_of``; CT-3235.
    """
    rows = checked(rows, columns, design.params)
    told = wide_total(adding, MOMENTS, first_sums(rows, design.params))
    # Of who was there, as every total has its own number of rows.
    design = replace(design, rows=max(1, round(float(told[-1]))))
    scale = scale_of(told, design, columns)
    enough_labels(rows, scale, design, least)
    problem = problem_of(rows, scale, design)
    steps = _Steps(adding, problem, scale, counted)
    steps.run()
    end = design if steps.best is None else replace(design, rows=steps.best.rows)
    coefficients, intercept = clear.given_units(problem, clear.Fitted(steps.weights), 0.0)
    return Training(
        coefficients=coefficients,
        intercept=intercept,
        losses=tuple(steps.losses),
        sums=_sums(problem, scale, steps.best, rows, end) if design.params.statistics else None,
        totals=steps.looks + 1,
        converged=steps.converged,
        end=Optimum(end, scale, steps.weights),
    )


def enough_labels(rows: Rows, scale: Scale, design: Design, least: int) -> None:
    """Raises CT-3235 where a contributor could tell a few of the others' rows by their label."""
    if design.params.family != "logistic":
        return
    own = float((rows.label > 0).sum())
    others = (scale.labelled[0] - (len(rows.label) - own), scale.labelled[1] - own)
    if min(others) < least:
        raise TOO_FEW_BESIDE(f"fewer than {least} rows with one of the label values")


class _Steps:
    """The state of a training between totals."""

    def __init__(
        self,
        adding: Adding,
        problem: clear.Problem,
        scale: Scale,
        counted: Callable[[], tuple[str, ...]],
    ) -> None:
        self._adding, self._problem, self._design = adding, problem, problem.design
        self._counted = counted
        self._of: tuple[str, ...] = ()
        """Whose rows the best total is of."""
        self._since = 0
        """The first loss that is of these."""
        self.weights: Floats = np.zeros(self._design.size)
        if self._design.params.intercept:
            self.weights[-1] = scale.null
        self._null = scale.null
        self._accepted: Floats = self.weights
        self.best: Told | None = None
        self._last: Told | None = None
        self._taken = 0
        self.losses: list[float] = []
        self.looks = 0
        self.converged = False

    def run(self) -> None:
        """Iterate until the optimum is met, the loss falls no more, or the agreed number is used up."""
        while self.looks < self._design.steps and not self.converged:
            careful = self._design.careful(self._taken)
            change = float(np.abs(self.weights - self._accepted).max())
            told = self._told(Point(self.weights, self._null, careful, change))
            if self._worse(told):
                self.weights = (self.weights + self._accepted) / 2
                continue
            self.best, self._accepted = told, self.weights
            if self._of != self._counted():
                self._of, self._since = self._counted(), len(self.losses)
            self.converged = self._arrived(told, careful) or self._looked(told)
            self.weights = self._accepted + self._step(told)
            self._null -= told.null_step
            self._taken += 1
        if self._last is not self.best:  # which was worse
            self.weights = self._accepted

    def _worse(self, told: Told) -> bool:
        """Than the best so far; of other parties' rows, as many or not, nothing is better or worse."""
        if self.best is None or self._of != self._counted():
            return False
        return told.objective > self.best.objective * (1 + 1e-10) + 1e-15

    def _told(self, point: Point) -> Told:
        self.looks += 1
        told = Told.of(self._adding(STEP, sums_at(self._problem, point), EXACT), self._design)
        self._last = told
        return told

    def _arrived(self, told: Told, careful: bool) -> bool:
        """Whether one more step is the last that changes anything. By totals alone."""
        if careful and self._design.params.family != "linear":
            return False
        if self._design.params.l1:
            return self._taken > 0 and told.change <= CHANGE
        return float(np.abs(told.gradient).max()) <= GRADIENT

    def _looked(self, told: Told) -> bool:
        """Keep the loss where it is asked for; whether it says that more steps are not worth it."""
        every = self._design.params.loss_every
        if not every or not self._taken or self._taken % every:
            return False
        self.losses.append(told.loss)
        return clear.stops(self.losses[self._since :], self._design.params.tolerance)

    def _step(self, told: Told) -> Floats:
        design = self._design
        ridge, lasso = self._problem.penalties()
        share = math.ldexp(told.rows, -design.halvings)
        hessian = told.hessian + np.diag(share * ridge)
        if design.params.l1:
            return _descended(hessian, told.gradient, self._accepted, share * lasso)
        scale = 1 / np.sqrt(np.maximum(np.diag(hessian), 1e-300))
        equal = hessian * np.outer(scale, scale) + DAMPING * np.eye(len(scale))
        return np.asarray(-scale * np.linalg.solve(equal, scale * told.gradient))


def _descended(hessian: Floats, gradient: Floats, weights: Floats, lasso: Floats) -> Floats:
    """The step to the minimum of the quadratic model and the penalty of magnitudes, by coordinate descent."""
    curvatures = np.diag(hessian) * (1 + DAMPING)
    moved, slope = weights.copy(), gradient.copy()
    for _ in range(SWEEPS):
        largest = 0.0
        for j in np.flatnonzero(curvatures > 0).tolist():
            target = moved[j] - slope[j] / curvatures[j]
            threshold = lasso[j] / curvatures[j]
            change = math.copysign(max(abs(target) - threshold, 0.0), target) - moved[j]
            if change:
                slope += hessian[j] * change
                moved[j] += change
                largest = max(largest, abs(change))
        if largest < 1e-14:
            break
    return np.asarray(moved - weights)


def _sums(problem: clear.Problem, scale: Scale, told: Told | None, rows: Rows, end: Design) -> Sums | None:
    """What statistics are made of, at the last point that was looked at. :param end: with the rows there."""
    if told is None:
        return None
    design, params = problem.design, problem.design.params
    fisher = np.ldexp(told.fisher, design.halvings - end.halvings)
    try:
        covariance = np.linalg.inv(fisher)
        residual = float(np.linalg.norm(np.eye(design.size) - fisher @ covariance))
    except np.linalg.LinAlgError:
        covariance, residual = np.zeros_like(fisher), math.inf
    back = clear.back_of(problem)
    closed = params.family == "logistic" or (params.family != "tweedie" and rows.weights is None)
    return Sums(
        variances=np.einsum("ij,jk,ik->i", back, covariance, back),
        residual=residual,
        deviance=told.loss,
        pearson=told.pearson if params.family in FREE_DISPERSION else None,
        label=LabelFacts(scale.exponent, told.null_loss, scale.constant if closed else None),
        weight=scale.weight,
    )
