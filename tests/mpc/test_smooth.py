"""Functions of the program's own, and softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf, softmax

from coterie.errors import CoterieError
from coterie.mpc import Context, Program, Secret, trace, twin
from coterie.mpc import functions as f
from coterie.mpc.fourier import Sum
from coterie.mpc.fourier_fit import Basis, fit
from coterie.mpc.network import Network

from .rig import DEALER, NAMES, play

Floats = NDArray[np.float64]


def program(function: Callable[[Secret], Secret], shape: tuple[int, ...], bound: Any) -> Program:
    def body(ctx: Context) -> None:
        y = function(ctx.private("x", ctx.parties[0], shape, bound).secret())
        ctx.check()
        ctx.reveal(y, ctx.parties, "y")

    return body


def grid(low: float, high: float, n: int = 4001) -> Floats:
    return np.clip(np.rint(np.linspace(low, high, n) * 2**18) / 2**18, low, high)


SMOOTH = {
    "sin": (np.sin, -4.0, 4.0, 1e-4, False),
    "erf": (erf, -4.0, 4.0, 1e-3, False),
    "one sided": (lambda x: 1 / (1 + x), 0.0, 5.0, 1e-4, False),
    "relative": (lambda x: 1 / x, 1.0, 8.0, 2.0**-13, True),
    "even": (lambda x: x * erf(x), -3.0, 3.0, 1e-3, False),
    "large": (lambda x: 1000 * np.cos(x), 10.0, 14.0, 0.1, False),
    "small": (lambda x: 1e-3 * x**2, 0.0, 0.5, 1e-6, False),
    "square": (np.square, -100.0, 100.0, 1.0, False),
}


@pytest.mark.parametrize(("promised", "count"), [(False, 2), (True, 3)])
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions(name: str, promised: bool, count: int) -> None:
    function, low, high, error, relative = SMOOTH[name]
    x = grid(low, high)
    options: dict[str, Any] = {"error": error, "relative": relative}
    bound: Any = (low, high)
    if promised:
        options |= {"low": low, "high": high}
        bound = 20 * high
    body = program(lambda x: f.smooth(x, function, **options), x.shape, bound)
    got = play(body, {"x": x}, NAMES[:count]).result("y")
    difference = np.abs(got - function(x)) / (np.abs(function(x)) if relative else 1)
    assert difference.max() < 1.75 * error
    fixed = twin(body, NAMES[:2], {"x": x}, "fixed").revealed["y"]
    assert np.abs(fixed - got).max() < error * (np.abs(got).max() if relative else 1)


def test_two_rounds_where_bytes_count_more() -> None:
    x = grid(-3, 3, 3000)
    body = program(lambda x: f.smooth(x, erf, error=1e-3), x.shape, 3.0)
    tapes = {}
    for network in (Network.LAN, Network.NARROW):
        played = play(body, {"x": x}, tracing={"network": network})
        assert np.abs(played.result("y") - erf(x)).max() < 1.5e-3
        tapes[network] = played.tape
    fast, narrow = tapes[Network.LAN], tapes[Network.NARROW]
    assert narrow.rounds[NAMES[0]] == fast.rounds[NAMES[0]] + 1
    assert narrow.messages < fast.messages


def test_a_promise_of_a_smooth_function_is_watched() -> None:
    body = program(lambda x: f.smooth(x, np.sin, low=-1, high=2), (9,), 500.0)
    x = grid(-1, 2, 9)
    assert not play(body, {"x": x}, raises=False).errors
    for far in (2.75, -1.75, 77.0, -499.0):
        x[3] = far
        played = play(body, {"x": x}, raises=False)
        assert all(
            error.code == "CT-2108" for error in played.errors.values() if isinstance(error, CoterieError)
        )
        assert len(played.errors) >= 2


@pytest.mark.parametrize(
    ("function", "bound", "error"),
    [
        (np.abs, 1.0, 1e-4),
        (np.sin, 300.0, 1e-3),
        (np.exp, 20.0, 1e-6),
    ],
)
def test_what_no_short_sum_can_do(function: Callable[[Floats], Floats], bound: float, error: float) -> None:
    with pytest.raises(CoterieError, match=r"CT-2113.*smooth at test_smooth.py:\d+"):
        trace(program(lambda x: f.smooth(x, function, error=error), (3,), bound), NAMES[:2], DEALER)


def test_a_function_must_be_finite() -> None:
    with pytest.raises(ValueError, match="no finite value everywhere"), np.errstate(all="ignore"):
        trace(program(lambda x: f.smooth(x, np.log), (3,), 1.0), NAMES[:2], DEALER)


def test_another_function_is_another_tape() -> None:
    def digest(scale: float) -> str:
        body = program(lambda x: f.smooth(x, lambda t: np.sin(scale * t)), (3,), 1.0)
        return trace(body, NAMES[:2], DEALER).digest

    assert digest(1.0) == digest(1.0) != digest(1.0 + 1e-6)


def test_fits_do_not_change() -> None:
    """On any machine: the coefficients of a function whose samples are exact."""
    made = fit(lambda z: 1 / (z * z + 4), -8.0, 8.0, Basis(16.0, 1), 5).sum
    assert Sum.from_params(made.to_params()) == made
    assert made.to_params() == EXPECTED


EXPECTED: dict[str, Any] = {
    "half_period": 16.0,
    "harmonics": [1, 1, 1],
    "constant": -30958569501,
    "linear": [0, 0],
    "sines": [0, 0, 0, 0, 0],
    "cosines": [55814359290, -38746575258, 20930248799, -7755986139, 1758106371],
    "range": [-27.5, 0.5],
}

PIECES = {
    "numbers": ([-1.0, 2.0], [0.0, 1.5, -2.0], lambda x: np.select([x < -1, x < 2], [0.0, 1.5], -2.0)),
    "relu": ([0.0], [0.0, (0.0, 1.0)], lambda x: np.maximum(x, 0)),
    "all kinds": (
        [-2.0, 0.0, 1.0],
        [np.sin, (1.0, 0.5), 7.0, lambda x: np.exp(-x)],
        lambda x: np.select([x < -2, x < 0, x < 1], [np.sin(x), 1 + 0.5 * x, 7.0], np.exp(-x)),
    ),
    "one": ([], [(0.25, 2.0)], lambda x: 0.25 + 2 * x),
    "one number": ([], [4.0], lambda x: 4.0 + 0 * x),
}


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", PIECES)
def test_pieces(name: str, count: int) -> None:
    breaks, pieces, truth = PIECES[name]
    x = grid(-4, 4, 1001)
    for edge in breaks:
        x[:3] = edge - 2.0**-18, edge, edge + 2.0**-18
        body = program(lambda x: f.piecewise(x, breaks, pieces), x.shape, 4.0)
        got = play(body, {"x": x}, NAMES[:count]).result("y")
        np.testing.assert_allclose(got, truth(x), atol=1.6e-4)
    body = program(lambda x: f.piecewise(x, breaks, pieces), x.shape, 4.0)
    for mode in ("float", "fixed"):
        found = twin(body, NAMES[:2], {"x": x}, mode).revealed["y"]  # type: ignore[arg-type]
        np.testing.assert_allclose(found, truth(x), atol=1.6e-4)


def test_breaks_must_rise() -> None:
    for breaks, pieces in (([1.0, 0.0], [1, 2, 3]), ([1.0], [1]), ([1.0, 1.0], [1, 2, 3])):
        with pytest.raises(ValueError, match="breaks rise"):
            trace(program(lambda x, b=breaks, p=pieces: f.piecewise(x, b, p), (3,), 4.0), NAMES[:2], DEALER)  # type: ignore[misc]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    ("shape", "axis", "spread", "bound"),
    [((40, 8), -1, 1.5, 4.0), ((5, 60), 0, 8.0, 40.0), ((3, 4, 5), 1, 20.0, 100.0), ((6, 1), 1, 1.0, 3.0)],
)
def test_softmax(shape: tuple[int, ...], axis: int, spread: float, bound: float, count: int) -> None:
    x = np.random.default_rng(3).normal(0, spread, shape).clip(-bound, bound)
    x = np.rint(x * 2**18) / 2**18
    body = program(lambda x: f.softmax(x, axis), shape, bound)
    got = play(body, {"x": x}, NAMES[:count]).result("y")
    truth = softmax(x, axis=axis)
    assert (np.abs(got - truth) < 2.0**-11 * truth + 2.0**-22).all()
    np.testing.assert_allclose(got.sum(axis=axis), 1, atol=2.0**-11)
    exact = twin(body, NAMES[:2], {"x": x}, "float").revealed["y"]
    np.testing.assert_allclose(exact, truth, atol=1e-6)
