"""Sums by segment: which way is taken, what it costs, what is refused. The contract suite has the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.mpc import Context, functions, trace, twin

from .rig import DEALER, NAMES, play

TWO = NAMES[:2]


def program(n: int, count: int, width: int, bound: float = 8.0, frac: int = 0) -> Any:
    def run(ctx: Context) -> None:
        x = ctx.private("x", TWO[0], (n, width), bound).secret()
        segments = ctx.private("segments", TWO[1], (n,), (0, count - 1), frac)
        ctx.reveal(functions.segment_sum(x, segments, count), TWO, "sums")

    return run


def kinds(run: Any) -> set[str]:
    return {instruction.call.kind for instruction in trace(run, TWO, DEALER).instructions}


def spent(run: Any) -> tuple[int, int]:
    """Bytes that all send, and rounds, beyond those of agreeing on seeds and revealing."""
    tape = trace(run, TWO, DEALER)
    size = tape.instructions[-1].call.input_forms[0].size
    none = trace(lambda ctx: ctx.reveal(ctx.zeros((size,)), TWO, "x"), TWO, DEALER)
    return tape.messages - none.messages, tape.rounds[TWO[0]] - none.rounds[TWO[0]]


def test_the_cheaper_way_is_taken() -> None:
    few, many = program(1000, 2, 1), program(1000, 100, 1)
    assert {"own_one_hot", "private_product"} <= kinds(few)
    assert {"own_order", "own_ends", "owner_permute"} <= kinds(many)
    # The matrix is masked once, x opened by both, and 2 sums dealt.
    assert spent(few) == (8 * 1000 * 2 + 2 * 8 * 1000 + 8 * 2, 2)
    # 1100 rows go to the owner twice, with as many corrections; places of 11 bits, of all and then of 100.
    places = -(-1100 * 11 // 8) + -(-100 * 11 // 8)
    assert spent(many) == (4 * 8 * 1100 + places, 2)


def test_bytes_hardly_depend_on_the_number_of_segments() -> None:
    assert spent(program(5000, 2000, 1))[0] < 1.5 * spent(program(5000, 50, 1))[0]


def test_a_matrix_that_is_masked_already_serves_again() -> None:
    def once(ctx: Context, times: int) -> None:
        x = ctx.private("x", TWO[0], (100, 3), 8.0).secret()
        members = functions.one_hot(ctx.private("segments", TWO[1], (100,), (0, 4), 0), 5)
        for column in range(times):
            members.T @ x[:, column]

    one, three = (trace(lambda ctx, n=n: once(ctx, n), TWO, DEALER) for n in (1, 3))  # type: ignore[misc]
    assert three.messages - one.messages == 2 * (2 * 8 * 100 + 8 * 5)


def test_a_matrix_that_an_owner_makes_may_lie_on_disk(tmp_path: Path) -> None:
    """Its one-hot matrix at the owner, the masked one elsewhere: the same sums."""
    run = program(500, 3, 4)
    x = np.arange(2000.0).reshape(500, 4) / 256
    inputs = {"x": x, "segments": np.arange(500.0) % 3}
    assert "own_one_hot" in kinds(run)
    held = play(run, inputs).result("sums")
    on_disk = play(run, inputs, run_options={"memory": 0, "folder": tmp_path}).result("sums")
    np.testing.assert_array_equal(held, on_disk)
    np.testing.assert_array_equal(held[1], x[1::3].sum(axis=0))


def test_sums_that_fit_only_by_a_matrix() -> None:
    """Running sums of all rows need more room than the sums."""
    tight = program(1000, 100, 1, bound=2.0**61 / 1000 / 2**18)
    assert "own_one_hot" in kinds(tight)


@pytest.mark.parametrize("frac", [0, 18])
def test_segments_without_rows_and_rows_of_one_segment(frac: int) -> None:
    run = program(50, 40, 2, frac=frac)
    x = np.arange(100.0).reshape(50, 2) / 16
    for segments in (np.zeros(50), np.full(50, 39.0), np.arange(50.0) % 40):
        wanted = np.zeros((40, 2))
        np.add.at(wanted, segments.astype(int), x)
        inputs = {"x": x, "segments": segments}
        np.testing.assert_array_equal(play(run, inputs).result("sums"), wanted)
        np.testing.assert_array_equal(twin(run, TWO, inputs).revealed["sums"], wanted)


def test_means_of_long_segments_keep_their_precision() -> None:
    n = 3000

    def run(ctx: Context) -> None:
        x = ctx.private("x", TWO[0], (n,), 100.0).secret()
        segments = ctx.private("segments", TWO[1], (n,), (0, 39), 0)
        means = functions.segment_mean(x, segments, 40)
        assert means.range.high < 100.1
        ctx.reveal(means, TWO, "means")

    x = np.random.default_rng(0).uniform(-100, 100, n)
    segments = np.where(np.arange(n) < 2900, 0, np.arange(n) % 40)
    counts = np.bincount(segments, minlength=40)
    wanted = np.bincount(segments, x, 40) / np.maximum(counts, 1)
    got = play(run, {"x": x, "segments": segments.astype(float)}).result("means")
    np.testing.assert_allclose(got, wanted, rtol=2.0**-20, atol=2.0**-18)


@pytest.mark.parametrize(
    ("use", "code"),
    [
        (lambda x, own, secret: functions.segment_sum(x, own, 3), "CT-2113"),
        (lambda x, own, secret: functions.segment_sum(x, secret, 3), "CT-2113"),
        (lambda x, own, secret: functions.segment_count(own, 3), "CT-2113"),
        (lambda x, own, secret: functions.segment_sum(x[:4], own, 4), "CT-2112"),
        (lambda x, own, secret: functions.segment_sum(x, np.array([0, 1, 2, 3, 4]), 4), "CT-2112"),
        (lambda x, own, secret: functions.segment_sum(x, np.arange(4), 4), "CT-2112"),
    ],
)
def test_segments_that_do_not_fit(use: Any, code: str) -> None:
    def run(ctx: Context) -> None:
        x = ctx.private("x", TWO[0], (5, 2), 8.0).secret()
        own = ctx.private("own", TWO[1], (5,), (0, 3), 0)
        use(x, own, ctx.private("secret", TWO[1], (5,), (0, 3), 0).secret())

    with pytest.raises(CoterieError, match=code):
        trace(run, TWO, DEALER)


def test_means_by_secret_numbers_are_left_to_the_program() -> None:
    with pytest.raises(TypeError, match="segment_count"):
        trace(lambda ctx: functions.segment_mean(ctx.zeros((3,)), ctx.zeros((3,), 0), 2), TWO, DEALER)  # type: ignore[arg-type, return-value]
