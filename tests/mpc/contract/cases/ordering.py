"""Order along an axis, by every way that there is: a network of long latency has fewer rounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.mpc import functions
from coterie.mpc.network import Network
from tests.mpc.contract.case import Arrays, Case, multiples, number, private

FAR, NEAR = Network(0.2, 1e9), Network(1e-4, 1e5)
"""Where rounds are dear, and where bytes are."""


def _extremes(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "max": np.max(a.x, axis=1),
        "min": np.min(a.x, axis=0, keepdims=True),
        "of all": np.max(a.x),
        "of one": np.max(a.x[:, :1], axis=1),
        "argmax": np.argmax(a.ties, axis=1),
        "argmin": np.argmin(a.ties, axis=0),
        "argmax of all": np.argmax(a.x),
        "argmax of one": np.argmax(a.ties[:, :1], axis=1),
        "of many": np.max(a.line),
        "place of many": np.argmax(a.line),
    }


def _sorted(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        order = np.argsort(a.ties, axis=1, kind="stable")
        by_key = np.argsort(a.keys, kind="stable")
        largest = np.argsort(-a.ties, axis=1, kind="stable")[:, :3]
        backwards = np.argsort(-a.keys, kind="stable")
        values, places = np.take_along_axis(a.ties, largest, 1), largest
        keys, columns, moved = a.keys[by_key], a.columns[by_key], a.own[by_key]
        descending = a.columns[backwards]
    else:
        order = functions.argsort(a.ties, axis=1)
        keys, columns, moved = functions.sort_by_key(a.keys, a.columns, a.own)
        _, descending = functions.sort_by_key(a.keys, a.columns, descending=True)
        values, places = functions.top_k(a.ties, 3, axis=1)
    return {
        "sorted": np.sort(a.x),
        "columns sorted": np.sort(a.x, axis=0),
        "flat": np.sort(a.ties, axis=None),
        "order": order,
        "keys": keys,
        "columns": columns,
        "private column": moved,
        "descending": descending,
        "largest": values,
        "places of the largest": places,
    }


def _quantiles(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "median": np.median(a.x, axis=0),
        "median of an even number": np.median(a.ties),
        "quantile": np.quantile(a.line, 0.3),
        "quantiles": np.quantile(a.x, [0.0, 0.1, 0.75, 1.0], axis=1),
    }


def _given(n: int) -> dict[str, Any]:
    """Rows of five, and of n with ties; n keys with columns."""
    rng = np.random.default_rng(n)
    keys = rng.integers(0, 6, n)
    return {
        "x": number(multiples(3, 5, seed=1)),
        "ties": number(rng.integers(0, 4, (2, n)), frac=0, owner=1),
        "line": number(multiples(37, seed=3)),
        "keys": number(keys, frac=0),
        "columns": number(multiples(n, 2, seed=4)),
        "own": private(keys * 2.5, owner=1),
    }


CASES = [
    Case(
        f"{name}, {what}",
        program,
        _given(n),
        tolerance=tolerance,
        float_tolerance=1e-5,
        tracing={"network": line},
    )
    for name, program, tolerance in (
        ("largest and smallest", _extremes, 0.0),
        ("sorting", _sorted, 0.0),
        ("quantiles", _quantiles, 16 * 2.0**-20),
    )
    for what, line, n in (("few rounds", FAR, 11), ("few bytes", NEAR, 64))
]
