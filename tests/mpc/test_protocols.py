"""One suite of programs over every interpreter: both twins, two and three compute parties. NumPy is the
oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.mpc import Context, Program, Secret, functions, twin

from .rig import NAMES, play

Floats = NDArray[np.float64]
Compute = Callable[[Program, Mapping[str, Any]], dict[str, Floats]]
FRAC = 18
UNIT = 2.0**-FRAC


def parties(count: int) -> Compute:
    def compute(program: Program, inputs: Mapping[str, Any]) -> dict[str, Floats]:
        played = play(program, inputs, NAMES[:count])
        assert played.sent() == played.tape.sent
        assert played.depths == dict(played.tape.rounds)
        return {name: played.result(name) for name in played.outputs[NAMES[0]].revealed}

    return compute


def one_machine(mode: Any) -> Compute:
    return lambda program, inputs: twin(program, NAMES[:2], inputs, mode).revealed


INTERPRETERS = {
    "float": one_machine("float"),
    "fixed": one_machine("fixed"),
    "two": parties(2),
    "three": parties(3),
}


@pytest.fixture(params=INTERPRETERS)
def compute(request: pytest.FixtureRequest) -> Compute:
    return INTERPRETERS[request.param]


def values(*shape: int, seed: int = 0, largest: float = 8.0) -> Floats:
    """Multiples of the unit, so that encoding is exact and every difference is the protocol's."""
    raw = np.random.default_rng(seed).uniform(-largest, largest, shape)
    return np.asarray(np.rint(raw / UNIT) * UNIT)


def secret(ctx: Context, name: str, shape: tuple[int, ...], owner: int = 0, bound: float = 8.0) -> Secret:
    """An input as a secret, without a message."""
    return ctx.zeros(shape) + ctx.private(name, ctx.parties[owner], shape, bound)


def show(ctx: Context, **secrets: Secret) -> None:
    for name, value in secrets.items():
        ctx.reveal(value, ctx.parties, name)


X, Y = values(5, 3), values(5, 3, seed=1)


def test_linear_maps_are_exact(compute: Compute) -> None:
    factor = values(5, 3, seed=2)

    def program(ctx: Context) -> None:
        x, y = secret(ctx, "x", (5, 3)), secret(ctx, "y", (5, 3), 1)
        z = ctx.private("z", ctx.parties[1], (5, 3), 8.0, frac=12)
        show(
            ctx,
            sum=x + y,
            difference=x - y,
            more=x + 1.5,
            less=2.25 - x,
            negative=-x,
            thrice=x * 3,
            scaled=x.times(0.625, 3),
            by_array=x.times(factor, FRAC),
            quarter=x.ldexp(-2),
            finer=ctx.refine(x, 25) + y,
            private=x - z,
            added=z + x,
            total=x.sum(),
            columns=x.sum(axis=0),
            constant=x + ctx.public(factor, FRAC),
            broadcast=x + y[0],
        )

    z = np.rint(Y * 2**12) / 2**12
    got = compute(program, {"x": X, "y": Y, "z": z})
    wanted = {
        "sum": X + Y,
        "difference": X - Y,
        "more": X + 1.5,
        "less": 2.25 - X,
        "negative": -X,
        "thrice": 3 * X,
        "scaled": 0.625 * X,
        "by_array": X * factor,
        "quarter": X / 4,
        "finer": X + Y,
        "private": X - z,
        "added": X + z,
        "total": X.sum(),
        "columns": X.sum(axis=0),
        "constant": X + factor,
        "broadcast": X + Y[0],
    }
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, atol=1e-12, rtol=0, err_msg=name)


def test_views_are_those_of_numpy(compute: Compute) -> None:
    def program(ctx: Context) -> None:
        x, y = secret(ctx, "x", (5, 3)), secret(ctx, "y", (5, 3), 1)
        ctx.open(y)
        show(
            ctx,
            row=x[2],
            last=x[-1],
            rows=x[1:4],
            steps=x[::2, 1],
            corner=x[:2, :2],
            flat=x.reshape(-1),
            other=x.reshape(3, 5),
            joined=functions.concatenate([x, y, x[1:2]]),
            of_opened=y[1:3].reshape(6),
        )

    got = compute(program, {"x": X, "y": Y})
    wanted = {
        "row": X[2],
        "last": X[-1],
        "rows": X[1:4],
        "steps": X[::2, 1],
        "corner": X[:2, :2],
        "flat": X.reshape(-1),
        "other": X.reshape(3, 5),
        "joined": np.concatenate([X, Y, X[1:2]]),
        "of_opened": Y[1:3].reshape(6),
    }
    for name, value in wanted.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)


def test_products_are_exact(compute: Compute) -> None:
    x, y = values(4, 3, seed=3), values(4, 3, seed=4)
    square, vector, long = values(3, 3, seed=5), values(3, seed=6), values(4, seed=7)

    def program(ctx: Context) -> None:
        a, b = secret(ctx, "a", (4, 3)), secret(ctx, "b", (4, 3), 1)
        m, v, u = (
            secret(ctx, "m", (3, 3)),
            secret(ctx, "v", (3,), 1),
            secret(ctx, "u", (4,)),
        )
        p, q = (ctx.private(f"p{i}", ctx.parties[i], (4, 3), 8.0) for i in (0, 1))
        show(
            ctx,
            elementwise=ctx.product("multiply", a, b),
            matrices=a @ m,
            vector=a @ v,
            own=p @ v,
            own_matrix=p @ m,
            transposed=q.T @ u,
            own_elementwise=q * b,
            sum=ctx.dot([(p, v), (q, v)]),
            of_slices=p @ functions.concatenate([v, v])[1:4],
        )

    inputs = {"a": x, "b": y, "m": square, "v": vector, "u": long, "p0": x, "p1": y}
    got = compute(program, inputs)
    wanted = {
        "elementwise": x * y,
        "matrices": x @ square,
        "vector": x @ vector,
        "own": x @ vector,
        "own_matrix": x @ square,
        "transposed": y.T @ long,
        "own_elementwise": y * y,
        "sum": x @ vector + y @ vector,
        "of_slices": x @ np.concatenate([vector, vector])[1:4],
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, atol=1e-9, rtol=0, err_msg=name)


def test_what_is_proven_of_a_product_is_what_has_to_fit(compute: Compute) -> None:
    """A sum of squares whose terms could each be large, but are not all."""
    large = values(50, 1, largest=1.0)
    large[7] = 2.0**11
    bound = 2.0**23

    def program(proven: bool) -> Program:
        def run(ctx: Context) -> None:
            own = ctx.private("x", ctx.parties[1], (50, 1), 2.0**12)
            more = {"bound": bound} if proven else {}
            one = ctx.private_product("matmul_t", [(own, own.secret())], **more)
            two = ctx.product("matmul", own.secret().T, own.secret(), **more)
            ctx.reveal(one.reshape(1), ctx.parties, "private")
            ctx.reveal(two.reshape(1), ctx.parties, "secret")

        return run

    got = compute(program(True), {"x": large})
    assert got["private"] == pytest.approx((large**2).sum(), rel=1e-12)
    assert got["secret"] == pytest.approx((large**2).sum(), rel=1e-12)
    with pytest.raises(CoterieError, match="CT-2101"):
        compute(program(False), {"x": large})


def test_truncation_is_exact_but_for_the_last_unit(compute: Compute) -> None:
    a, b = values(200, seed=8), values(50, seed=9)

    def program(ctx: Context) -> None:
        x, y = secret(ctx, "a", (200,)), secret(ctx, "b", (50,), 1)
        product = ctx.product("multiply", x, x)
        first, second = ctx.truncate(product, ctx.refine(y, 55), frac=FRAC)
        third = ctx.truncate(x, frac=4)[0]
        show(ctx, first=first, second=second, third=third)

    got = compute(program, {"a": a, "b": b})
    assert np.abs(got["first"] - a * a).max() < UNIT
    np.testing.assert_array_equal(got["second"], b)
    assert np.abs(got["third"] - a).max() < 2.0**-4


def test_truncation_at_the_edges_of_the_ring() -> None:
    """Values next to ±2^62, many masks: the wrap bit is right every time."""
    edge = np.tile(np.array([2.0**43.99, -(2.0**43.99), 0.0, UNIT, -UNIT]), 400)

    def program(ctx: Context) -> None:
        x = secret(ctx, "x", edge.shape, bound=2.0**43.999)
        show(ctx, x=ctx.truncate(x, frac=2)[0])

    for count in (2, 3):
        error = parties(count)(program, {"x": edge})["x"] - edge
        assert np.abs(error).max() < 0.25 + 2.0**-FRAC


def test_rounding_has_no_bias() -> None:
    n = 40_000
    given_values = np.full(n, 0.3125 + UNIT)  # 5/16 and a unit: not a multiple of 1/8

    def program(ctx: Context) -> None:
        x = secret(ctx, "x", (n,))
        show(ctx, x=ctx.truncate(x, frac=3)[0])

    got = parties(2)(program, {"x": given_values})["x"]
    assert set(np.unique(got)) == {0.25, 0.375}
    assert abs(got.mean() - 0.3125) < 5 * 0.0625 / np.sqrt(n)


def test_a_kept_share_goes_into_the_next_run() -> None:
    for count in (2, 3):
        names = NAMES[:count]

        def first(ctx: Context) -> None:
            ctx.keep(secret(ctx, "x", (5, 3)), "kept")

        def second(ctx: Context) -> None:
            show(ctx, x=ctx.shared("kept", (5, 3), 8.0) * 2)

        kept = {name: outputs.kept["kept"] for name, outputs in play(first, {"x": X}, names).outputs.items()}
        np.testing.assert_array_equal(play(second, {"kept": kept}, names).result("x"), 2 * X)
        # Random on its own, also where the share itself was the plaintext, or zero.
        for share in kept.values():
            assert len({word >> 56 for word in share.words.reshape(-1).tolist()}) > 5
            assert "words" not in repr(share)


OPERATIONS = st.sampled_from(["add", "subtract", "multiply", "private", "truncate", "slice", "scale"])


@settings(max_examples=15, deadline=None)
@given(st.lists(OPERATIONS, min_size=1, max_size=6), st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
def test_random_programs_agree_with_numpy(operations: list[str], seed: int, count: int) -> None:
    """Chains of operations, truncated to one format after each product."""
    n = 6
    a, b = values(n, seed=seed, largest=1.0), values(n, seed=seed + 1, largest=1.0)

    def chain(x: Any, y: Any, p: Any, ctx: Context | None) -> tuple[Any, float]:
        slack = 0.0
        for operation in operations:
            slack *= 2.5
            if operation == "add":
                x = x + y
            elif operation == "subtract":
                x = x - y
            elif operation == "multiply":
                x = ctx.truncate(ctx.product("multiply", x, y), frac=FRAC)[0] if ctx else x * y
                slack += UNIT
            elif operation == "private":
                x = ctx.truncate(p * x, frac=FRAC)[0] if ctx else p * x
                slack += UNIT
            elif operation == "truncate":
                x = ctx.truncate(ctx.refine(x, 30), frac=FRAC)[0] if ctx else x
            elif operation == "slice":
                x = x[:]
            else:
                x = x.times(0.75, 2) if ctx else x * 0.75
                x = ctx.truncate(x, frac=FRAC)[0] if ctx else x
                slack += UNIT
        return x, slack + UNIT

    def program(ctx: Context) -> None:
        x, y = secret(ctx, "a", (n,), bound=1.0), secret(ctx, "b", (n,), 1, bound=1.0)
        p = ctx.private("p", ctx.parties[1], (n,), 1.0)
        show(ctx, x=chain(x, y, p, ctx)[0])

    inputs = {"a": a, "b": b, "p": b}
    wanted, slack = chain(a, b, b, None)
    for compute in (INTERPRETERS["fixed"], parties(count)):
        assert np.abs(compute(program, inputs)["x"] - wanted).max() <= 4 * slack
