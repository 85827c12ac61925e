"""One party's numbers added up by another's segments: layout, cost, what is refused. The contract suite has
the results with two, three and five parties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.mpc import Context, functions, trace, twin
from coterie.mpc.protocols.packing import pack_low
from coterie.mpc.protocols.tally import Tally, chunk_classes, chunk_count, laid_out

from .rig import DEALER, NAMES, play

TWO = NAMES[:2]


def program(n: int, count: int, arrays: int = 1, high: float = 1.0) -> Any:
    def run(ctx: Context) -> None:
        x = ctx.private("x", TWO[0], (n,), (0, high), 0)
        segments = [
            ctx.private(f"segments {number}", TWO[1], (n,), (0, count - 1), 0) for number in range(arrays)
        ]
        ctx.reveal(functions.segment_tally(x, segments, count), TWO, "sums")

    return run


@given(st.integers(1, 12), st.integers(1, 9), st.lists(st.integers(0, 11), max_size=60))
def test_every_row_has_one_place_in_a_chunk_of_its_class(classes: int, width: int, drawn: list[int]) -> None:
    index = np.array(drawn, np.int64) % classes
    rows, of_chunks = laid_out(index, classes, width), chunk_classes(index, classes, width)
    assert len(of_chunks) == chunk_count(len(index), classes, width)
    assert sorted(rows) == list(range(width * len(of_chunks)))
    for place, row in enumerate(rows):
        assert row >= len(index) or of_chunks[place // width] == index[row]


@pytest.mark.parametrize("n", [1, 511, 513, 2500])
def test_sums_are_those_of_numpy(n: int) -> None:
    random = np.random.default_rng(n)
    x = random.integers(0, 16, n)
    drawn = [random.integers(0, 3, n), np.zeros(n), np.full(n, 6)]
    inputs = {"x": x, **{f"segments {number}": one for number, one in enumerate(drawn)}}
    wanted = [np.bincount(one.astype(int), x, 7) for one in drawn]
    run = program(n, 7, 3, high=15)
    np.testing.assert_array_equal(play(run, inputs).result("sums"), wanted)
    for mode in ("fixed", "float"):
        np.testing.assert_array_equal(twin(run, TWO, inputs, mode).revealed["sums"], wanted)  # type: ignore[arg-type]


def test_it_costs_what_it_says() -> None:
    n, count = 5000, 20
    one, three = (trace(program(n, count, arrays), TWO, DEALER) for arrays in (1, 3))
    chunks = (n + 511 * count) // 512
    rows = 512 * chunks
    places = -(-rows * 14 // 8)
    opened, revealed = 16 * chunks, 8 * count
    assert three.sent[TWO[1]][TWO[0]] - one.sent[TWO[1]][TWO[0]] == 2 * (
        places + 8 * count * chunks + opened + revealed
    )
    assert three.sent[TWO[0]][TWO[1]] - one.sent[TWO[0]][TWO[1]] == 2 * (opened + revealed)
    dealt = [sum(tape.sent[DEALER].values()) for tape in (one, three)]
    assert dealt[1] - dealt[0] == 2 * (2 * rows + 16 * chunks + 8 * count)
    assert three.rounds == one.rounds
    # per row: far below a masked one-hot vector
    assert (places + 2 * rows) / rows < 4


def test_others_have_no_part_in_it() -> None:
    three = trace(program(5000, 20), NAMES[:3], DEALER)
    assert three.sent[TWO[1]][NAMES[2]] < three.sent[TWO[1]][TWO[0]] - 2 * 5000 / 2


def _of_one_owner(ctx: Context) -> None:
    x = ctx.private("x", TWO[0], (5,), (0, 1), 0)
    functions.segment_tally(x, [ctx.private("own", TWO[0], (5,), (0, 3), 0)], 4)


def _large(ctx: Context) -> None:
    x = ctx.private("x", TWO[0], (5,), (0, 16), 0)
    functions.segment_tally(x, [ctx.private("own", TWO[1], (5,), (0, 3), 0)], 4)


def _fractions(ctx: Context) -> None:
    x = ctx.private("x", TWO[0], (5,), (0, 1), 4)
    functions.segment_tally(x, [ctx.private("own", TWO[1], (5,), (0, 3), 0)], 4)


def _beyond(ctx: Context) -> None:
    x = ctx.private("x", TWO[0], (5,), (0, 1), 0)
    functions.segment_tally(x, [ctx.private("own", TWO[1], (5,), (0, 4), 0)], 4)


def _shorter(ctx: Context) -> None:
    x = ctx.private("x", TWO[0], (5,), (0, 1), 0)
    functions.segment_tally(x, [ctx.private("own", TWO[1], (4,), (0, 3), 0)], 4)


def _none(ctx: Context) -> None:
    functions.segment_tally(ctx.private("x", TWO[0], (5,), (0, 1), 0), [], 4)


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (_of_one_owner, "CT-2106"),
        (_large, "CT-2106"),
        (_fractions, "CT-2106"),
        (_beyond, "CT-2113"),
        (_shorter, "CT-2112"),
        (_none, "CT-2112"),
    ],
)
def test_what_does_not_fit(run: Any, code: str) -> None:
    with pytest.raises(CoterieError, match=code):
        trace(run, TWO, DEALER)


@pytest.mark.parametrize("wrong", [0, 1023])
def test_a_peer_that_sends_no_permutation(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def publish(party: Any, call: Any, places: Any) -> None:
        data = pack_low(np.append(places[places != 1], wrong).astype(np.uint64), 10)
        party.mesh.to(TWO[0]).send_array(f"{call.tag}/places", data)

    monkeypatch.setattr(Tally, "_publish", staticmethod(publish))
    inputs = {"x": np.ones(3), "segments 0": np.zeros(3)}
    played = play(program(3, 2), inputs, raises=False)
    with pytest.raises(CoterieError, match="CT-2116") as caught:
        raise played.errors[TWO[0]]
    assert caught.value.party == TWO[1]
