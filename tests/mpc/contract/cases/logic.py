"""Truth values: and, or, not, choosing, counting."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.mpc import functions
from tests.mpc.contract.case import Arrays, Case, multiples, number, private, truth

RANDOM = np.random.default_rng(7)
T, U = RANDOM.integers(0, 2, (2, 4, 5)).astype(bool)
ROW = RANDOM.integers(0, 2, 5).astype(bool)
MANY = RANDOM.integers(0, 9, (3, 16)) > 0
X, Y = multiples(4, 5), multiples(4, 5, seed=1)
WHOLE = RANDOM.integers(0, 2, (4, 5))


def _logic(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "and": a.t & a.u,
        "or": a.t | a.u,
        "xor": a.t ^ a.u,
        "not": ~a.t,
        "and broadcast": np.logical_and(a.t, a.row),
        "or of a column": np.logical_or(a.t[:, :1], a.row),
        "and with itself": a.t & a.t,
        "and with public": a.t & ROW,
        "or with public": np.logical_or(U, a.t),
        "xor with public": a.t ^ True,
        "equal": a.t == a.u,
        "different": a.t != U,
    }


def _groups(ctx: Any, a: Arrays) -> dict[str, Any]:
    """Products of many factors, several at once, that share factors."""
    if ctx is None:
        return {"three": a.t & a.u & a.row, "eight": np.all(a.many[:, :8], axis=1)}
    from coterie.mpc.functions.logic import both

    eight = [a.many[:, i] for i in range(8)]
    three, product = both([[a.t, a.u, a.row], eight])
    return {"three": three, "eight": product}


def _reductions(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "all": np.all(a.many, axis=1),
        "any": np.any(a.t & a.u, axis=0),
        "all of all": a.many.all(),
        "any of seven": a.many[:, :7].any(axis=1),
        "kept": np.all(a.many[:, :1], axis=1, keepdims=True),
        "count": a.t.sum(axis=1),
    }


def _choices(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "secrets": np.where(a.t, a.x, a.y),
        "broadcast": np.where(a.row, a.x[:, :1], a.y),
        "private": np.where(a.t, a.own, a.y),
        "of public": np.where(a.t, 0.25, -3.5),
        "public or secret": np.where(a.t, 1.5, a.x),
        "secret or nothing": np.where(a.t, a.x, 0),
        "nothing or secret": np.where(a.t, 0, a.x),
        "by public": np.where(U, a.x, 2.5),
        "truths": np.where(a.t, a.u, ROW),
        "public truths": np.where(a.t, ROW, False),
        "truths by public": np.where(U, a.t, a.row),
    }


def _products(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        return {
            name: a.t * value for name, value in {"x": a.x, "own": a.own, "one": 1, "row": a.x[0]}.items()
        }
    from coterie.mpc.functions.logic import products

    ctx.mask(a.own)
    ctx.open(a.x)
    x, own, one, row = products([(a.t, a.x), (a.t, a.own), (a.t, None), (a.t, a.x[0])])
    return {"x": x, "own": own, "one": one, "row": row}


def _between(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        return {"bits": a.whole.astype(bool), "back": a.whole, "arithmetic": a.t + 0.5 - a.u}
    bits = functions.truth(a.whole)
    return {"bits": bits, "back": functions.numbers(bits), "arithmetic": a.t + 0.5 - a.u}


def _coins(ctx: Any, a: Arrays) -> dict[str, Any]:
    """Whatever they are, they are 0 or 1, and not all the same."""
    if ctx is None:
        return {"square": np.zeros(64), "all": np.bool_(False), "any": np.bool_(True)}
    coins = ctx.truth("random_bits", [], shape=[64])
    drawn = coins.numbers()
    return {"square": drawn * drawn - drawn, "all": coins.all(), "any": coins.any()}


TRUTHS = {"t": truth(T), "u": truth(U, owner=1), "row": truth(ROW)}
CASES = [
    Case("logic", _logic, TRUTHS),
    Case("products of many truth values", _groups, TRUTHS | {"many": truth(MANY, owner=1)}),
    Case("all and any", _reductions, TRUTHS | {"many": truth(MANY, owner=1)}),
    Case("where", _choices, TRUTHS | {"x": number(X), "y": number(Y, owner=1), "own": private(X, owner=1)}),
    Case(
        "truth values times numbers", _products, {"t": truth(T), "x": number(X), "own": private(Y, owner=1)}
    ),
    Case("truth values and numbers", _between, TRUTHS | {"whole": number(WHOLE, (0.0, 1.0), frac=0)}),
    Case("random truth values", _coins, {"t": truth(T)}),
]
