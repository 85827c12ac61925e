"""Logarithms, powers, reciprocals, quotients: over their whole range, at its edges, and beyond."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.mpc import Context, Program, Secret, trace, twin
from coterie.mpc import functions as f

from .rig import DEALER, NAMES, play

Floats = NDArray[np.float64]
LOW, HIGH = 2.0**-8, 2.0**8
PRECISION = 2.0**-12


def grid(low: float, high: float, n: int = 6000) -> Floats:
    """Multiples of 2^-18, evenly on a logarithmic scale, with the ends and all powers of two between."""
    inner = np.exp2(np.linspace(np.log2(low), np.log2(high), n))
    powers = np.exp2(np.arange(np.ceil(np.log2(low)), np.floor(np.log2(high)) + 1))
    units = 2.0**-18 * np.array([-1, 0, 1])
    x = np.concatenate([inner, (powers[:, None] + units).reshape(-1), [low, high]])
    return np.clip(np.rint(x * 2**18) / 2**18, low, high)


def program(function: Callable[[Secret], Secret], n: int, bound: Any) -> Program:
    def body(ctx: Context) -> None:
        y = function(ctx.private("x", ctx.parties[0], (n,), bound).secret())
        ctx.check()
        ctx.reveal(y, ctx.parties, "y")

    return body


RELATIVE: Mapping[str, tuple[Callable[[Secret], Secret], Callable[[Floats], Floats]]] = {
    "reciprocal": (f.reciprocal, lambda x: 1 / x),
    "of the negative": (lambda x: f.reciprocal(-x), lambda x: -1 / x),
    "sqrt": (f.sqrt, np.sqrt),
    "rsqrt": (f.rsqrt, lambda x: x**-0.5),
    "1.5": (lambda x: f.real_power(x, 1.5), lambda x: x**1.5),
    "-0.1": (lambda x: f.real_power(x, -0.1), lambda x: x**-0.1),
    "rounded": (lambda x: f.reciprocal(x, frac=24), lambda x: 1 / x),
    "quotient": (lambda x: f.divide(3 - x, x), lambda x: (3 - x) / x),
    "of a number": (lambda x: 2.5 / x, lambda x: 2.5 / x),
}
ABSOLUTE: Mapping[str, tuple[Callable[[Secret], Secret], Callable[[Floats], Floats], float]] = {
    "log": (f.log, np.log, 5e-5),
    "log2": (f.log2, np.log2, 7e-5),
    "log10": (f.log10, np.log10, 3e-5),
    "log1p": (lambda x: f.log1p(x - LOW), lambda x: np.log1p(x - LOW), 5e-5),
    "by a number": (lambda x: x / 3, lambda x: x / 3, 2.0**-12),
}


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", RELATIVE)
def test_relative_errors_over_the_whole_range(name: str, count: int) -> None:
    function, truth = RELATIVE[name]
    x = grid(LOW, HIGH)
    got = play(program(function, x.size, (LOW, HIGH)), {"x": x}, NAMES[:count]).result("y")
    slack = 2.0**-24 if name == "rounded" else 0.0
    if name == "quotient":
        x, got = x[x != 3], got[x != 3]
    error = np.abs(got / truth(x) - 1) - slack / np.abs(truth(x))
    assert error.max() < PRECISION


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("name", ABSOLUTE)
def test_errors_of_logarithms(name: str, count: int) -> None:
    function, truth, error = ABSOLUTE[name]
    x = grid(LOW, HIGH)
    body = program(function, x.size, (LOW, HIGH))
    names = (*NAMES, "insurer", "clinic")[:count]
    got = play(body, {"x": x}, names).result("y")
    assert np.abs(got - truth(x)).max() < error * (1 if count < 5 else 2)
    assert abs(np.mean(got - truth(x))) < error / 3


def test_twins() -> None:
    x = grid(LOW, HIGH)
    for function, truth in RELATIVE.values():
        body = program(function, x.size, (LOW, HIGH))
        exact = twin(body, NAMES[:2], {"x": x}, "float").revealed["y"]
        np.testing.assert_allclose(exact, truth(x), rtol=1e-12)
        fixed = twin(body, NAMES[:2], {"x": x}, "fixed").revealed["y"]
        np.testing.assert_allclose(fixed, exact, rtol=PRECISION, atol=2.0**-24)


@pytest.mark.parametrize(
    ("low", "high", "bound", "frac"),
    [
        (0.05, 100.0, 1e6, 18),
        (1.0, 1.5, 1.6, 18),
        (0.25, 1.0, 50.0, 18),
        (3.0, 3.0, 3.0, 18),
        (0.1, 10.0, 1000.0, 24),
        (2.0**-10, 2.0**-8, 1.0, 30),
        (2.0**4, 2.0**20, 2.0**21, 10),
        (0.5, 4.0, 8.0, 45),
    ],
)
@pytest.mark.parametrize("count", [2, 3])
def test_promised_ranges_and_formats(low: float, high: float, bound: float, frac: int, count: int) -> None:
    x = np.clip(np.rint(np.geomspace(low, high, 500) * 2.0**18) / 2.0**18, low, high)

    def body(ctx: Context) -> None:
        given = ctx.private("x", ctx.parties[0], (500,), bound, min(frac, 18) if low > 1e-2 else 30).secret()
        y = f.reciprocal(ctx.refine(given, max(frac, given.frac)), low=low, high=high)
        ctx.check()
        ctx.reveal(y, ctx.parties, "y")

    got = play(body, {"x": x}, NAMES[:count]).result("y")
    held = np.rint(x * 2.0**frac) / 2.0**frac if frac < 18 else x
    assert np.abs(got * held - 1).max() < PRECISION


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("far", [0.0, -(2.0**-18), -0.3, -5.0, -900.0, 7.1, 8.0, 100.0, 999.0])
def test_a_broken_promise_is_found(far: float, count: int) -> None:
    x = np.full(40, 1.25)
    body = program(lambda x: f.reciprocal(x, low=0.1, high=4), 40, 1000.0)
    assert not play(body, {"x": x}, NAMES[:count], raises=False).errors
    x[7] = far
    played = play(body, {"x": x}, NAMES[:count], raises=False)
    for name in NAMES[:count]:
        error = played.errors[name]
        assert isinstance(error, CoterieError)
        assert error.code == "CT-2108"


def test_a_kept_promise_passes_at_its_ends() -> None:
    body = program(lambda x: f.log(x, low=0.125, high=4), 300, 1000.0)
    for _ in range(4):
        assert not play(body, {"x": np.repeat([0.125, 4.0, 3.99999], 100)}, raises=False).errors


@pytest.mark.parametrize("mode", ["float", "fixed"])
def test_twins_find_it_as_well(mode: Any) -> None:
    body = program(lambda x: f.log(x, low=0.125, high=4), 2, 1000.0)
    for far in (0.0, -2.0, 7.5):
        with pytest.raises(CoterieError, match="CT-2108"):
            twin(body, NAMES[:2], {"x": np.array([1.0, far])}, mode)


@pytest.mark.parametrize(
    ("function", "bound"),
    [
        (f.log, 10.0),
        (f.reciprocal, (0.0, 1.0)),
        (f.sqrt, (2.0**-9, 256.0)),
        (lambda x: f.log(x, low=-1, high=1), 100.0),
        (lambda x: 1 / x, (-1.0, 1.0)),
        (lambda x: f.real_power(x, 3.0), (LOW, HIGH)),
    ],
)
def test_ranges_that_do_not_fit(function: Callable[[Secret], Secret], bound: Any) -> None:
    with pytest.raises(CoterieError, match=r"CT-2113.*test_powers.py:\d+"):
        trace(program(function, 3, bound), NAMES[:2], DEALER)


def test_a_public_zero_divides_nothing() -> None:
    with pytest.raises(ZeroDivisionError, match="public zero"):
        trace(program(lambda x: x / 0, 3, 1.0), NAMES[:2], DEALER)


@pytest.mark.parametrize(
    ("function", "rounds", "sent", "dealt"),
    [(f.log, 5, 15, 160), (f.sqrt, 6, 18, 160), (lambda x: f.log(x, low=1, high=8), 7, 16, 176)],
)
def test_cost_is_as_stated(function: Callable[[Secret], Secret], rounds: int, sent: int, dealt: int) -> None:
    base = trace(program(lambda x: x, 1000, (1, 9)), NAMES[:2], DEALER)
    tape = trace(program(function, 1000, (1, 9)), NAMES[:2], DEALER)
    check = 128 if rounds == 7 else 0
    assert tape.sent[NAMES[0]][NAMES[1]] - base.sent[NAMES[0]][NAMES[1]] == 1000 * sent + check
    assert tape.dealt - base.dealt == 1000 * dealt + check // 2
    assert tape.rounds[NAMES[0]] - base.rounds[NAMES[0]] == rounds
