"""The reference: the optimiser in float64 on plain arrays. Every other engine does the same steps.

Objective, for n rows, labels y in {0, 1} and standardised features x::

    mean_i log(1 + exp(-(2 y_i - 1)(b + x_i w)))  +  l2 / 2 * |w|^2

The intercept b is not penalised. scikit-learn's ``LogisticRegression(C=1 / (l2 * n))`` has the same minimum.

``nesterov`` is accelerated gradient descent [Nesterov 2004, scheme 2.2.19, with the momentum of a fixed
condition number], preconditioned by blocks: each party's block of the Hessian bound X_Kᵀ X_K / 4n + l2
[Böhning & Lindsay 1988] is inverted by its owner alone. With k blocks the largest eigenvalue of the
preconditioned bound is at most k, so 1/k is a step that never diverges. No line search and no restart: what
a step does never depends on data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.logistic.params import LogisticParams

__all__ = ["Fit", "fit", "momentum", "preconditioner", "sigmoid", "start_intercept"]

CONDITION = 30.0
"""Condition number that the momentum is made for: the bound's 1/4 against true curvatures p(1 - p) of about
0.05, times the correlation between parties. On three credit and marketing tables, values from 10 to 100 come
within 1e-2 of the minimum's coefficients in 40 passes, and this one within 2e-3."""
EIGENVALUE_FLOOR = 1e-3
"""Smallest eigenvalue of X_Kᵀ X_K / n that a preconditioner inverts; bounds its entries."""


@dataclass(frozen=True)
class Fit:
    intercept: float
    coefficients: NDArray[np.float64]
    """(d,), all parties' features in model order."""


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-z)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)), dtype=np.float64)


def momentum(step: int) -> float:
    """Weight of the last move in step 0, 1, ...: t / (t + 3), up to the constant of :data:`CONDITION`."""
    root = CONDITION**0.5
    return min(step / (step + 3.0), (root - 1.0) / (root + 1.0))


def preconditioner(features: NDArray[np.float64], l2: float) -> NDArray[np.float64]:
    """The inverse of one party's Hessian bound.

    :param features: (n, d) own standardised features.
    :returns: (d, d), symmetric, eigenvalues at most 1 / (EIGENVALUE_FLOOR / 4 + l2).
    """
    gram = features.T @ features / len(features)
    values, vectors = np.linalg.eigh(gram)
    inverse = 1.0 / (np.maximum(values, EIGENVALUE_FLOOR) / 4.0 + l2)
    return np.asarray((vectors * inverse) @ vectors.T, dtype=np.float64)


def start_intercept(labels: NDArray[np.int8]) -> float:
    """Logit of the base rate, which the label holder knows: the best intercept of coefficients zero."""
    rate = float(np.mean(labels))
    return float(np.log(rate / (1.0 - rate)))


def fit(
    blocks: Sequence[NDArray[np.float64]],
    labels: NDArray[np.int8],
    params: LogisticParams,
    progress: Callable[[int, int, str], None] | None = None,
) -> Fit:
    """Train in the clear.

    :param blocks: each party's (n, d_K) features, in model order; one block where one party has all.
    :param labels: (n,) zeros and ones, both present.
    """
    step = _nesterov if params.optimizer == "nesterov" else _gradient_descent
    n = len(labels)
    y = labels.astype(np.float64)
    x = np.hstack([np.ones((n, 1)), *blocks])
    penalty = np.full(x.shape[1], params.l2)
    penalty[0] = 0.0

    def gradient(w: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(x.T @ (sigmoid(x @ w) - y) / n + penalty * w, dtype=np.float64)

    start = np.zeros(x.shape[1])
    start[0] = start_intercept(labels)
    w = step(blocks, start, gradient, params, progress or _silent)
    return Fit(float(w[0]), w[1:])


Weights = NDArray[np.float64]


def _silent(done: int, total: int, what: str) -> None:
    """No progress is wanted."""


def _nesterov(
    blocks: Sequence[NDArray[np.float64]],
    start: Weights,
    gradient: Callable[[Weights], Weights],
    params: LogisticParams,
    progress: Callable[[int, int, str], None],
) -> Weights:
    inverses = [preconditioner(block, params.l2) for block in blocks]
    edges = np.cumsum([1, *(block.shape[1] for block in blocks)])
    w = v = start
    for step in range(params.passes):
        g = gradient(v)
        # The column of ones has second moment 1 and, as features are centred, is a block of its own.
        move = np.concatenate(
            [g[:1] * 4.0, *(m @ g[a:b] for m, a, b in zip(inverses, edges, edges[1:], strict=False))]
        )
        following = v - move / len(blocks)
        v = following + momentum(step) * (following - w)
        w = following
        progress(step + 1, params.passes, "pass")
    return w


def _gradient_descent(
    blocks: Sequence[NDArray[np.float64]],  # noqa: ARG001
    start: Weights,
    gradient: Callable[[Weights], Weights],
    params: LogisticParams,
    progress: Callable[[int, int, str], None],
) -> Weights:
    w = start
    for step in range(params.passes):
        w = w - params.learning_rate * gradient(w)
        progress(step + 1, params.passes, "pass")
    return w
