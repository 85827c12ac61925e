"""Elementary functions, with errors as their docstrings say."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.mpc import functions
from tests.mpc.contract.case import Arrays, Case, number

X = np.linspace(-7.9, 7.9, 41)
POSITIVE = np.geomspace(0.05, 100.0, 41)
GIVEN = {"x": number(X, 8.0), "wide": number(X, 50.0), "p": number(POSITIVE, (0.05, 100.0), owner=1)}


def _exp(ctx: Any, a: Arrays) -> dict[str, Any]:
    known, power = np.exp(a.x), np.exp2(a.x)
    if ctx is None:
        return {"known": known, "rounded": known, "promised": np.exp(a.wide), "power of two": power}
    return {
        "known": known,
        "rounded": functions.exp(a.x, frac=24),
        "promised": functions.exp(a.wide, -8, 8),
        "power of two": power,
    }


def _sigmoidal(ctx: Any, a: Arrays) -> dict[str, Any]:
    tanh = np.tanh(a.x)
    if ctx is None:
        sigmoid = 1 / (1 + np.exp(-a.x))
        return {"sigmoid": sigmoid, "promised": sigmoid, "tanh": tanh, "softplus": np.log1p(np.exp(a.x))}
    return {
        "sigmoid": functions.sigmoid(a.x),
        "promised": functions.sigmoid(a.wide, limit=8),
        "tanh": tanh,
        "softplus": functions.softplus(a.x),
    }


def _powers(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "reciprocal": 1 / a.p,
        "quotient": a.x / a.p,
        "square root": np.sqrt(a.p),
        "its reciprocal": functions.rsqrt(a.p) if ctx else 1 / np.sqrt(a.p),
        "power": functions.real_power(a.p, 0.37) if ctx else a.p**0.37,
    }


CASES = [
    Case("exponential", _exp, GIVEN, relative=2.0**-12, tolerance=2.0**-24, float_tolerance=1e-3),
    Case(
        "sigmoid and the like",
        _sigmoidal,
        GIVEN,
        tolerance={"sigmoid": 1.1e-3, "promised": 1.1e-3, "tanh": 2.2e-3, "softplus": 1.1e-3},
        float_tolerance=2.2e-3,
    ),
    Case(
        "real powers and quotients",
        _powers,
        GIVEN,
        relative=2.0**-12,
        tolerance=2.0**-17,
        float_tolerance=1e-3,
    ),
    Case(
        "logarithms",
        lambda ctx, a: {"log": np.log(a.p), "log2": np.log2(a.p), "log1p": np.log1p(a.p)},
        GIVEN,
        tolerance={"log": 5e-5, "log2": 5e-5 / np.log(2), "log1p": 5e-5},
        float_tolerance=1e-4,
    ),
]
