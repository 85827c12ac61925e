"""Comparisons, and what follows from one."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.mpc import functions
from tests.mpc.contract.case import Arrays, Case, multiples, number, private

UNIT = 2.0**-18
X = np.concatenate([multiples(9), [0.0, UNIT, -UNIT, 2.5, -8.0, 8.0]])
Y = np.concatenate([multiples(9, seed=1), [0.0, 0.0, 0.0, 2.5, 8.0, -8.0]])
MATRIX = multiples(4, 5, seed=2)
LIMITS = multiples(15, seed=3)
COUNTS = np.random.default_rng(4).integers(0, 4, (3, 6))


def _comparisons(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "less": np.less(a.x, a.y),
        "less or equal": np.less_equal(a.x, a.y),
        "greater": a.x > a.y,
        "greater or equal": a.x >= a.y,
        "than private": np.less(a.x, a.own),
        "than a number": a.x < 2.5,
        "at most a number": a.x <= 2.5,
        "than what is larger": np.less(2.5, a.x),
        "between units": a.x >= 0.1,
        "than zero": a.x < 0,
        "than numbers": a.x > LIMITS,
        "broadcast": a.matrix < a.matrix[:, :1],
        "above all": a.x < 8.5,
        "below all": a.x <= -8.25,
        "disjoint": a.y < a.x - 20,
    }


def _equalities(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "equal": a.x == a.y,
        "different": a.x != a.y,
        "to a number": a.counts == 2,
        "to a number between": a.counts == 1.5,
        "to a number outside": a.counts == 7,
        "to numbers": np.equal(a.x, np.where(LIMITS > 0, X, 0.1)),
        "broadcast": a.counts == a.counts[:, :1],
        "to private": np.not_equal(a.x, a.own),
    }


def _extremes(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "maximum": np.maximum(a.x, a.y),
        "minimum": np.minimum(a.x, a.y),
        "relu": np.maximum(a.x, 0),
        "below": np.minimum(a.x, 2.5),
        "of numbers": np.maximum(LIMITS, a.x),
        "halves": np.maximum(a.counts, 1.5),
        "decided": np.maximum(a.counts, -1),
        "decided broadcast": np.minimum(a.counts[:, :1], np.full(6, 4.0)),
        "with private": np.maximum(a.x, a.own),
        "absolute": np.abs(a.x),
        "absolute of negative": np.abs(a.counts - 10),
        "sign": np.sign(a.x),
        "clip": np.clip(a.x, -1.5, 2.5),
        "clip from one side": np.clip(a.x, None, 2.5),
        "clip by arrays": np.clip(a.x, LIMITS - 3, LIMITS + 3),
        "clip within": np.clip(a.counts, -3, 5),
        "clip to halves": np.clip(a.counts, 0.5, 2.5),
    }


def _bounded(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        return {"x": a.x, "counts": a.counts}
    x = functions.bounded(a.x, (-8.0, 8.0), "x")
    assert x.range.to_list() == [-8, 8]
    return {"x": x, "counts": functions.bounded(a.counts, (0, 3))}


GIVEN = {
    "x": number(X),
    "y": number(Y, 10.0, owner=1),
    "own": private(Y, 10.0, owner=1),
    "matrix": number(MATRIX),
    "counts": number(COUNTS, (0, 5), frac=0),
}
CASES = [
    Case("comparisons", _comparisons, GIVEN),
    Case("equality", _equalities, GIVEN),
    Case("maximum, absolute value and the like", _extremes, GIVEN),
    Case("bounds that are checked", _bounded, GIVEN | {"x": number(X, 50.0)}),
]
