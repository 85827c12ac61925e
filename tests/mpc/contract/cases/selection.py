"""Selection by an index, permutations, and sums by segment."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.mpc import functions
from coterie.mpc.network import Network
from tests.mpc.contract.case import Arrays, Case, multiples, number, permutation, private, truth

RANDOM = np.random.default_rng(11)
INDEX = RANDOM.integers(0, 7, (3, 4))
SMALL_TABLE = multiples(7, 2, seed=1, frac=10)
LARGE = RANDOM.integers(40, 340, 9)
LARGE_TABLE = multiples(340, 2, seed=2)
ROWS, LINES = multiples(7, 2, 3, seed=3), multiples(3, 5, seed=4)
PLACES = RANDOM.integers(0, 5, (3, 2))
UNIT = 2.0**-18


def whole(values: Any, **options: Any) -> Any:
    """An index without fractional bits."""
    return number(values, frac=0, **options)


def _one_hot(ctx: Any, a: Arrays) -> dict[str, Any]:
    return {
        "whole": functions.one_hot(a.x, 7),
        "more classes than are used": functions.one_hot(a.x, 11),
        "with fractional bits": functions.one_hot(a.fine, 7),
        "two classes": functions.one_hot(a.fine_bit, 2),
        "of truth": functions.one_hot(a.bit, 2),
        "of one class": functions.one_hot(ctx.zeros((2,), 0), 1),
        "of the owner's": functions.as_secret(functions.one_hot(a.own, 7)),
    }


def _one_hot_oracle(a: Arrays) -> dict[str, Any]:
    def vectors(x: Any, n: int) -> Any:
        return (np.asarray(x)[..., None] == np.arange(n)).astype(float)

    return {
        "whole": vectors(a.x, 7),
        "more classes than are used": vectors(a.x, 11),
        "with fractional bits": vectors(a.fine, 7),
        "two classes": vectors(a.fine_bit, 2),
        "of truth": vectors(a.bit, 2),
        "of one class": np.ones((2, 1)),
        "of the owner's": vectors(a.own, 7),
    }


def _tables(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        x, large = a.x.astype(int), a.large.astype(int)
        return {
            "columns": SMALL_TABLE[x],
            "of halves": np.sqrt(np.arange(7.0))[x],
            "on two levels": LARGE_TABLE[large],
            "of a constant": np.broadcast_to(SMALL_TABLE[3], (2, 2)),
            "of truth": np.array([-0.3, 0.7])[a.bit.astype(int)],
        }
    return {
        "columns": functions.table(a.x, SMALL_TABLE),
        "of halves": functions.table(a.x, np.sqrt(np.arange(7.0)), frac=24),
        "on two levels": functions.lookup(LARGE_TABLE, a.large),
        "of a constant": functions.table(ctx.zeros((2,), 0) + 3, SMALL_TABLE),
        "of truth": functions.table(a.bit, np.array([-0.3, 0.7])),
    }


def _lookups(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        x, places = a.x.astype(int), a.places.astype(int)
        vector = a.own.astype(int)
        return {
            "rows": a.rows[x],
            "rows again": a.rows[x.T],
            "along another axis": np.take(a.lines, places, axis=1),
            "by the owner's": a.rows[vector],
            "line by line": np.take_along_axis(a.lines, places, 1),
            "of public lines": np.take_along_axis(LINES[::-1], places, 1),
            "by public places": np.take_along_axis(a.lines, PLACES, 1),
            "chosen": np.choose(
                np.minimum(places, 2), [a.lines[:, :2], np.full((3, 2), 1.5), -a.lines[:, 1:3]]
            ),
            "of public choices": np.choose(places, [1.0, 2.5, -3.0, 4.0, 0.25]),
            "selected": np.select([a.bit, ~a.bit], [a.lines[:, 0], 2.0], 7.0),
        }
    third = functions.table(a.places, np.minimum(np.arange(5), 2))
    return {
        "rows": functions.lookup(a.rows, a.x),
        "rows again": np.take(a.rows, a.x.T, axis=0),
        "along another axis": np.take(a.lines, a.places, axis=1),
        "by the owner's": functions.lookup(a.rows, a.own),
        "line by line": np.take_along_axis(a.lines, a.places, 1),
        "of public lines": functions.take_along_axis(LINES[::-1], a.places, 1),
        "by public places": np.take_along_axis(a.lines, PLACES, 1),
        "chosen": functions.choose(third, [a.lines[:, :2], 1.5, -a.lines[:, 1:3]]),
        "of public choices": functions.choose(a.places, [1.0, 2.5, -3.0, 4.0, 0.25]),
        "selected": functions.select([a.bit, ~a.bit], [a.lines[:, 0], 2.0], 7.0),
    }


ORDER = RANDOM.permutation(13)
TALL, LONG = multiples(13, 3, seed=5), multiples(13, seed=6)


def _permutations(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        back = np.argsort(ORDER)
        return {
            "public": a.tall[ORDER],
            "public, back": a.tall[back],
            "private": a.tall[ORDER],
            "private, beside": a.long[ORDER],
            "private, back": a.tall[back],
            "secret": a.tall[ORDER],
            "secret, beside": a.long[ORDER],
            "secret, back": a.tall[back],
            "secret, with fractional bits": a.long[ORDER],
            "inverse": back.astype(float),
        }
    tall, beside = functions.permute((a.tall, a.long), a.own)
    secret_tall, secret_long = functions.permute((a.tall, a.long), a.places)
    return {
        "public": functions.permute(a.tall, ORDER),
        "public, back": functions.permute(a.tall, ORDER, inverse=True),
        "private": tall,
        "private, beside": beside,
        "private, back": functions.permute(a.tall, a.own, inverse=True),
        "secret": secret_tall,
        "secret, beside": secret_long,
        "secret, back": functions.permute(a.tall, a.places, inverse=True),
        "secret, with fractional bits": functions.permute(a.long, a.fine),
        "inverse": functions.inverse_permutation(a.places),
    }


def _shuffle(ctx: Any, a: Arrays) -> dict[str, Any]:
    """What does not depend on the order, and that rows stay together."""
    tall, beside, again = (
        (a.tall, a.long, a.tall) if ctx is None else functions.shuffle(a.tall, a.long, a.tall)
    )
    return {
        "sums": tall.sum(axis=0),
        "squares": (tall * tall).sum(axis=0),
        "products": (tall * beside.reshape(-1, 1)).sum(axis=0),
        "difference": tall - again,
    }


SEGMENTS = RANDOM.integers(0, 6, 40)
SEGMENTS[SEGMENTS == 3] = 1
LONG_SEGMENTS = np.random.default_rng(8).integers([[0], [2]], [[6], [4]], (2, 1200))
RANDOM_FLAGS = np.random.default_rng(9).integers(0, 2, 1200)
LONG_TABLE = multiples(40, 2, seed=7)


def _added_up(rows: Any, segments: Any, count: int) -> Any:
    result = np.zeros((count, *rows.shape[1:]))
    np.add.at(result, segments.astype(int), rows)
    return result


def _sums(ctx: Any, a: Arrays) -> dict[str, Any]:
    """Few segments by a matrix, many in order."""
    if ctx is None:
        return {
            "few": _added_up(a.x, a.few, 2),
            "many": _added_up(a.x, a.many, 30),
            "of a vector": _added_up(a.x[:, 0], a.many, 30),
            "secret": _added_up(a.x, a.secret, 6),
        }
    return {
        "few": functions.segment_sum(a.x, a.few, 2),
        "many": functions.segment_sum(a.x, a.many, 30),
        "of a vector": functions.segment_sum(a.x[:, 0], a.many, 30),
        "secret": functions.segment_sum(a.x, a.secret, 6),
    }


def _tallies(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        found = [np.bincount(one.astype(int), weights=a.x, minlength=6) for one in (a.first, a.second)]
        return {
            "flags": np.stack(found),
            "small": np.bincount(a.first.astype(int), weights=a.y, minlength=9)[None],
        }
    return {
        "flags": functions.segment_tally(a.x, [a.first, a.second], 6),
        "small": functions.segment_tally(a.y, [a.first], 9),
    }


def _means(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is None:
        counts = np.bincount(SEGMENTS, minlength=6).astype(float)
        means = _added_up(a.x, SEGMENTS, 6) / np.maximum(counts, 1)[:, None]
        return {"public": means, "private": means, "counted": counts, "secretly counted": counts}
    return {
        "public": functions.segment_mean(a.x, SEGMENTS, 6),
        "private": functions.segment_mean(a.x, a.many, 30)[:6],
        "counted": functions.as_secret(functions.segment_count(a.many, 30))[:6],
        "secretly counted": functions.segment_count(a.secret, 6),
    }


def _random(ctx: Any, a: Arrays) -> dict[str, Any]:
    """Laws that are narrow, so that what is drawn is known within the tolerance."""
    if ctx is None:
        noisy = dict.fromkeys(("gaussian", "laplace", "by the parties", "large"), a.x)
        return {"integers": np.full(5, 7.0), "uniform": np.full((2, 2), 0.5)} | noisy
    return {
        "integers": functions.random_integers(ctx, 7, 8, (5,)),
        "uniform": functions.random_uniform(ctx, 0.499, 0.501, (2, 2)),
        "gaussian": a.x + functions.discrete_gaussian(ctx, a.x.shape, 2.0**-17),
        "laplace": a.x + functions.discrete_laplace(ctx, a.x.shape, 2.0**-17),
        "by the parties": a.x + functions.discrete_gaussian(ctx, a.x.shape, 2.0**-14, by="parties"),
        "large": a.x + functions.discrete_gaussian(ctx, a.x.shape, 1e-4, frac=36),
    }


CASES = [
    Case(
        "one-hot",
        _one_hot,
        {
            "x": whole(INDEX),
            "fine": number(INDEX, owner=1),
            "fine_bit": number(INDEX[0] % 2),
            "bit": truth(INDEX % 2),
            "own": private(INDEX[0], frac=0, owner=1),
        },
        _one_hot_oracle,
    ),
    Case(
        "tables",
        _tables,
        {"x": whole(INDEX), "large": whole(LARGE, owner=1), "bit": truth(INDEX % 2)},
        tolerance={
            "columns": 0,
            "of halves": 2.0**-24,
            "on two levels": 8 * 2.0**-20,
            "of a constant": 0,
            "of truth": 2.0**-20,
        },
        float_tolerance=8 * 2.0**-20,
        tracing={"network": Network(1e-4, 1e6)},
    ),
    Case(
        "lookups",
        _lookups,
        {
            "x": whole(INDEX),
            "rows": number(ROWS, owner=1),
            "lines": number(LINES),
            "places": number(PLACES, (0, 4), owner=1),
            "own": private(INDEX[0], (0, 6), frac=0),
            "bit": truth(RANDOM.integers(0, 2, 3)),
        },
        tolerance=8 * 2.0**-20,
        float_tolerance=8 * 2.0**-20,
    ),
    Case(
        "permutations",
        _permutations,
        {
            "tall": number(TALL),
            "long": number(LONG, owner=1),
            "own": permutation(ORDER, owner=1),
            "places": whole(ORDER, owner=1),
            "fine": number(ORDER),
        },
    ),
    Case("shuffle", _shuffle, {"tall": number(TALL), "long": number(LONG, owner=1)}),
    Case(
        "sums by segment",
        _sums,
        {
            "x": number(LONG_TABLE),
            "few": private(SEGMENTS % 2, frac=0, owner=1),
            "many": private(SEGMENTS, (0, 29)),
            "secret": whole(SEGMENTS, owner=1),
        },
    ),
    Case(
        "tallies by segment",
        _tallies,
        {
            "x": private(RANDOM_FLAGS, (0, 1), frac=0),
            "y": private(np.arange(1200) % 16, frac=0),
            "first": private(LONG_SEGMENTS[0], (0, 5), frac=0, owner=1),
            "second": private(LONG_SEGMENTS[1], (0, 5), frac=0, owner=1),
        },
    ),
    Case(
        "means by segment",
        _means,
        {
            "x": number(LONG_TABLE),
            "many": private(SEGMENTS, (0, 29), frac=0, owner=1),
            "secret": whole(SEGMENTS, owner=1),
        },
        tolerance=8 * 2.0**-19,
        float_tolerance=8 * 2.0**-20,
    ),
    Case(
        "random numbers",
        _random,
        {"x": number(TALL)},
        tolerance={
            "integers": 0,
            "uniform": 0.001,
            "gaussian": 15 * 2.0**-17,
            "laplace": 90 * 2.0**-17,
            "by the parties": 5 * 14 * 2.0**-14,
            "large": 14e-4,
        },
        float_tolerance=5 * 14 * 2.0**-14,
    ),
]
