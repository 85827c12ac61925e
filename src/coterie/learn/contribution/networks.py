"""In one run: networks that were trained by rounds. What was each party's of the way of the weights is kept
at home while it is trained (:mod:`coterie.learn.neural.fl.way`).

The gradient of the measured loss at a few places of each stretch is a sum over all measured rows, which all
learn; each party holds its own part of the stretch against it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import fsum

import numpy as np

from coterie.data import VerticalFrame
from coterie.fl import Fixed, Sums
from coterie.learn.component import FrameShape, Total
from coterie.learn.linear import Floats
from coterie.learn.neural import (
    STRETCHES,
    Arrays,
    HeldBack,
    Network,
    NeuralParams,
    Perceptron,
    Rows,
    Singles,
    Travelled,
    features_digest,
    layers_of,
    loss,
    need_torch,
    unflat,
    values,
)

from .errors import ANOTHER_MODEL, NOT_AT_OPTIMUM
from .in_run import Found, nodes
from .statement import GRADIENTS, ROUTE

__all__ = ["FORM", "NetworkWay", "network_bytes", "network_totals", "network_work"]

LOOKS = 2
"""At each stretch."""
FORM = Fixed(64, 40)
"""Of gradients of a mean: up to some thousands, for as many parties as there can be."""


def network_totals(params: NeuralParams, width: int) -> list[Total]:
    """Of losses, and of gradients: fewer of these where a training ended early."""
    numbers = LOOKS * params.numbers(width)
    stretches = min(STRETCHES, params.rounds)
    return [
        Total(ROUTE, 2, FORM, kind="contribution"),
        Total(GRADIENTS, numbers, FORM, times=stretches, kind="contribution"),
    ]


def network_bytes(params: NeuralParams, width: int) -> int:
    """In memory, beside rows."""
    return 8 * (3 * LOOKS + 4) * params.numbers(width)


def network_work(params: NeuralParams, shape: FrameShape) -> int:
    """Operations on so many rows."""
    return 6 * LOOKS * min(STRETCHES, params.rounds) * shape.rows * params.numbers(shape.width)


class NetworkWay:
    """From the first weights to those of the model, at one party."""

    def __init__(self, made: Network, training: VerticalFrame, measured: VerticalFrame, step: str) -> None:
        """Errors: CT-3245 without PyTorch, CT-3310 where no way was kept, CT-3316."""
        need_torch(step)
        if made.way is None:
            raise ANOTHER_MODEL("no parts of its training were kept", step=step)
        params = made.params
        if made.way.features != features_digest(values(training, made.facts.places)):
            raise NOT_AT_OPTIMUM("the training rows have changed", step=step)
        self._way: Travelled = made.way
        self._made, self._params = made, params
        self._trainer = Perceptron(params.sizes(made.facts.width), params.activation)
        label = measured.labels().astype(np.float64) if params.classifies else measured.target()
        scaled = (label - made.scale.mean) / made.scale.deviation
        self._held = HeldBack(values(measured, made.facts.places), scaled)
        self._rows = Rows(self._held.features.astype(np.float32), scaled.astype(np.float32))
        self._unit = 2 * made.scale.deviation**2 if params.task == "regression" else 1.0
        """From halves of squares on the label's scale to mean deviances in its own unit."""

    def found(self, sums: Sums, rows: int, progress: Callable[[int, int], None]) -> Found:
        """:param rows: that are measured, of all parties."""
        way, (places, weights) = self._way, nodes(LOOKS)
        ends = np.array([self._loss(one) for one in (way.weights[0], way.weights[-1])])
        first, last = (sums.total(ROUTE, ends / rows, FORM) * self._unit).tolist()
        parts = []
        for number, own in enumerate(way.own):
            progress(number, len(way.own))
            before, step = way.weights[number], way.weights[number + 1] - way.weights[number]
            own_slopes = np.concatenate([self._slope(before + np.float32(at) * step) for at in places])
            slopes = sums.total(GRADIENTS, own_slopes / rows, FORM).reshape(LOOKS, -1)
            parts.append(-self._unit * float(weights @ (slopes @ own.astype(np.float64))))
        return Found(contribution=fsum(parts), left_out=None, nothing=first, whole=last)

    def _slope(self, weights: Singles) -> Floats:
        return self._trainer.slope(self._arrays(weights), self._rows, self._params.local(0))

    def _arrays(self, weights: Singles) -> Arrays:
        return unflat(weights.astype(np.float64), self._trainer.layout)

    def _loss(self, weights: Singles) -> float:
        """The sum of the rows' losses."""
        if not len(self._rows):
            return 0.0
        layers = layers_of(self._arrays(weights))
        return loss(layers, self._held, self._params) * len(self._rows)
