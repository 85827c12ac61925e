"""Training by scikit-learn, and scores in a few lines of NumPy.

Steps are those of ``MLPClassifier`` and ``MLPRegressor``: Glorot's initial weights, Adam, shuffled batches.
Epochs are counted here, so that a job can be followed and cancelled, and the rows by which training stops are
the caller's choice.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from coterie.learn.joined import need_library
from coterie.learn.linear import Floats, sigmoid
from coterie.learn.neural.errors import DIVERGED

if TYPE_CHECKING:
    from coterie.learn.neural.params import NeuralParams

__all__ = [
    "Fitted",
    "HeldBack",
    "Layers",
    "Scale",
    "fit",
    "need_learner",
    "outputs",
    "scale_of",
    "scores",
    "shares",
]

Layers: TypeAlias = tuple[tuple[Floats, Floats], ...]
"""Weights (units before, units) and biases (units,) of each layer."""


@dataclass(frozen=True)
class Scale:
    """Of a numeric label: training sees (label - mean) / deviation."""

    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True)
class HeldBack:
    """Rows by which training knows when to stop."""

    features: Floats
    label: Floats


@dataclass(frozen=True)
class Fitted:
    """What a training leaves."""

    layers: Layers
    """Of the best epoch, where rows were held back; else of the last."""
    epochs: int
    """Until those weights."""
    history: dict[str, list[float]]
    """Loss after each epoch: "training", penalty included, as its batches met it; "validation"."""


def need_learner(step: str | None = None) -> None:
    """Raises CT-3080 where scikit-learn is not installed."""
    need_library("sklearn", step)


def scale_of(label: Floats) -> Scale:
    """Of a numeric label that is not constant."""
    return Scale(float(label.mean()), float(label.std()))


def fit(
    features: Floats,
    label: Floats,
    params: NeuralParams,
    held: HeldBack | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Fitted:
    """Train.

    :param features: (rows, width) on one scale, nothing missing.
    :param label: (rows,) 0 and 1, whole numbers from 0, or numbers of mean 0 and deviation 1.
    :param held: for ``early_stopping``.
    :param progress: called after each epoch; what it raises ends the training.

    Errors: CT-3095 where weights or losses are no numbers any more.
    """
    from threadpoolctl import threadpool_limits

    learner = _learner(params, len(label))
    more = (
        {} if params.task == "regression" else {"classes": np.arange(params.classes or 2, dtype=np.float64)}
    )
    history: dict[str, list[float]] = {"training": []} if held is None else {"training": [], "validation": []}
    best: tuple[int, Layers] | None = None
    with threadpool_limits(params.threads), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow is looked for below
        for epoch in range(1, params.epochs + 1):
            try:
                learner.partial_fit(features, label, **more)
            except ValueError as error:  # scikit-learn's own look at its weights
                raise DIVERGED(f"epoch {epoch}") from error
            layers = _layers(learner)
            history["training"].append(float(learner.loss_))
            if held is not None:
                history["validation"].append(loss(layers, held, params))
            if not all(np.isfinite(losses[-1]) for losses in history.values()):
                raise DIVERGED(f"epoch {epoch}")
            if progress is not None:
                progress(epoch, params.epochs, "epochs")
            if held is None:
                best = (epoch, layers)
                continue
            losses = history["validation"]
            if best is None or losses[-1] < losses[best[0] - 1]:
                best = (epoch, layers)
            if params.early_stopping is not None and epoch - best[0] >= params.early_stopping:
                break
    assert best is not None
    return Fitted(best[1], best[0], history)


def _learner(params: NeuralParams, rows: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return (MLPRegressor if params.task == "regression" else MLPClassifier)(
        hidden_layer_sizes=params.hidden,
        activation=params.activation,
        solver=params.optimizer,
        momentum=params.momentum,
        nesterovs_momentum=False,
        alpha=params.alpha,
        batch_size=min(params.batch_rows, rows),
        learning_rate_init=params.learning_rate,
        # One stream for all epochs: a seed would shuffle the rows of each in the same way.
        random_state=np.random.RandomState(params.seed),
    )


def _layers(learner: Any) -> Layers:
    return tuple(
        (weights.astype(np.float64), biases.astype(np.float64))
        for weights, biases in zip(learner.coefs_, learner.intercepts_, strict=True)
    )


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "relu": lambda values: np.maximum(values, 0.0),
    "tanh": np.tanh,
    "logistic": sigmoid,
}


def outputs(layers: Layers, features: Floats, activation: str) -> Floats:
    """(rows, outputs) the last layer's sums: log-odds, or the label on its scale."""
    values = features
    for weights, biases in layers[:-1]:
        values = ACTIVATIONS[activation](values @ weights + biases)
    weights, biases = layers[-1]
    return np.asarray(values @ weights + biases)


def shares(layers: Layers, features: Floats, activation: str) -> Floats:
    """(rows, classes) the probability of each class."""
    return np.asarray(np.exp(_log_shares(outputs(layers, features, activation))))


def _log_shares(sums: Floats) -> Floats:
    below: Floats = sums - sums.max(axis=1, keepdims=True)
    return np.asarray(below - np.log(np.exp(below).sum(axis=1, keepdims=True)))


def scores(layers: Layers, features: Floats, params: NeuralParams, scale: Scale) -> Floats:
    """(rows,) the probability of 1, the most probable class, or what is expected of the label."""
    sums = outputs(layers, features, params.activation)
    if params.task == "classes":
        return np.asarray(sums.argmax(axis=1), np.float64)
    if params.classifies:
        return sigmoid(sums[:, 0])
    return np.asarray(sums[:, 0] * scale.deviation + scale.mean)


def loss(layers: Layers, rows: HeldBack, params: NeuralParams) -> float:
    """Mean log-loss, or half the mean squared error on the label's scale; without penalty."""
    sums = outputs(layers, rows.features, params.activation)
    if params.task == "classes":
        picked = _log_shares(sums)[np.arange(len(sums)), rows.label.astype(np.int64)]
        return float(-picked.mean())
    if params.classifies:
        return float(np.mean(np.logaddexp(0.0, sums[:, 0]) - rows.label * sums[:, 0]))
    return float(np.mean((sums[:, 0] - rows.label) ** 2) / 2)
