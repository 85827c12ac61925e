"""Training by secure computation: five rounds a pass, whatever the optimiser.

1. v is opened; logits are one sum of private products. 2. sigmoid and range guard, in two rounds. 3. the
errors σ − y are opened (y is taken off at its holder); gradients are one private product for each owner. 4.
gradients, momentum and penalty are truncated together.

About 17 bytes a row go each way, and 96 come from the dealer: half of what a sigmoid in one round takes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from coterie.learn.logistic.design import (
    BETA_FRAC,
    COEFFICIENT_FRAC,
    FEATURE_FRAC,
    LARGEST_ERROR,
    PENALTY_FRAC,
    WEIGHT_FRAC,
    Design,
)
from coterie.learn.logistic.preparation import Block, start
from coterie.mpc import Context, Inputs, Private, Program, RowBlocks, Secret, functions

MODEL = "model"
"""Name of what the program keeps and, where agreed, reveals: coefficients in order, then the intercept."""


def inputs(me: str, block: Block | None, labels: NDArray[np.int8] | None, design: Design) -> Inputs:
    """A party's own inputs of :func:`training`.

    Errors: CT-3016.
    """
    own: dict[str, NDArray[np.float64] | RowBlocks] = {}
    if block is not None:
        own[f"features of {me}"] = block.scaled()
        own[f"penalty of {me}"] = block.penalty
        own[f"coordinates of {me}"] = block.back()
    if labels is not None:
        own["label"] = labels.astype(np.float64)
        own["start"] = np.array([start(labels, design)])
    return own


def training(design: Design, label_holder: str, reveal_to: tuple[str, ...]) -> Program:
    """The program that trains and keeps the model; ``reveal_to`` learn the coefficients."""

    def program(ctx: Context) -> None:
        _Training(ctx, design, label_holder).run(reveal_to)

    return program


class _Training:
    """The program's state: weights, velocity, and what stays the same."""

    def __init__(self, ctx: Context, design: Design, label_holder: str) -> None:
        self.ctx, self.design = ctx, design
        self.features: dict[str, Private] = {}
        self.penalties: dict[str, Private] = {}
        self.coordinates: dict[str, Private] = {}
        for owner in design.widths:
            self._declare(owner)
        self.label = ctx.private("label", label_holder, (design.rows,), 1.0, design.label_frac)
        self.weights = ctx.zeros((design.width,), WEIGHT_FRAC)
        if design.constant:
            # The log-odds of the base rate, which the label's holder knows: secret without a message.
            begin = ctx.private("start", label_holder, (1,), design.start_bound, WEIGHT_FRAC)
            self.weights = functions.concatenate([self.weights, ctx.zeros((1,), WEIGHT_FRAC) + begin])
        self.velocity: Secret | None = None
        ctx.mask(*self.features.values(), *self.penalties.values(), *self.coordinates.values())

    def _declare(self, owner: str) -> None:
        """The owner's private inputs."""
        ctx, design, width = self.ctx, self.design, self.design.widths[owner]
        self.features[owner] = ctx.private(
            f"features of {owner}",
            owner,
            (design.rows, width),
            design.bound,
            FEATURE_FRAC,
            row_sum=design.row_sum[owner],
            column_sum=design.column_sum,
        )
        if not design.whitened:
            return
        shape, name = (width + 1, width), f"coordinates of {owner}"
        self.coordinates[owner] = ctx.private(name, owner, shape, design.back_bound, FEATURE_FRAC)
        if design.params.l2:
            name, bound = f"penalty of {owner}", design.penalty_bound
            self.penalties[owner] = ctx.private(name, owner, (width,), bound, WEIGHT_FRAC)

    def run(self, reveal_to: tuple[str, ...]) -> None:
        passes = self.design.params.passes
        for number in range(passes):
            with self.ctx.section(f"pass {number + 1} of {passes}"):
                self._pass(number)
        with self.ctx.section("coefficients"):
            model = self.ctx.check_range(self._coefficients(), self.design.coefficient_period)
            self.ctx.check()
            self.ctx.keep(model, MODEL)
            if reveal_to:
                self.ctx.reveal(model, reveal_to, "coefficients")

    def _pass(self, number: int) -> None:
        design, sixteenths = self.design, self.design.momentum[number]
        carried, ahead = None, self.weights
        if self.velocity is not None and sixteenths:
            carried = self.velocity.times(sixteenths / 16, BETA_FRAC)
            ahead = self.weights + carried
        logits = self._logits(ahead)
        fitted = self.ctx.sigmoid(
            logits,
            frac=design.label_frac,
            limit=design.params.max_logit,
            terms=design.terms(number),
            halve=True,
        )
        errors = self.ctx.within(fitted - self.label, LARGEST_ERROR)  # as both lie between 0 and 1
        gradient = self._gradient(errors)
        penalty = self._penalty(ahead)
        self._step(number, gradient.ldexp(-design.halvings), carried, penalty)

    def _logits(self, weights: Secret) -> Secret:
        self.ctx.open(weights)
        pairs = [(self.features[owner], part) for owner, part in self._parts(weights)]
        logits = self.ctx.dot(pairs)
        if self.design.constant:
            logits = logits + weights[self.design.width :].times(self.design.constant, FEATURE_FRAC)
        return logits

    def _gradient(self, errors: Secret) -> Secret:
        parts = [features.T @ errors for features in self.features.values()]
        if self.design.constant:
            parts.append(errors.sum().times(self.design.constant, FEATURE_FRAC).reshape(1))
        return functions.concatenate(parts)

    def _penalty(self, weights: Secret) -> Secret | None:
        """r ∘ v, and zero for the intercept."""
        ctx, design = self.ctx, self.design
        if not design.params.l2:
            return None
        if design.whitened:
            parts = [self.penalties[owner] * part for owner, part in self._parts(weights)]
        else:
            parts = [weights[: design.width].times(design.penalty, PENALTY_FRAC)]
        if design.constant:
            parts.append(ctx.zeros((1,), parts[0].frac))
        return functions.concatenate(parts)

    def _step(self, number: int, gradient: Secret, carried: Secret | None, penalty: Secret | None) -> None:
        changes = [change for change in (gradient, penalty) if change is not None]
        kept = [] if carried is None else [carried]
        rounded = self.ctx.truncate(*changes, *kept, frac=WEIGHT_FRAC)
        velocity = -rounded[0]
        for change in rounded[1 : len(changes)]:
            velocity = velocity - change
        for momentum in rounded[len(changes) :]:
            velocity = velocity + momentum
        # Bounds that single sums cannot see: proven at Design.weight_bound.
        self.velocity = self.ctx.within(velocity, self.design.velocity_bound)
        weights = self.weights + self.velocity
        self.weights = self.ctx.within(weights, self.design.weight_bound(number + 1))

    def _coefficients(self) -> Secret:
        """Back from scaled features to those that were given."""
        ctx, design, weights = self.ctx, self.design, self.weights
        intercept = None
        if design.constant:
            intercept = weights[design.width :].times(design.constant, FEATURE_FRAC)
        if design.whitened:
            ctx.open(weights)
            turned = [self.coordinates[owner] @ part for owner, part in self._parts(weights)]
            parts = [part[:-1] for part in turned]
            for part in turned:
                intercept = None if intercept is None else intercept - part[-1:]
        else:
            parts = [weights[: design.width].times(design.scale, FEATURE_FRAC)]
        whole = functions.concatenate(parts if intercept is None else [*parts, intercept])
        return ctx.truncate(whole, frac=COEFFICIENT_FRAC)[0]

    def _parts(self, weights: Secret) -> Iterator[tuple[str, Secret]]:
        """Each owner's part of the weights."""
        first = 0
        for owner, width in self.design.widths.items():
            yield owner, weights[first : first + width]
            first += width
