"""Sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.mpc import functions
from tests.mpc.contract.case import Arrays, Case, multiples, number, private

X, Y = multiples(5, 3), multiples(5, 3, seed=1)
ROW, COLUMN = multiples(3, seed=2), multiples(5, 1, seed=3)
MATRIX, VECTOR = multiples(3, 4, seed=4), multiples(5, seed=5)
FACTORS = multiples(5, 3, seed=6, frac=8)
UNIT = 2.0**-18


def _sums(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "sum": a.x + a.y,
        "difference": a.x - a.y,
        "of broadcast shapes": a.x + a.row - a.column,
        "with public": 2.25 - (a.x + FACTORS),
        "negative": -a.x,
        "with private": a.x - a.own,
        "from private": 1.5 - a.own,
    }


def _reductions(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "all": np.sum(a.x),
        "rows": np.sum(a.x, axis=1, keepdims=True),
        "running": np.cumsum(a.x, axis=0),
        "running flat": np.cumsum(a.x),
    }


def _products(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "of secrets": a.x * a.y,
        "broadcast": a.x * a.row,
        "with private": a.own * a.y,
        "with public": a.x * FACTORS,
        "square": np.square(a.x),
        "matrix": a.x @ a.matrix,
        "vector": a.vector @ a.x,
        "private matrix": a.own @ a.row,
        "public matrix": FACTORS @ a.matrix,
        "by public matrix": a.y @ FACTORS.T,
    }


def _segments(ctx: Any, a: Arrays) -> dict[str, Any]:
    places = np.array([2, 0, 2, 2, 0])
    if ctx is None:
        result = np.zeros((4, 3))
        np.add.at(result, places, a.x)
        return {"segments": result}
    return {"segments": functions.segment_sum(a.x, places, 4)}


def _local(ctx: Any, a: Arrays) -> dict[str, Any]:
    finer = ctx.refine(a.x, 25)
    return {
        "finer": finer,
        "rounded": functions.rounded(finer, frac=20)[0],
        "quarter": a.x.ldexp(-2),
        "public": ctx.public(FACTORS) + a.x,
        "within": ctx.within(a.x, 8.0),
    }


CASES = [
    Case(
        "sums",
        _sums,
        {
            "x": number(X),
            "y": number(Y, owner=1),
            "row": number(ROW),
            "column": number(COLUMN, owner=1),
            "own": private(Y, owner=1),
        },
    ),
    Case("reductions", _reductions, {"x": number(X)}),
    Case(
        "mean",
        lambda ctx, a: {"mean": np.mean(a.x, axis=0)},
        {"x": number(X)},
        tolerance=8 * 2.0**-20,
        float_tolerance=8 * 2.0**-20,
    ),
    Case(
        "products",
        _products,
        {
            "x": number(X),
            "y": number(Y, owner=1),
            "row": number(ROW),
            "own": private(Y, owner=1),
            "matrix": number(MATRIX),
            "vector": number(VECTOR, owner=2),
        },
    ),
    Case("power", lambda ctx, a: {"fourth": a.x**4}, {"x": number(X)}, tolerance=200 * UNIT),
    Case("segment sums", _segments, {"x": number(X)}),
    Case(
        "other formats",
        _local,
        {"x": number(X)},
        lambda a: {
            "finer": a.x,
            "rounded": a.x,
            "quarter": a.x / 4,
            "public": a.x + FACTORS,
            "within": a.x,
        },
        tolerance=2.0**-20,
    ),
]
