"""Training on hidden rows: membership is the weight of a row, a shared 0 or 1.

The rows are the holder's, among empty ones. Its columns are its own plaintext, the other party's are shares,
of 0 where a row is not common; both in units of their owners' whole datasets. With c the shared number of
common rows, and s the shared mean of the sum of squares of their features,

    v_t = u_t + β_t (u_t − u_{t−1});   u_{t+1} = v_t − η (Xᵀ (m ∘ (σ(X v_t) − y)) / c + l2 v_t),
    η = 4 / (s + 1 + 4 l2)

so that the minimum is that of the common rows alone, and the step never overshoots: the curvature is at most
a quarter of s + 1, the trace of XᵀX / c. 1/c and η are shares, made once. Momentum and bounds of weights are
those of :mod:`coterie.learn.logistic.design`.

Openings of the shared columns and of membership are made once; a pass opens two numbers a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.data import HiddenRows
from coterie.learn.align import CLIP, FRAC
from coterie.learn.errors import ONE_CLASS
from coterie.learn.logistic.design import (
    BETA_FRAC,
    LABEL_FRAC,
    LARGEST_ERROR,
    MOMENTUM_LIMIT,
    TERMS,
    WEIGHT_FRAC,
)
from coterie.learn.logistic.hidden_model import OWN, SHARED, logits
from coterie.learn.logistic.params import LogisticParams
from coterie.mpc import Context, Inputs, Interval, Kept, Private, Program, Secret, functions

__all__ = ["COEFFICIENTS", "MODEL", "Rows", "inputs", "training"]

COEFFICIENTS = "coefficients"
MODEL = "model"
MEMBER, SQUARES, LABEL, START = "member", "squares", "label", "start"
RING = 61
"""Bits of the largest product."""
RATE_FRAC = 16
SQUARE_BITS = 10
INVERSE_BITS = 10
"""Significant ones of 1/c: an error of it is one of the step, and of l2 in the same measure."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """What is public of the rows, and the parameters."""

    holder: str
    other: str
    bins: int
    own: int
    """Columns of the holder."""
    others: int
    """Columns of the other party."""
    least: int
    most: int
    params: LogisticParams

    @property
    def width(self) -> int:
        return self.own + self.others

    @property
    def gradient_bound(self) -> float:
        """Of a sum over the common rows, the only ones that are not 0 in it."""
        return CLIP * LARGEST_ERROR * self.most

    @property
    def label_frac(self) -> int:
        return min(LABEL_FRAC, RING - FRAC - math.ceil(math.log2(self.gradient_bound)))

    @property
    def inverse_frac(self) -> int:
        return math.ceil(math.log2(self.most)) + INVERSE_BITS

    def sum_frac(self, bound: float, wanted: int) -> int:
        """What fits of a sum of that bound, times 1/c."""
        inverse = self.inverse_frac - math.floor(math.log2(self.least))
        return max(0, min(wanted, RING - math.ceil(math.log2(bound)) - inverse))

    @property
    def reach(self) -> float:
        """What one step adds to a weight in the end, at most: see ``Design.weight_bound``. η is up to 4."""
        return 4 * 1.01 * CLIP * LARGEST_ERROR / (1 - MOMENTUM_LIMIT)

    @property
    def weight_bound(self) -> float:
        """After all passes."""
        return self.start_bound + self.params.passes * self.reach

    @property
    def start_bound(self) -> float:
        return 0.8 * self.params.max_logit if self.params.intercept else 0.0


def inputs(rows: Rows, hidden: HiddenRows, own: Floats | None, labels: NDArray[np.int8] | None) -> Inputs:
    """A party's part.

    :param own: (bins, own) at the holder, prepared; 0 in empty bins.
    :param labels: (bins,) at the holder; -1 in empty bins.

    Errors: CT-3016 where all labels of the holder are equal.
    """
    given: Inputs = {MEMBER: Kept(hidden.member, 0, Interval(0, 1))}
    if rows.others:
        given = {**given, SHARED: Kept(hidden.columns, FRAC, Interval(-CLIP, CLIP))}
    if own is not None and rows.own:
        given = {**given, OWN: own, SQUARES: (own**2).sum(axis=1, keepdims=True)}
    if labels is not None:
        known = labels[labels >= 0]
        rate = float(known.mean()) if len(known) else 0.0
        if not 0 < rate < 1:
            raise ONE_CLASS("of the holder's rows")
        given = {**given, LABEL: np.maximum(labels, 0).astype(np.float64)}
        if rows.params.intercept:
            odds = math.log(rate / (1 - rate))
            given = {**given, START: np.array([np.clip(odds, -rows.start_bound, rows.start_bound)])}
    return given


def training(rows: Rows, to: Sequence[str]) -> Program:
    """Trains, keeps the coefficients, and tells them to ``to``: the holder's, the other party's, and the
    intercept."""

    def program(ctx: Context) -> None:
        _Training(ctx, rows).run(tuple(to))

    return program


class _Training:
    """The program's state."""

    def __init__(self, ctx: Context, rows: Rows) -> None:
        self.ctx, self.rows = ctx, rows
        self.own: Private | None = None
        self.shared: Secret | None = None
        self.member = ctx.shared(MEMBER, (rows.bins,), (0, 1), 0)
        opened = [self.member]
        if rows.others:
            self.shared = ctx.shared(SHARED, (rows.bins, rows.others), CLIP, FRAC)
            opened.append(self.shared)
        if rows.own:
            self.own = ctx.private(OWN, rows.holder, (rows.bins, rows.own), CLIP, FRAC)
        self.label = ctx.private(LABEL, rows.holder, (rows.bins,), 1.0, rows.label_frac)
        self.weights = ctx.zeros((rows.width,), WEIGHT_FRAC)
        if rows.params.intercept:
            begin = ctx.private(START, rows.holder, (1,), rows.start_bound, WEIGHT_FRAC)
            self.weights = functions.concatenate([self.weights, ctx.zeros((1,), WEIGHT_FRAC) + begin])
        self.velocity: Secret | None = None
        ctx.open(*opened)
        with ctx.section("step"):
            self._scale()

    def _scale(self) -> None:
        """1/c and η."""
        ctx, rows = self.ctx, self.rows
        # As `align` has found on shares, or ended the job.
        count = ctx.within(self.member.sum(), (rows.least, rows.most))
        self.inverse = functions.reciprocal(count, frac=rows.inverse_frac)
        total: Secret | None = None
        bound = CLIP**2 * rows.width * rows.most
        if self.own is not None:
            squares = ctx.private(SQUARES, rows.holder, (rows.bins, 1), CLIP**2 * rows.own, FRAC)
            pairs = [(squares, self.member)]
            total = ctx.private_product("matmul_t", pairs, CLIP**2 * rows.own * rows.most)
            total = ctx.truncate(total, frac=rows.sum_frac(bound, SQUARE_BITS))[0]
        if self.shared is not None:
            sums = ctx.within(functions.square(self.shared).sum(axis=0), CLIP**2 * rows.most)
            other = ctx.truncate(sums.sum().reshape(1), frac=rows.sum_frac(bound, SQUARE_BITS))[0]
            total = other if total is None else total + other
        assert total is not None  # there are columns
        mean = ctx.product("multiply", total, self.inverse.reshape(1))
        (mean,) = ctx.truncate(mean, frac=RATE_FRAC)
        # Squares are not negative, but for rounding; half of what is added is left in any case.
        least = 1 + 4 * rows.params.l2
        trace = ctx.within(mean + least, (least / 2, CLIP**2 * rows.width * 1.01 + least))
        self.rate = functions.reciprocal(trace, frac=RATE_FRAC + 2).ldexp(2)

    def run(self, to: tuple[str, ...]) -> None:
        passes = self.rows.params.passes
        for number in range(passes):
            with self.ctx.section(f"pass {number + 1} of {passes}"):
                self._pass(number)
        self.ctx.check()
        self.ctx.keep(self.weights, MODEL)
        if to:
            self.ctx.reveal(self.weights, to, COEFFICIENTS)

    def _pass(self, number: int) -> None:
        ctx, rows, params = self.ctx, self.rows, self.rows.params
        sixteenths = min(16 * number // (number + 3), round(16 * MOMENTUM_LIMIT))
        carried, ahead = None, self.weights
        if self.velocity is not None and sixteenths:
            carried = self.velocity.times(sixteenths / 16, BETA_FRAC)
            (carried,) = ctx.truncate(carried, frac=WEIGHT_FRAC)
            ahead = self.weights + carried
        coarse, fine = TERMS[params.max_logit]
        terms = fine if 2 * number >= params.passes - 1 else coarse
        fitted = ctx.sigmoid(
            self._logits(ahead), frac=rows.label_frac, limit=params.max_logit, terms=terms, halve=True
        )
        errors = ctx.within(fitted - self.label, LARGEST_ERROR)  # as both lie between 0 and 1
        gradient = self._gradient(ctx.product("multiply", self.member, errors))
        if params.l2:
            gradient = gradient + self._penalty(ahead)
        step = ctx.product("multiply", gradient, functions.broadcast_to(self.rate, gradient.shape))
        velocity = -ctx.truncate(step, frac=WEIGHT_FRAC)[0]
        if carried is not None:
            velocity = velocity + carried
        self.velocity = ctx.within(velocity, 2.5 * rows.reach)
        bound = rows.start_bound + (number + 1) * rows.reach
        self.weights = ctx.within(self.weights + self.velocity, bound)

    def _logits(self, weights: Secret) -> Secret:
        intercept = self.rows.params.intercept
        return logits(self.ctx, self.rows.bins, self.own, self.shared, weights, intercept=intercept)

    def _gradient(self, errors: Secret) -> Secret:
        """The mean over the common rows, of errors that are 0 in all others."""
        ctx, rows = self.ctx, self.rows
        ctx.open(errors)
        parts, bound = [], rows.gradient_bound
        if self.own is not None:
            parts.append(ctx.private_product("matmul_t", [(self.own, errors)], bound))
        if self.shared is not None:
            parts.append(ctx.product("matmul", functions.transpose(self.shared), errors, bound))
        if rows.params.intercept:
            total = ctx.within(errors.sum(), LARGEST_ERROR * rows.most)
            parts.append(total.times(1.0, FRAC).reshape(1))
        sums = functions.concatenate(parts)
        (sums,) = ctx.truncate(sums, frac=rows.sum_frac(bound, WEIGHT_FRAC))
        mean = ctx.product("multiply", sums, functions.broadcast_to(self.inverse, sums.shape))
        (mean,) = ctx.truncate(mean, frac=WEIGHT_FRAC)
        return ctx.within(mean, 1.01 * CLIP * LARGEST_ERROR)

    def _penalty(self, weights: Secret) -> Secret:
        """l2 times the weights, and 0 for the intercept."""
        rows = self.rows
        part = weights[: rows.width].times(rows.params.l2, 20)
        (part,) = self.ctx.truncate(part, frac=WEIGHT_FRAC)
        if rows.params.intercept:
            part = functions.concatenate([part, self.ctx.zeros((1,), WEIGHT_FRAC)])
        return part
