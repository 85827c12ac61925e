"""Exponentials, logarithms, powers, sigmoids, and functions of a program's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import erf, expit, softmax

from coterie.mpc import functions as f
from coterie.mpc.network import Network
from tests.mpc.contract.case import Arrays, Case, multiples, number

X = multiples(5, 7)
SMALL = multiples(30, seed=1, low=-3.0, high=3.0)
POSITIVE = np.append(multiples(20, seed=2, low=2.0**-8, high=1.0), multiples(20, seed=3, low=1.0, high=256.0))
SCORES = multiples(4, 6, seed=4, low=-4.0, high=4.0)
ONE = 2.0**-12


def one(
    name: str, function: Callable[[Any], Any], x: Any, truth: Callable[[Any], Any], **options: Any
) -> Case:
    """A function of one array."""
    bound = options.pop("bound", None)
    return Case(
        name,
        lambda ctx, a: {"y": function(a.x)},
        {"x": number(x, bound)},
        oracle=lambda a: {"y": truth(a.x)},
        **options,
    )


def _quotients(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "of secrets": a.scores[:, :5] / a.positive[:20].reshape(4, 5),
        "by a number": a.scores / 3.0,
        "of a number": 2.0 / a.positive,
    }


CASES = [
    one("exp", np.exp, X, np.exp, relative=ONE),
    one("exp of a promised range", lambda x: f.exp(x, low=-8, high=8), X, np.exp, bound=900.0, relative=ONE),
    one("exp rounded", lambda x: f.exp(x, frac=20), SMALL, np.exp, relative=ONE, tolerance=2.0**-20),
    one("exp2", np.exp2, X, np.exp2, relative=ONE),
    one("sigmoid", f.sigmoid, X, expit, tolerance=1.3e-3),
    one(
        "sigmoid of a promised range",
        lambda x: f.sigmoid(x, limit=8),
        X,
        expit,
        bound=900.0,
        tolerance=1.3e-3,
    ),
    one("sigmoid of one plan", lambda x: f.sigmoid_of(x, 10, 8, 28), X, expit, tolerance=3.6e-4),
    one(
        "sigmoid in two rounds",
        lambda x: f.sigmoid(x, limit=8, error=3e-4),
        X,
        expit,
        bound=900.0,
        tolerance=6e-4,
        tracing={"network": Network(1e-7, 1e6)},
    ),
    one("tanh", np.tanh, SMALL, np.tanh, tolerance=1.3e-3),
    one("softplus", f.softplus, X, lambda x: np.logaddexp(0, x), tolerance=1.3e-3),
    one("log", np.log, POSITIVE, np.log, tolerance=1e-4),
    one(
        "log of a promised range",
        lambda x: f.log(x, 2.0**-8, 256),
        POSITIVE,
        np.log,
        bound=3e4,
        tolerance=1e-4,
    ),
    one("log2", np.log2, POSITIVE, np.log2, tolerance=1.4e-4),
    one("log10", np.log10, POSITIVE, np.log10, tolerance=6e-5),
    one("log1p", np.log1p, POSITIVE, np.log1p, tolerance=1e-4),
    one("sqrt", np.sqrt, POSITIVE, np.sqrt, relative=ONE),
    one("rsqrt", f.rsqrt, POSITIVE, lambda x: x**-0.5, relative=ONE),
    one("real_power", lambda x: f.real_power(x, 1.25), POSITIVE, lambda x: x**1.25, relative=2 * ONE),
    one("reciprocal", np.reciprocal, POSITIVE, lambda x: 1 / x, relative=ONE),
    one("reciprocal of negatives", f.reciprocal, -POSITIVE, lambda x: 1 / x, relative=ONE),
    one(
        "reciprocal of a promised range",
        lambda x: f.reciprocal(x, 2.0**-8, 256, frac=24),
        POSITIVE,
        lambda x: 1 / x,
        bound=3e4,
        relative=ONE,
        tolerance=2.0**-24,
    ),
    Case(
        "quotients",
        _quotients,
        {"scores": number(SCORES, owner=1), "positive": number(POSITIVE)},
        relative=ONE,
        tolerance=2.0**-13,
        float_tolerance=1e-5,
    ),
    one("softmax", f.softmax, SCORES, lambda x: softmax(x, axis=-1), relative=2 * ONE, tolerance=2.0**-22),
    one(
        "softmax of a wide range",
        lambda x: f.softmax(x, 0),
        8 * SCORES,
        lambda x: softmax(x, axis=0),
        relative=2 * ONE,
        tolerance=2.0**-22,
        float_tolerance=1e-6,
    ),
    one(
        "smooth",
        lambda x: f.smooth(x, erf, error=1e-3),
        SMALL,
        erf,
        tolerance=2e-3,
        float_tolerance=1e-3,
    ),
    one(
        "smooth of a promised range",
        lambda x: f.smooth(x, np.sin, -3, 3, error=1e-4),
        SMALL,
        np.sin,
        bound=900.0,
        tolerance=2e-4,
        float_tolerance=1e-4,
    ),
    one(
        "piecewise",
        lambda x: f.piecewise(x, [-1, 0.5, 2], [0.0, (1.0, 0.5), np.cos, 3.0]),
        SMALL,
        lambda x: np.select([x < -1, x < 0.5, x < 2], [0.0, 1 + x / 2, np.cos(x)], 3.0),
        tolerance=2e-4,
        float_tolerance=1.1e-4,
    ),
]
