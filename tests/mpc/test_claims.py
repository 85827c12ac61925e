"""Ranges that the engine claims hold for every value that it can compute, at the edges too."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.mpc import Context, Secret, trace
from coterie.mpc import functions as fn
from coterie.mpc.ranges import Interval

from .rig import DEALER, NAMES, play

UNIT = 2.0**-18
ROWS = 64
finite = st.floats(-1e18, 1e18)


@given(st.tuples(finite, finite).map(sorted), st.tuples(finite, finite).map(sorted))
def test_sums_and_products_of_ends_are_never_short(one: list[float], other: list[float]) -> None:
    left, right = Interval(*one), Interval(*other)
    for found, operation in ((left + right, Fraction.__add__), (left * right, Fraction.__mul__)):
        exact = [operation(Fraction(a), Fraction(b)) for a in one for b in other]
        assert found.low <= min(exact)
        assert max(exact) <= found.high
    assert left.summed(7).high >= 7 * Fraction(left.high)


def test_ends_that_floats_hold_stay_as_they_are() -> None:
    assert Interval(0.0, 1.0) + Interval(0.0, 2.0**-18) == Interval(0.0, 1 + 2.0**-18)
    assert Interval(0.0, 3.0).summed(5) == Interval(0.0, 15.0)
    assert Interval(-1.0, 1.0) * 1e308 * 1e308 == Interval(-np.inf, np.inf)


def edges(ctx: Context) -> tuple[Secret, Secret]:
    """Two formats that do not fit together without rounding."""
    x = ctx.private("x", ctx.parties[0], (ROWS,), (-1.0, 100.0), 40).secret()
    y = ctx.private("y", ctx.parties[1], (ROWS,), (-(2.0**30), 128 - UNIT), 18).secret()
    return x, y


def test_what_uses_an_operand_twice_rounds_it_once() -> None:
    def program(ctx: Context) -> None:
        x, y = edges(ctx)
        largest = fn.maximum(x, y)
        ctx.reveal(largest, ctx.parties, "largest")
        ctx.reveal(largest < 0.0, ctx.parties, "negative")
        ctx.reveal(abs(largest), ctx.parties, "magnitude")
        ctx.reveal(fn.where(fn.less(x, 50.0), y, x), ctx.parties, "chosen")

    inputs = {"x": np.full(ROWS, 2.0**-19), "y": np.full(ROWS, 128 - UNIT)}
    played = play(program, inputs)
    assert not played.result("negative").any()
    for name in ("largest", "magnitude", "chosen"):
        np.testing.assert_array_equal(played.result(name), 128 - UNIT)


@pytest.mark.parametrize("draw", [fn.discrete_gaussian, fn.discrete_laplace])
def test_a_dealer_gets_nothing_that_its_own_noise_covers(draw: object) -> None:
    def program(ctx: Context, by: str) -> None:
        x = ctx.private("x", ctx.parties[0], (2,), 1.0).secret()
        ctx.reveal(x + draw(ctx, (2,), 3.0, by=by), [DEALER], "y")  # type: ignore[operator]

    with pytest.raises(CoterieError, match="CT-2109"):
        trace(lambda ctx: program(ctx, "dealer"), NAMES[:2], DEALER, guests=[DEALER])
    assert trace(lambda ctx: program(ctx, "parties"), NAMES[:2], DEALER, guests=[DEALER])


@pytest.mark.parametrize("value", [2950.0, 3500.0, 4500.0, 5800.0])
def test_a_broken_promise_is_found_or_leaves_no_claimed_range(value: float) -> None:
    """The guard admits more than was promised: what comes out must lie where the next operation expects."""
    claimed: list[Interval] = []

    def program(ctx: Context) -> None:
        x = ctx.private("x", ctx.parties[0], (300,), (0.0, 6000.0)).secret()
        inverse = fn.reciprocal(x, 1.0, 2900.0)
        claimed.append(inverse.range)
        ctx.check()
        ctx.reveal(inverse, ctx.parties, "inverse")

    played = play(program, {"x": np.full(300, value)}, raises=False)
    if played.errors:
        assert all(isinstance(e, CoterieError) and e.code == "CT-2108" for e in played.errors.values())
    else:
        found = played.result("inverse")
        assert claimed[0].low <= found.min()
        assert found.max() <= claimed[0].high
        np.testing.assert_allclose(found, 1 / value, rtol=0.01)
