"""What is made ahead of its turn, at dealer and parties: exact, a matrix read once for many products."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.mpc import Context, Program, ahead, party
from coterie.mpc.dealer import OwnerMask
from coterie.mpc.protocols import product

from .rig import NAMES, play

ROWS, COLUMNS = 37, 3


def passes(count: int) -> Program:
    """Products of two matrices with a new vector in each pass, forth and back, and once with a matrix."""

    def run(ctx: Context) -> None:
        x, y = (ctx.private(name, ctx.parties[i], (ROWS, COLUMNS), 8, 0) for i, name in enumerate("xy"))
        for number in range(count):
            w = ctx.private(f"w{number}", ctx.parties[number % 2], (COLUMNS,), 8, 0).secret()
            z = ctx.dot([(x, w), (y, w)])
            ctx.reveal(z, ctx.parties, f"z{number}")
            ctx.reveal(x.T @ z, ctx.parties, f"x{number}")
            ctx.reveal(y.T @ z.reshape(ROWS, 1), ctx.parties, f"y{number}")

    return run


def values(count: int) -> dict[str, Any]:
    random = np.random.default_rng(5)
    small = {name: random.integers(-8, 9, (ROWS, COLUMNS)).astype(np.float64) for name in "xy"}
    return small | {f"w{i}": random.integers(-8, 9, COLUMNS).astype(np.float64) for i in range(count)}


@pytest.mark.parametrize(
    ("module", "name", "value", "widest"),
    [
        (product, "TOGETHER", 8, 8),
        (product, "TOGETHER", 3, 3),
        (ahead, "LOOK_AHEAD", 0, 1),
        (ahead, "LOOK_AHEAD", 25, 3),
        (product, "TOGETHER_BYTES", 0, 1),
        (product, "TOGETHER_BYTES", 8 * 3 * (ROWS + COLUMNS), 3),
    ],
)
@pytest.mark.parametrize("memory", [2**20, 0])
def test_products_of_many_passes_are_made_together(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    module: Any,
    name: str,
    value: int,
    widest: int,
    memory: int,
) -> None:
    """Three products of each pass have a vector on their right, the fourth has a matrix and is made alone."""
    monkeypatch.setattr(module, name, value)
    made: dict[str, list[tuple[int, ...]]] = {"dealer": [], NAMES[0]: [], NAMES[1]: []}
    times, by_blocks = OwnerMask.times, party.by_blocks

    def dealers(self: OwnerMask, operation: str, right: Any) -> Any:
        made["dealer"].append(right.shape)
        return times(self, operation, right)

    def parties(operation: str, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
        made[threading.current_thread().name].append(right.shape)
        return by_blocks(operation, left, right, shape)

    monkeypatch.setattr(OwnerMask, "times", dealers)
    monkeypatch.setattr(party, "by_blocks", parties)
    inputs = values(20)
    played = play(
        passes(20), inputs, NAMES[:2], keep=memory, run_options={"memory": memory, "folder": tmp_path}
    )
    for number in range(20):
        z = inputs["x"] @ inputs[f"w{number}"] + inputs["y"] @ inputs[f"w{number}"]
        assert np.array_equal(played.result(f"z{number}"), z)
        assert np.array_equal(played.result(f"x{number}"), inputs["x"].T @ z)
        assert np.array_equal(played.result(f"y{number}")[:, 0], inputs["y"].T @ z)
    together = -(-20 // widest)
    wanted = {"dealer": 3 * together + 20, NAMES[0]: together + 20, NAMES[1]: 2 * together}
    assert {name: len(shapes) for name, shapes in made.items()} == wanted
    for shapes in made.values():
        assert max(shape[1] if len(shape) == 2 else 1 for shape in shapes) == widest


def test_a_matrix_may_be_in_one_product_more_than_once() -> None:
    """With two vectors, and with one vector twice."""
    inputs = values(8)

    def run(ctx: Context) -> None:
        x = ctx.private("x", ctx.parties[0], (ROWS, COLUMNS), 8, 0)
        w = [ctx.private(f"w{number}", ctx.parties[1], (COLUMNS,), 8, 0).secret() for number in range(8)]
        for number in range(0, 8, 2):
            pairs = [(x, w[number]), (x, w[number + 1]), (x, w[number])]
            ctx.reveal(ctx.dot(pairs), ctx.parties, f"z{number}")

    played = play(run, inputs, NAMES[:2])
    for number in range(0, 8, 2):
        expected = inputs["x"] @ (2 * inputs[f"w{number}"] + inputs[f"w{number + 1}"])
        assert np.array_equal(played.result(f"z{number}"), expected)
