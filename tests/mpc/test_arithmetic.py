"""Sums and products as programs write them: where they round, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.mpc import Context, Secret, trace, twin
from coterie.mpc import functions as fn

from .rig import DEALER, NAMES, play

UNIT = 2.0**-18


def given(ctx: Context, name: str, n: int, bound: float) -> Secret:
    return ctx.private(name, ctx.parties[0], (n,), bound).secret()


def test_large_factors_keep_as_many_bits_as_the_ring_has_room_for() -> None:
    x = np.random.default_rng(1).uniform(-1000, 1000, 200)

    def program(ctx: Context) -> None:
        ctx.reveal(given(ctx, "x", 200, 1000.0) ** 3, ctx.parties, "cube")

    cube = play(program, {"x": x}).result("cube")
    # The square has 13 bits left beside x with 18: an error of 2^-13 · 1000, and 2^-19 · 10^6 from x itself.
    assert np.abs(cube - x**3).max() < 1000 * 2.0**-12 + 3e6 * UNIT
    assert np.abs(cube / x**3 - 1)[np.abs(x) > 100].max() < 1e-5


def test_a_private_matrix_takes_part_like_any_array() -> None:
    """Its transpose rounds the other factor where the product would not fit otherwise."""
    generator = np.random.default_rng(2)
    x, y = generator.uniform(-8, 8, (40, 3)), generator.uniform(-8, 8, 40)

    def program(ctx: Context) -> None:
        mine = ctx.private("x", ctx.parties[0], (40, 3), 8.0)
        theirs = ctx.private("y", ctx.parties[1], (40,), 8.0)
        fine = fn.exp(theirs.secret()).times(2.0**-20, 25)
        ctx.reveal(mine.T @ fine, ctx.parties, "secret")
        ctx.reveal(mine.T @ np.arange(40.0), ctx.parties, "public")
        ctx.reveal(abs(mine)[1] / 3 + (mine**2).sum(axis=0) + 1 / (mine + 10).mean(), ctx.parties, "rest")

    played = play(program, {"x": x, "y": y})
    assert np.abs(played.result("secret") - x.T @ np.exp(y) * 2.0**-20).max() < 40 * 8 * 2 * UNIT
    assert np.abs(played.result("public") - x.T @ np.arange(40.0)).max() < 40 * 40 * UNIT
    rest = abs(x)[1] / 3 + (x**2).sum(axis=0) + 1 / (x + 10).mean()
    assert np.abs(played.result("rest") - rest).max() < 1e-3


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_public_matrix_on_the_right_may_lie_either_way(order: Any) -> None:
    matrix, x = np.asarray(np.arange(8.0).reshape(4, 2), order=order), np.array([1.0, -2.0, 3.0, 0.5])

    def program(ctx: Context) -> None:
        ctx.reveal(given(ctx, "x", 4, 4.0) @ matrix, ctx.parties, "product")

    assert (twin(program, NAMES, {"x": x}).revealed["product"] == x @ matrix).all()


def test_a_program_that_cannot_fit_is_refused_with_its_line() -> None:
    def program(ctx: Context) -> None:
        x = given(ctx, "x", 5, 2.0**30)
        x * x  # this line

    with pytest.raises(CoterieError, match=r"CT-2101.*test_arithmetic\.py:\d+") as caught:
        trace(program, NAMES[:2], DEALER)
    line = int(str(caught.value).split("test_arithmetic.py:")[1].split(":")[0])
    assert "# this line" in Path(__file__).read_text(encoding="utf-8").splitlines()[line - 1]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x + np.ones(3),
        lambda x: x * np.ones((2, 2)),
        lambda x: x @ np.ones((3, 2)),
        lambda x: x.reshape(2, 2),
        lambda x: x.sum(axis=1),
        lambda x: np.concatenate([x, x.reshape(5, 1)]),
        lambda x: x[5],
        lambda x: x[:, 0],
        lambda x: np.take(x, [7]),
        lambda x: fn.segment_sum(x, np.array([0, 1, 2, 3, 9]), 4),
    ],
)
def test_shapes_that_do_not_fit_are_bad_input(wrong: Any) -> None:
    with pytest.raises(CoterieError, match=r"CT-2112.*test_arithmetic\.py") as caught:
        trace(lambda ctx: wrong(given(ctx, "x", 5, 1.0)), NAMES[:2], DEALER)
    assert caught.value.family == "BadInput"


@pytest.mark.parametrize("wrong", [2**70, 1e30, 10**400, np.array([1, 10**30]), np.array([1.0, -(2.0**60)])])
def test_numbers_too_large_for_the_ring_are_refused(wrong: Any) -> None:
    for operation in (lambda x: x + wrong, lambda x: x * wrong, lambda x: wrong - x):
        with pytest.raises(CoterieError, match="CT-2101"):
            trace(lambda ctx, do=operation: do(given(ctx, "x", 2, 1.0)), NAMES[:2], DEALER)  # type: ignore[misc]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, np.array([1.0, np.nan])])
def test_public_numbers_must_be_finite(wrong: Any) -> None:
    with pytest.raises(CoterieError, match="CT-2103"):
        trace(lambda ctx: given(ctx, "x", 2, 1.0) * wrong, NAMES[:2], DEALER)


def test_what_needs_a_public_value_says_so() -> None:
    def program(ctx: Context) -> None:
        x = given(ctx, "x", 3, 1.0)
        with pytest.raises(TypeError, match=r"choose with where\(\)"):
            bool(x < 0)
        with pytest.raises(TypeError, match="index in brackets must be public"):
            x[x]
        with pytest.raises(TypeError, match="public whole exponent"):
            x ** np.ones(3)  # type: ignore[operator]
        with pytest.raises(TypeError, match="takes no options"):
            np.add(x, x, out=np.zeros(3))
        with pytest.raises(TypeError, match="there is no arctan of secrets"):
            np.arctan(x)

    trace(program, NAMES[:2], DEALER)


def test_numpys_own_functions_are_ours() -> None:
    x = np.linspace(-2, 2, 12)

    def program(ctx: Context) -> None:
        s = given(ctx, "x", 12, 2.0)
        table = np.reshape(s, (3, 4))
        found = {
            "sum": np.sum(table, axis=0),
            "mean": np.mean(table, axis=1),
            "cumsum": np.cumsum(s),
            "stack": np.stack([s, s * 2.0]),
            "flip": np.flip(s),
            "turned": np.transpose(table),
            "ufunc": np.add(np.ones(12), np.multiply(s, 0.5)),
            "array first": np.arange(12.0) - s,
            "square": np.square(s),
        }
        for name, value in found.items():
            ctx.reveal(value, ctx.parties, name)

    got = twin(program, NAMES[:2], {"x": x}).revealed
    wanted = {
        "sum": x.reshape(3, 4).sum(axis=0),
        "mean": x.reshape(3, 4).mean(axis=1),
        "cumsum": np.cumsum(x),
        "stack": np.stack([x, 2 * x]),
        "flip": x[::-1],
        "turned": x.reshape(3, 4).T,
        "ufunc": 1 + x / 2,
        "array first": np.arange(12.0) - x,
        "square": x * x,
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, atol=16 * UNIT, rtol=0, err_msg=name)
