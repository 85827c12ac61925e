"""Extremes, clipping, promised bounds: NumPy is the oracle, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.mpc import Context, Private, Secret, functions, trace, twin

from .costs import Cost, cost
from .rig import DEALER, NAMES, play

TWO = NAMES[:2]
UNIT = 2.0**-18
N = 1000


def number(ctx: Context, name: str, shape: tuple[int, ...], bound: Any = 8.0, owner: int = 0) -> Secret:
    return ctx.private(name, ctx.parties[owner], shape, bound).secret()


def clear(program: Callable[[Context], None], **inputs: Any) -> dict[str, Any]:
    return twin(program, TWO, inputs, "fixed").revealed


# Exact, also next to a limit


LIMITS = st.floats(-8, 8, allow_subnormal=False) | st.integers(-8, 8).map(float)


@settings(max_examples=60)
@given(LIMITS)
def test_public_limits_of_any_precision_are_exact(limit: float) -> None:
    """Around a limit that fixed point does not hold, every comparison is that of the real numbers."""
    middle = np.rint(limit / UNIT) * UNIT
    x = np.clip(middle + np.arange(-2, 3) * UNIT, -8, 8)

    def program(ctx: Context) -> None:
        s = number(ctx, "x", x.shape)
        operands = (("number", limit), ("array", np.full(5, limit)))
        for name, y in operands:
            for compared in (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal):
                ctx.reveal(compared(s, y), ctx.parties, f"{name} {compared.__name__}")
                ctx.reveal(compared(y, s), ctx.parties, f"{name} turned {compared.__name__}")

    for name, got in clear(program, x=x).items():
        compared = getattr(np, name.split()[-1])
        wanted = compared(limit, x) if "turned" in name else compared(x, limit)
        np.testing.assert_array_equal(got, wanted, err_msg=f"{name} {limit!r}")


@settings(max_examples=30)
@given(st.integers(0, 2**30), st.sampled_from([4.0, 2.0**30, 2.0**42]), st.sampled_from(["twin", 2]))
def test_extremes_of_any_size(seed: int, bound: float, how: Any) -> None:
    rng = np.random.default_rng(seed)
    x, y = (np.rint(rng.uniform(-bound, bound, 6) / UNIT) * UNIT for _ in range(2))
    x[:2], y[:3] = (bound, -bound), (-bound, bound, x[2])

    def program(ctx: Context) -> None:
        a, b = number(ctx, "x", (6,), bound), number(ctx, "y", (6,), bound, 1)
        ctx.reveal(np.maximum(a, b), ctx.parties, "maximum")
        ctx.reveal(np.minimum(a, b), ctx.parties, "minimum")
        ctx.reveal(np.abs(a), ctx.parties, "abs")
        ctx.reveal(a <= b, ctx.parties, "at most")
        ctx.reveal(np.clip(a, -bound / 2, bound / 4), ctx.parties, "clip")

    inputs = {"x": x, "y": y}
    if how == "twin":
        got = clear(program, **inputs)
    else:
        played = play(program, inputs)
        got = {name: played.result(name) for name in played.outputs[TWO[0]].revealed}
    np.testing.assert_array_equal(got["maximum"], np.maximum(x, y))
    np.testing.assert_array_equal(got["minimum"], np.minimum(x, y))
    np.testing.assert_array_equal(got["abs"], np.abs(x))
    np.testing.assert_array_equal(got["at most"], x <= y)
    np.testing.assert_array_equal(got["clip"], np.clip(x, -bound / 2, bound / 4))


# What is known beforehand


@pytest.mark.parametrize(
    ("piece", "span"),
    [
        (np.maximum, (-2, 8)),
        (np.minimum, (-8, 4)),
        (lambda x, y: np.maximum(x, 0), (0, 8)),
        (lambda x, y: np.minimum(x, 2.5), (-8, 2.5)),
        (lambda x, y: np.abs(x), (0, 8)),
        (lambda x, y: np.abs(y - 4), (0, 6)),
        (lambda x, y: np.clip(x, -3, 100), (-3, 8)),
        (lambda x, y: np.sign(x), (-1, 1)),
        (lambda x, y: functions.bounded(x, (0, 3)), (0, 3)),
        (lambda x, y: functions.bounded(x, (0, 3)) - 3, (-3, 0)),
        (lambda x, y: functions.where(x < 0, y, y + 1), (-2, 5)),
        (lambda x, y: functions.where(x < 0, y, 7), (-2, 7)),
    ],
)
def test_ranges_of_results(piece: Callable[..., Secret], span: tuple[float, float]) -> None:
    def program(ctx: Context) -> None:
        result = piece(number(ctx, "x", (3,)), number(ctx, "y", (3,), (-2.0, 4.0)))
        low, high = result.range.to_list()
        assert (low, high) == pytest.approx(span, abs=2 * UNIT)
        ctx.check()

    trace(program, TWO, DEALER)


@pytest.mark.parametrize(
    "piece",
    [
        lambda x: x < 9,
        lambda x: x >= -8.5,
        lambda x: x == 20,
        lambda x: x != 0.1,
        lambda x: x == x + 17,
        lambda x: x + 17 > x,
        lambda x: np.maximum(x, -10),
        lambda x: np.minimum(x, x + 16),
        lambda x: np.abs(x + 8),
        lambda x: np.clip(x, -8, 8.5),
        lambda x: functions.bounded(x, 8),
        lambda x: functions.bounded(x, 2.0**45),
    ],
)
def test_what_ranges_decide_costs_nothing(piece: Callable[[Secret], Any]) -> None:
    assert cost(lambda ctx: number(ctx, "x", (N,)), piece) == Cost(0, 0, 0)


# Costs


@pytest.mark.parametrize(
    ("piece", "comparison", "rounds", "sent", "dealt"),
    [
        (lambda x: np.maximum(x, 0), lambda x: x < 0, 1, N // 8 + 8 * N, 16 * N),
        (np.abs, lambda x: x < 0, 1, N // 8 + 8 * N, 16 * N),
        (lambda x: np.minimum(x, x[::-1]), lambda x: x - x[::-1] < 0, 1, N // 8 + 8 * N, 16 * N),
        (np.sign, lambda x: functions.comparison._below(x, [0, 1]), 1, 2 * N // 8, 16 * N),
        (
            lambda x: np.clip(x, -1, 1),
            lambda x: functions.comparison._below(x, [-(2**18), 2**18]),
            1,
            3 * N // 8 + 8 * N,
            32 * N,
        ),
        (
            lambda x: functions.bounded(x, (-1, 1)),
            lambda x: functions.comparison._below(x, [-(2**18), 2**18 + 1]),
            2,
            16,
            8,
        ),
    ],
)
@pytest.mark.parametrize("parties", [2, 3])
def test_costs_are_those_of_the_docstrings(
    piece: Callable[..., Any],
    comparison: Callable[..., Any],
    rounds: int,
    sent: int,
    dealt: int,
    parties: int,
) -> None:
    def prepare(ctx: Context) -> Secret:
        return number(ctx, "x", (N,))

    c = cost(prepare, comparison, NAMES[:parties])
    found = cost(prepare, piece, NAMES[:parties])
    assert c.rounds > 0
    assert found == Cost(c.rounds + rounds, c.sent + sent, c.dealt + dealt)


# Promises


def promising(ctx: Context) -> None:
    x, y = number(ctx, "x", (4,), 100.0), number(ctx, "y", (4,), 100.0, 1)
    with ctx.section("ages"):
        x = functions.bounded(x, (0.0, 12.5))
    y = functions.bounded(y, 10, name="income")
    ctx.check()
    ctx.reveal(x + y, ctx.parties, "sum")


@pytest.mark.parametrize("count", [2, 3])
def test_kept_promises_change_nothing(count: int) -> None:
    inputs = {"x": np.array([0, 12.5, UNIT, 3]), "y": np.array([-10, 10, 0, UNIT])}
    played = play(promising, inputs, NAMES[:count])
    np.testing.assert_array_equal(played.result("sum"), inputs["x"] + inputs["y"])
    assert [(d.name, d.to, d.values) for d in played.tape.disclosures] == [
        ("whether every promised bound was kept", NAMES[:count], 1),
        ("sum", NAMES[:count], 4),
    ]
    assert played.sent() == played.tape.sent
    assert played.depths == dict(played.tape.rounds)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("change", [("x", -UNIT), ("x", 12.5 + UNIT), ("y", 10 + UNIT), ("y", -100.0)])
def test_a_broken_promise_ends_the_run_at_all_parties(change: tuple[str, float], place: int) -> None:
    inputs = {"x": np.array([0, 12.5, UNIT, 3]), "y": np.array([-10, 10, 0, UNIT])}
    name, value = change
    inputs[name][place] = value
    played = play(promising, inputs, raises=False)
    for error in (played.errors[party] for party in TWO):
        assert isinstance(error, CoterieError)
        assert error.code == "CT-2108"
        assert "of: ages, income" in str(error)
    for mode in ("float", "fixed"):
        with pytest.raises(CoterieError, match=r"CT-2108.*ages, income"):
            twin(promising, TWO, inputs, mode)  # type: ignore[arg-type]


def test_many_broken_promises_do_not_cancel_out() -> None:
    """Whatever is broken, and however often: every run finds it."""

    def program(ctx: Context) -> None:
        x = number(ctx, "x", (N,), 100.0)
        for _ in range(2):
            functions.bounded(x, 1.0)
        ctx.check()

    for broken in (1, 2, 64, N):
        inputs = {"x": np.where(np.arange(N) < broken, 5.0, 0.5)}
        played = play(program, inputs, raises=False)
        assert {played.errors[party].code for party in TWO} == {"CT-2108"}  # type: ignore[attr-defined]


# Misuse


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda ctx, s, p: s < s[:2], "CT-2112"),
        (lambda ctx, s, p: s == np.zeros(2), "CT-2112"),
        (lambda ctx, s, p: np.maximum(s, np.zeros((2, 2))), "CT-2112"),
        (lambda ctx, s, p: s < 2.0**44, "CT-2101"),
        (lambda ctx, s, p: s == -(2.0**44), "CT-2101"),
        (lambda ctx, s, p: np.maximum(s, 2.0**44), "CT-2101"),
        (lambda ctx, s, p: s * 2**40 < s * -(2**40), "CT-2101"),
        (lambda ctx, s, p: s < np.array([1, np.nan, 2]), "CT-2103"),
        (lambda ctx, s, p: np.clip(s, 0, np.inf), "CT-2103"),
        (lambda ctx, s, p: p < 1, TypeError),
        (lambda ctx, s, p: p == s, TypeError),
        (lambda ctx, s, p: 0 < s < 1, TypeError),
        (lambda ctx, s, p: functions.less(1, 2), TypeError),
        (lambda ctx, s, p: s < "1", TypeError),
        (lambda ctx, s, p: np.clip(s, s, 1), TypeError),
        (lambda ctx, s, p: max(s[0], s[1]), TypeError),
        (lambda ctx, s, p: sorted([s[0], s[1]]), TypeError),
        (lambda ctx, s, p: np.clip(s, 1, 0), ValueError),
        (lambda ctx, s, p: functions.bounded(s, (1, 0)), ValueError),
    ],
)
def test_misuse_is_refused(wrong: Callable[[Context, Secret, Private], Any], error: Any) -> None:
    def program(ctx: Context) -> None:
        wrong(ctx, number(ctx, "x", (3,)), ctx.private("p", ctx.parties[0], (3,), 1.0))

    if isinstance(error, str):
        with pytest.raises(CoterieError) as caught:
            trace(program, TWO, DEALER)
        assert caught.value.code == error
        if error in ("CT-2101", "CT-2112"):
            assert "test_bounds.py:" in str(caught.value)
    else:
        with pytest.raises(error):
            trace(program, TWO, DEALER)
