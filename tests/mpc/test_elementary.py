"""Exponential functions on dense grids, at the edges of their ranges, and beyond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.mpc import Context, Program, Secret, trace, twin
from coterie.mpc import functions as f

from .rig import DEALER, NAMES, Played, play

Floats = NDArray[np.float64]
Function = Callable[[Secret], Secret]


def program(function: Function, n: int, bound: Any, frac: int = 18) -> Program:
    """The function of one party's input, revealed to all."""

    def body(ctx: Context) -> None:
        y = function(ctx.private("x", ctx.parties[0], (n,), bound, frac).secret())
        ctx.check()
        ctx.reveal(y, ctx.parties, "y")

    return body


def grid(low: float, high: float, n: int = 20_001, frac: int = 18) -> Floats:
    """Multiples of the unit, both ends among them."""
    unit = 2.0**-frac
    return np.clip(np.rint(np.linspace(low, high, n) / unit) * unit, low, high)


def outcome(function: Function, x: Floats, bound: Any, count: int = 2) -> Played:
    return play(program(function, x.size, bound), {"x": x}, NAMES[:count], raises=False)


def relative_error(body: Program, x: Floats, count: int, truth: Callable[[Floats], Floats]) -> Floats:
    return np.asarray(play(body, {"x": x}, NAMES[:count]).result("y") / truth(x) - 1)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    ("low", "high", "precision"),
    [
        (-8, 8, 13),
        (-11, 11, 12),
        (0, 1, 13),
        (-20, 2, 12),
        (-3, 1, 13),
        (5, 6.5, 13),
        (0, 0, 13),
        (-16, 0, 13),
    ],
)
def test_exponential_of_a_known_range(low: float, high: float, precision: int, count: int) -> None:
    x = grid(low, high)
    error = relative_error(program(f.exp, x.size, (low, high)), x, count, np.exp)
    assert np.abs(error).max() < 2.0**-precision
    assert abs(error.mean()) < 2.0**-16


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(("low", "high"), [(-8, 8), (-12, 4), (-1, 1), (0, 0.25), (3, 7), (-5, 5)])
def test_exponential_of_a_promised_range(low: float, high: float, count: int) -> None:
    x = grid(low, high)
    body = program(lambda x: f.exp(x, low=low, high=high), x.size, 1000.0)
    error = relative_error(body, x, count, np.exp)
    assert np.abs(error).max() < 2.0**-12
    assert abs(error.mean()) < 2.0**-15


@pytest.mark.parametrize("frac", [0, 5, 18, 36, 45])
def test_arguments_of_any_fixed_point_format(frac: int) -> None:
    x = grid(-4, 4, 999, min(frac, 18))

    def body(ctx: Context, options: dict[str, float]) -> None:
        x = ctx.private("x", ctx.parties[0], (999,), 50.0, min(frac, 18)).secret()
        y = f.exp(ctx.refine(x, frac).reshape(27, 37), **options)
        ctx.check()
        ctx.reveal(y, ctx.parties, "y")

    got = play(lambda ctx: body(ctx, {"low": -4, "high": 4}), {"x": x}).result("y")
    assert got.shape == (27, 37)
    assert np.abs(got.reshape(-1) / np.exp(x) - 1).max() < 2.0**-12


def test_powers_of_two_and_rounding() -> None:
    x = grid(-15, 15)
    error = relative_error(program(f.exp2, x.size, 15.0), x, 2, np.exp2)
    assert np.abs(error).max() < 2.0**-12
    body = program(lambda x: f.exp2(x, frac=20), x.size, 15.0)
    assert play(body, {"x": x}).tape.instructions[-1].call.input_forms[0].frac == 20
    got = play(body, {"x": x}).result("y")
    assert (np.abs(got - np.exp2(x)) < 2.0**-12 * np.exp2(x) + 2.0**-20).all()


def test_twins_of_the_exponential() -> None:
    x = grid(-8, 8)
    for promised, bound in (({}, 8.0), ({"low": -8, "high": 8}, 1000.0)):
        body = program(lambda x, promised=promised: f.exp(x, **promised), x.size, bound)  # type: ignore[misc]
        exact = twin(body, NAMES[:2], {"x": x}, "float").revealed["y"]
        np.testing.assert_allclose(exact, np.exp(x), rtol=1e-15)
        fixed = twin(body, NAMES[:2], {"x": x}, "fixed").revealed["y"]
        assert np.abs(fixed / exact - 1).max() < 2.0**-12.5


@pytest.mark.parametrize("count", [2, 3])
def test_a_kept_promise_passes_and_a_broken_one_fails(count: int) -> None:
    def function(x: Secret) -> Secret:
        return f.exp(x, low=-3, high=1)

    x = grid(-3, 1, 500)
    for _ in range(4):  # fresh masks each time
        assert not outcome(function, x, 1e4, count).errors
    for far in (1.81, -3.81, 2.0, 5.0, 10.0, -100.0, 9999.0, 3.4 * 2**10):
        x[77] = far
        played = outcome(function, x, 1e4, count)
        errors = [played.errors.get(name) for name in NAMES[:count]]
        assert all(isinstance(error, CoterieError) and error.code == "CT-2108" for error in errors)
        assert not any(outputs.revealed for outputs in played.outputs.values())


def test_between_promise_and_alarm_values_are_right() -> None:
    """Whatever the guard says, which depends on the masks: those that pass are not wrong."""
    passed = failed = 0
    for x in np.concatenate([np.linspace(1.01, 1.79, 12), np.linspace(-3.01, -3.79, 12)]):
        played = outcome(lambda x: f.exp(x, low=-3, high=1), np.array([x]), 1e4)
        failed += bool(played.errors)
        if not played.errors:
            passed += 1
            assert abs(played.result("y")[0] / np.exp(x) - 1) < 2.0**-12
    assert passed
    assert failed


def test_ranges_that_do_not_fit_ask_for_a_promise() -> None:
    for function, bound in (
        (f.exp, 30.0),
        (lambda x: f.exp(x, low=-20, high=20), 1000.0),
        (lambda x: f.exp(x, low=-20), 1000.0),
    ):
        with pytest.raises(CoterieError, match=r"CT-2113.*test_elementary.py:\d+") as caught:
            trace(program(function, 3, bound), NAMES[:2], DEALER)
        assert caught.value.code == "CT-2113"


def test_cost_is_as_stated() -> None:
    """Three bytes and a round; a promise takes five and a guard."""

    def traced(**promised: float) -> Any:
        body = program(lambda x: f.exp(x, **promised), 1000, 100.0 if promised else 8.0)
        return trace(body, NAMES[:2], DEALER)

    base = trace(program(lambda x: x, 1000, 8.0), NAMES[:2], DEALER)
    for tape, sent, dealt in ((traced(), 3, 16), (traced(low=-8, high=8), 5, 32)):
        check = 128 if sent == 5 else 0
        assert tape.sent[NAMES[0]][NAMES[1]] - base.sent[NAMES[0]][NAMES[1]] == 1000 * sent + check
        assert tape.dealt - base.dealt == 1000 * dealt + check // 2
        assert tape.rounds[NAMES[0]] - base.rounds[NAMES[0]] == (3 if check else 1)
