"""Every way to do a comparison, by name: tables with trees of all depths, the distributed function."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.mpc.network import Network
from tests.mpc.contract.case import Arrays, Case, multiples, number

UNIT = 2.0**-18
X = np.concatenate([multiples(130), [0.0, UNIT, -UNIT, 2.5, 2.5 - UNIT, -8.0, 8.0]])
BITS = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
POINTS = [0, 1, -(2**20), round(2.5 * 2**18), 2**22]


def _asked(ctx: Any, kind: str, x: Any, points: list[int] | None, **params: Any) -> Any:
    thresholds = None if points is None else [str(point) for point in points]
    return ctx.truth(kind, [x], thresholds=thresholds, because="named", **params)


def _tables(ctx: Any, a: Arrays) -> dict[str, Any]:
    found = {}
    for levels in (1, 2, 3):
        for what in ("less", "equal"):
            found[f"{what}, {levels}"] = _asked(ctx, f"{what}_tables", a.x, None, levels=levels)
            found[f"{what}, all, {levels}"] = _asked(ctx, f"{what}_tables", a.x, POINTS, levels=levels)
    return found


def _tables_wanted(a: Arrays) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for levels in (1, 2, 3):
        found |= {f"{name}, {levels}": value for name, value in _wanted(a.x).items()}
    return found


def _wanted(x: Any) -> dict[str, Any]:
    points = np.array(POINTS).reshape(-1, 1) * UNIT
    return {"less": x < 0, "equal": x == 0, "less, all": x < points, "equal, all": x == points}


def _function(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "less": _asked(ctx, "less_dcf", a.x, None),
        "equal": _asked(ctx, "equal_dcf", a.x, None),
        "less, all": _asked(ctx, "less_dcf", a.x, POINTS),
        "equal, all": _asked(ctx, "equal_dcf", a.x, POINTS),
    }


def _few_bits(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "less": _asked(ctx, "less_tables", a.x, None, levels=0),
        "equal": _asked(ctx, "equal_tables", a.x, None, levels=0),
    }


def _chosen(ctx: Any, a: Arrays) -> dict[str, Any]:
    """By the network: the function for few values, tables for more; over 50 ms of round trip."""
    return {"few": np.less(a.x[:3], 1.25), "many": np.less(a.x.reshape(1, -1), a.column)}


CASES = [
    Case("comparison by tables", _tables, {"x": number(X)}, _tables_wanted),
    Case(
        "comparison by tables of one chunk",
        _few_bits,
        {"x": number(BITS, frac=0)},
        lambda a: {"less": a.x < 0, "equal": a.x == 0},
    ),
    Case(
        "comparison by the distributed function",
        _function,
        {"x": number(X)},
        lambda a: _wanted(a.x),
        parties=(2,),
    ),
    Case(
        "comparison by the distributed function, few bits",
        lambda ctx, a: {"less": _asked(ctx, "less_dcf", a.x, None)},
        {"x": number(BITS, frac=0)},
        lambda a: {"less": a.x < 0},
        parties=(2,),
    ),
    Case(
        "comparison as the network suggests",
        _chosen,
        {"x": number(X), "column": number(multiples(4, 1, seed=1), owner=1)},
        tracing={"network": Network.WAN},
    ),
]
