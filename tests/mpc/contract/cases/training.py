"""A pass of everything: private products, sigmoid with its guard, truncation, products."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.mpc import functions
from tests.mpc.contract.case import Arrays, Case, number, private

ROWS = 40
RANDOM = np.random.default_rng(2)


def _pass(ctx: Any, a: Arrays) -> dict[str, Any]:
    with ctx.section("pass 1"):
        ctx.open(a.w)
        p = ctx.sigmoid(ctx.dot([(a.left, a.w[:3]), (a.right, a.w[3:])]), frac=24)
        error = p - a.y
        (g,) = ctx.truncate(functions.concatenate([a.left.T @ error, a.right.T @ error]), frac=18)
    return {"gradient": g, "product": g * a.w}


def _truth(a: Arrays) -> dict[str, Any]:
    x = np.concatenate([a.left, a.right], axis=1)
    gradient = x.T @ (1 / (1 + np.exp(-x @ a.w)) - a.y)
    return {"gradient": gradient, "product": gradient * a.w}


def _guarded(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {"same": ctx.check_range(a.w, 1), "finer": ctx.check_range(ctx.refine(a.w, 30), 1)}


CASES = [
    Case(
        "a range that is guarded",
        _guarded,
        {"w": number(np.linspace(-0.6, 0.6, 6), 1.0, owner=1)},
        lambda a: {"same": a.w, "finer": a.w},
        tolerance=2.0**-19,
    ),
    Case(
        "a training pass",
        _pass,
        {
            "left": private(RANDOM.uniform(-4, 4, (ROWS, 3)), 4.0),
            "right": private(RANDOM.uniform(-4, 4, (ROWS, 3)), 4.0, owner=1),
            "w": number(RANDOM.uniform(-0.4, 0.4, 6), 1.0, owner=1),
            "y": private(RANDOM.integers(0, 2, ROWS), 1.0, frac=24),
        },
        _truth,
        # the sigmoid's error of each row, by its fit and its fixed point, times features up to 4
        tolerance=ROWS * 4 * (2.0**-12 + 2e-4),
        float_tolerance=ROWS * 4 * 2e-4,
    ),
]
