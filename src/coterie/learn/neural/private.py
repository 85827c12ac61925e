"""Engine fl with differential privacy: sums with noise, and nothing else, tell parties of each other's rows.

*Records* (Abadi et al. 2016): every round is one step, along the sum of the clipped gradients of each record
of a sample that only its owner knows. *Parties* (McMahan et al. 2018): in every round each party trains at
home, and its change is clipped; all parties count the same. Numbers of rows are public; whether both labels
are there is not asked, and no losses are told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.component import FrameShape, PlanContext, RunContext, Total
from coterie.learn.errors import PRIVACY_UNFIT
from coterie.learn.joined import training_columns
from coterie.learn.linear import places_of
from coterie.learn.neural.errors import DIVERGED
from coterie.learn.neural.fl import Arrays, Perceptron, Rows, Setting
from coterie.learn.neural.fl.drawing import drawn, round_seed
from coterie.learn.neural.fl.server import Server, flat, unflat
from coterie.learn.neural.params import NeuralParams
from coterie.learn.private import PRIVATE, labels_there, noisy, noisy_total, private_sums, rows_counted

__all__ = ["plan_private", "private_rows", "train_private"]

Floats = NDArray[np.float64]

GRADIENTS = (
    "of every step: the sum of clipped gradients of a sample of all rows, with noise for differential privacy"
)
CHANGES = (
    "of every round: the sum of the parties' clipped changes of the weights, with noise for differential "
    "privacy"
)
CELLS = 1 << 21
"""Numbers of the gradients that are worked on at once."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Of Adam."""


def plan_private(context: PlanContext, params: NeuralParams, shape: FrameShape) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan.

    Errors: CT-2430, CT-2431, CT-2433, CT-3265, CT-3266.
    """
    given = params.privacy
    assert given is not None
    for name, unfit in (
        ("task", params.task == "regression"),
        ("early_stopping", params.early_stopping is not None),
        ("strategy", params.strategy not in ("fedavg", "fedprox", "fedadam")),
        ("groups", params.groups is not None),
        ("personal", params.personal > 0),
        ("clip_norm", params.clip_norm is not None),
        ("sampled", given.unit == "record" and params.sampled is not None),
        ("sampling", given.unit == "party" and given.sampling < 1),
    ):
        if unfit:
            raise PRIVACY_UNFIT(f"'{name}' as it is", step=context.step)
    numbers = params.numbers(shape.width)
    return {
        **private_sums(context, [_total(context, params, numbers)], at_most=params.sampled is not None),
        "memory": 3 * 8 * shape.rows * shape.width + 4 * 8 * CELLS + 8 * 20 * numbers,
        "operations": 6 * params.rounds * params.local_epochs * shape.rows * numbers,
        "statement": PRIVATE,
    }


def _total(context: PlanContext, params: NeuralParams, numbers: int) -> Total:
    """In 32 bits where there is room for the noise."""
    given = params.privacy
    assert given is not None
    parts = params.sampled if (params.sampled or 0) < len(context.parties) else None
    more: dict[str, Any] = {
        "unit": given.unit,
        "values": numbers,
        "clip": given.clip,
        "times": params.rounds,
        "sampling": given.sampling,
        "kind": "model",
    }
    if given.unit == "record":
        return noisy(context, given, GRADIENTS, **more)
    try:
        return noisy(context, given, CHANGES, parts=parts, bits=32, **more)
    except CoterieError as error:
        if error.code != "CT-2430":
            raise
        return noisy(context, given, CHANGES, parts=parts, **more)


def private_rows(params: NeuralParams, shape: FrameShape, frame: VerticalFrame) -> Rows:
    """Own rows that count: of which nothing is missing, nothing is too large, and the label is a class. The
    others give nothing: were they an error, all would know that there is one.

    Errors: CT-1422, CT-1433, CT-1503, which follow from what is known of the columns.
    """
    with np.errstate(over="ignore"):
        features = frame.values(places_of(training_columns(shape))).astype(np.float32)
    label = labels_there(frame)
    usable = np.isfinite(features).all(axis=1) & (label == np.rint(label))
    usable &= (label >= 0) & (label < (params.classes or 2))
    return Rows(features[usable], label[usable].astype(np.float32))


def train_private(context: RunContext, params: NeuralParams, rows: Rows, shape: FrameShape) -> Arrays:
    """The weights, the same at all parties to the last bit.

    :param rows: own ones. Errors: CT-3095.
    """
    trainer = Perceptron(params.sizes(shape.width), params.activation)
    setting = Setting.of(context.planning, params, trainer.layout, shape)
    server = Server.begin(flat(trainer.initial(setting.run)), params)
    assert params.privacy is not None
    by_record = params.privacy.unit == "record"
    steps = _Steps(params, np.concatenate([np.full(one.size, len(one.shape) > 1) for one in setting.layout]))
    for number in range(params.rounds):
        context.progress(number, params.rounds, "rounds", unit="rounds")
        if by_record:
            server = steps.after(server, _gradient(context, params, trainer, server, rows, shape), number)
        else:
            server = server.after(_change(context, setting, trainer, server, rows, number), params)
        if not np.isfinite(server.weights).all():
            raise DIVERGED(f"round {number + 1}")
    return unflat(server.weights, setting.layout)


def _gradient(
    context: RunContext,
    params: NeuralParams,
    trainer: Perceptron,
    server: Server,
    rows: Rows,
    shape: FrameShape,
) -> Floats:
    """The mean over as many rows as a sample has on average."""
    given = params.privacy
    assert given is not None
    weights, local = unflat(server.weights, trainer.layout), params.local(0)
    block = max(1, CELLS // len(server.weights))

    def gradients(chosen: NDArray[np.intp]) -> Iterator[Floats]:
        for start in range(0, len(chosen), block):
            some = chosen[start : start + block]
            yield trainer.gradients(weights, Rows(rows.features[some], rows.label[some]), local)

    total = noisy_total(context, GRADIENTS, gradients, len(rows))
    return total / (given.sampling * rows_counted(context, shape))


def _change(
    context: RunContext, setting: Setting, trainer: Perceptron, server: Server, rows: Rows, number: int
) -> Floats:
    """The mean of those who take part in the round."""
    seed = round_seed(setting.run, number, server.weights)
    taking = drawn(setting.names, seed, setting.params.sampled)

    def change(_: NDArray[np.intp]) -> Iterator[Floats]:
        if not len(rows):
            return
        own = hashlib.sha256(seed + context.me.encode()).digest()
        before = unflat(server.weights, setting.layout)
        found = trainer.train(before, rows, setting.params.local(number), own)
        yield (flat(found.weights) - flat(before))[None]

    among = None if len(taking) == len(setting.names) else taking
    total = noisy_total(context, CHANGES, change, 1, among=among)
    return total / len(context.sums().counted)


class _Steps:
    """Of Adam or plain gradients, by the mean gradient of all parties."""

    def __init__(self, params: NeuralParams, penalised: NDArray[np.bool_]) -> None:
        self._params, self._penalised = params, penalised
        self._first = self._second = np.zeros(len(penalised))

    def after(self, server: Server, gradient: Floats, number: int) -> Server:
        params, rate = self._params, self._params.rate(number)
        gradient = gradient + params.alpha / params.batch_rows * server.weights * self._penalised
        if params.optimizer == "sgd":
            self._first = params.momentum * self._first + gradient
            return Server(server.weights - rate * self._first, None, None)
        self._first = BETAS[0] * self._first + (1 - BETAS[0]) * gradient
        self._second = BETAS[1] * self._second + (1 - BETAS[1]) * gradient * gradient
        shrunk = [1 - beta ** (number + 1) for beta in BETAS]
        step = self._first / (np.sqrt(self._second) + EPSILON)
        return Server(server.weights - rate * sqrt(shrunk[1]) / shrunk[0] * step, None, None)
