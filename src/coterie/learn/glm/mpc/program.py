"""The secure program: training step by step, the loss where somebody looks, coefficients, statistics.

A training is one program, or one for each look at the loss where a look may end it; then the weights go from
one to the next as shares.
"""

from __future__ import annotations

from dataclasses import dataclass

from coterie.learn.glm.design import Rows
from coterie.learn.glm.mpc.formats import (
    COEFFICIENT_FRAC,
    ERROR_FRAC,
    SMALL_FRAC,
    WEIGHT_BOUND,
    Formats,
)
from coterie.learn.glm.mpc.inference import statistics
from coterie.learn.glm.mpc.information import INFORMATION, MOMENTS, information
from coterie.learn.glm.mpc.inputs import Roles, declare_piece, declare_small
from coterie.learn.glm.mpc.losses import losses
from coterie.learn.glm.mpc.rows import RowWork, owners_parts
from coterie.learn.glm.mpc.solve import (
    Lasso,
    Scaled,
    guarded_weights,
    lasso,
    lasso_step,
    newton_step,
    scaled,
    shrink,
)
from coterie.learn.glm.mpc.systems import LinearSystem, RowSystem, ridge_gradient
from coterie.learn.glm.mpc.trim import trimmed
from coterie.mpc import Context, Program, Secret, functions

__all__ = ["MODEL", "STATE", "Part", "training"]

MODEL = "model"
"""Name of what the program keeps and, where agreed, reveals: coefficients in order, then the intercept."""
STATE = "state"
"""Name of what a part keeps for the next: (2, size), weights, and multipliers or velocity."""
MOMENTUM_FRAC = 6
RATE_FRAC = 16
VELOCITY_PERIOD = 64


@dataclass(frozen=True)
class Part:
    """Which steps a program takes, and who learns what at its end."""

    steps: Rows
    first: bool = True
    last: bool = True
    coefficients_to: tuple[str, ...] = ()
    loss_to: tuple[str, ...] = ()
    statistics_to: tuple[str, ...] = ()
    information_to: tuple[str, ...] = ()
    """Of the logistic family, trained by "newton" without penalty."""


def training(formats: Formats, roles: Roles, part: Part) -> Program:
    """The program of a part of a training."""

    def program(ctx: Context) -> None:
        _Training(ctx, formats, roles, part).run()

    return program


class _Training:
    """The program's state, and what stays the same."""

    def __init__(self, ctx: Context, formats: Formats, roles: Roles, part: Part) -> None:
        self.ctx, self.formats, self.roles, self.part = ctx, formats, roles, part
        self.design, self.params = formats.design, formats.design.params
        told = bool(part.statistics_to)
        self.small = declare_small(ctx, formats, roles, first=part.first, last=part.last, told=told)
        looked_at = part.steps[0] < part.steps[1] or bool(part.statistics_to)
        self.works = [self._work(number) for number in range(len(self.design.pieces) if looked_at else 0)]
        self.weights, self.carried = self._begin()
        masked = [private for work in self.works for private in work.mask()]
        small = (self.small.ridge, self.small.back, self.small.coarse, self.small.turn)
        ctx.mask(*masked, *(private for group in small for private in group.values()))
        self._system: RowSystem | LinearSystem | None = None
        self._solver: Scaled | Lasso | None = None
        self.penalties = self._penalties()

    def _work(self, number: int) -> RowWork:
        part, rows = self.part, self.design.pieces[number]
        curved = self.params.solver == "newton" and (number == 0 or bool(part.statistics_to))
        told = bool(part.statistics_to or part.loss_to)
        piece = declare_piece(self.ctx, self.formats, self.roles, rows, curved=curved, told=told)
        return RowWork(self.ctx, self.formats, self.roles, piece, self.small)

    def _begin(self) -> tuple[Secret, Secret]:
        """Weights; and multipliers or velocity, as long."""
        ctx, size, frac = self.ctx, self.design.size, self.formats.weight_frac
        if not self.part.first:
            state = ctx.shared(STATE, (2, size), WEIGHT_BOUND * 2, frac)
            return ctx.within(state[0], WEIGHT_BOUND), state[1]
        weights = [ctx.zeros((self.design.width,), frac)]
        if self.params.intercept:
            constant = ctx.zeros((1,), frac)
            weights.append(constant if self.small.start is None else constant + self.small.start)
        return functions.concatenate(weights), ctx.zeros((size,), frac)

    def _penalties(self) -> Secret | None:
        """(width,): L1 penalties."""
        if not self.small.lasso:
            return None
        return functions.concatenate([private.secret() for private in self.small.lasso.values()])

    def run(self) -> None:
        step = self._newton if self.params.solver == "newton" else self._minibatch
        for number in range(*self.part.steps):
            with self.ctx.section(f"step {number + 1} of {self.design.steps}"):
                step(number)
            if self.part.loss_to and number + 1 in self._looks:
                self._look(self._looks.index(number + 1))
        if self.part.last:
            with self.ctx.section("coefficients"):
                self._finish()
        else:
            self.ctx.check()
            self.ctx.keep(functions.stack([self.weights, self.carried]), STATE)

    @property
    def _looks(self) -> list[int]:
        """After how many steps somebody looks at the loss."""
        return [end for _, end in self.design.segments]

    def _look(self, number: int) -> None:
        with self.ctx.section(f"loss {number + 1}"):
            linear = self._system if isinstance(self._system, LinearSystem) else None
            found = losses(self.ctx, self.formats, self.works, self.weights, linear)
            self.ctx.check()
            self.ctx.reveal(found, self.part.loss_to, f"loss {number + 1}")

    # Steps

    def _newton(self, number: int) -> None:
        ctx, formats = self.ctx, self.formats
        if self._system is None:
            kind = LinearSystem if self.params.family == "linear" else RowSystem
            self._system = kind(ctx, formats, self.works, self.small)
        found = self._system.at(self.weights, number)
        if self._solver is None or not self._system.constant:
            if self.design.whitened:
                self._solver = scaled(ctx, found.hessian, ERROR_FRAC, formats)
            else:
                self._solver = lasso(ctx, found.hessian, formats)
        if isinstance(self._solver, Scaled):
            step = newton_step(ctx, self._solver, found.gradient, formats)
            self.weights = guarded_weights(ctx, self.weights - step, formats)
            return
        assert self.penalties is not None
        width = self.design.width
        self.weights, multipliers = lasso_step(
            ctx, self._solver, found.gradient, self.weights, self.penalties, self.carried[:width], formats
        )
        self.carried = functions.concatenate([multipliers, self.carried[width:]])

    def _minibatch(self, number: int) -> None:
        ctx, design, frac = self.ctx, self.design, self.formats.weight_frac
        work = self.works[number % len(self.works)]
        pulls = work.pulls(self.weights, None)
        count = work.piece.count
        halvings = (count - 1).bit_length()
        slope = work.gradient(pulls.slope).ldexp(-halvings)
        (slope,) = trimmed(ctx, (slope, SMALL_FRAC - 4))
        rate = design.rate(number)
        change = slope.times(rate * 2.0**halvings / count, RATE_FRAC)
        ridge = ridge_gradient(ctx, self.small, work, self.weights)
        if ridge is not None:
            change = change + trimmed(ctx, (ridge, frac))[0].times(rate / design.share, RATE_FRAC)
        velocity = self.carried.times(design.momentum, MOMENTUM_FRAC) - change
        (velocity,) = trimmed(ctx, (velocity, frac))
        self.carried = ctx.check_range(velocity, VELOCITY_PERIOD)
        weights = self.weights + self.carried
        if self.penalties is not None:
            thresholds = trimmed(ctx, (self.penalties.times(rate / design.share, RATE_FRAC), frac))[0]
            shrunk = shrink(weights[: design.width], thresholds)
            weights = functions.concatenate([shrunk, weights[design.width :]])
        self.weights = guarded_weights(ctx, weights, self.formats)

    # Results

    def _finish(self) -> None:
        ctx = self.ctx
        model = self._coefficients()
        told = self._statistics() if self.part.statistics_to else {}
        if self.part.information_to:
            matrix, moments = information(ctx, self.formats, self.works[0], self.weights)
        ctx.check()
        ctx.keep(model, MODEL)
        if self.part.information_to:
            ctx.reveal(matrix, self.part.information_to, INFORMATION)
            ctx.reveal(moments, self.part.information_to, MOMENTS)
        for name, values in told.items():
            ctx.reveal(values, self.part.statistics_to, name)
        if self.part.coefficients_to:
            ctx.reveal(model, self.part.coefficients_to, "coefficients")
            if self.small.scale is not None:
                scale = ctx.zeros((2,), self.small.scale.frac) + self.small.scale
                ctx.reveal(scale, self.part.coefficients_to, "scale of the label")

    def _statistics(self) -> dict[str, Secret]:
        """What is told of the fit."""
        small, linear = self.small, self._system if isinstance(self._system, LinearSystem) else None
        if linear is None and self.params.family == "linear":
            linear = LinearSystem(self.ctx, self.formats, self.works, small)
        told = statistics(self.ctx, self.formats, self.works, small, self.weights, linear)
        for name, own in (("label", small.facts), ("weight", small.weight)):
            if own is not None:
                told[name] = own.secret()
        return told

    def _coefficients(self) -> Secret:
        """Back from the weights: guarded, and with what parties have taken off the intercept's scale."""
        ctx, small, weights = self.ctx, self.small, self.weights
        ctx.open(weights)
        turned = [small.back[owner] @ part for owner, part in owners_parts(self.design, weights)]
        parts = [part[:-1] for part in turned]
        if self.params.intercept:
            intercept = weights[self.design.width :]
            for part in turned:
                intercept = intercept - part[-1:]
            parts.append(intercept)
        (short,) = trimmed(ctx, (functions.concatenate(parts), COEFFICIENT_FRAC))
        model = ctx.check_range(short, self.formats.coefficient_period)
        if not self.params.intercept:
            return model
        coefficients, intercept = model[: self.design.width], model[self.design.width :]
        if small.logarithm is not None:
            intercept = intercept + small.logarithm
        if small.centre is not None:
            intercept = intercept - small.centre
        return functions.concatenate([coefficients, intercept])
