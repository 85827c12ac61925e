"""Selection by a secret index: what it costs, what it refuses, and what becomes of an index that breaks its
promise. The contract suite has the results."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from coterie.errors import CoterieError
from coterie.mpc import Context, Program, Secret, Tape, functions, trace, twin
from coterie.mpc.network import Network
from coterie.mpc.protocols.packing import pack_low, packed_size, unpack_low

from .rig import DEALER, NAMES, play
from .wiretap import tapped

TWO = NAMES[:2]
WORDS = st.integers(0, 2**64 - 1)


def index(ctx: Context, shape: tuple[int, ...], high: float, frac: int = 0, owner: int = 0) -> Secret:
    return ctx.private(f"x{owner}", ctx.parties[owner], shape, (0, high), frac).secret()


def traced(program: Program, parties: tuple[str, ...] = TWO, network: Network | None = None) -> Tape:
    return trace(program, parties, DEALER, network=network)


def paid(
    program: Program, parties: tuple[str, ...] = TWO, network: Network | None = None
) -> tuple[int, int, int]:
    """Bytes from one party to another, bytes dealt, and rounds, beyond those of agreeing on seeds."""
    tape, empty = traced(program, parties, network), traced(lambda ctx: None, parties, network)
    return (
        tape.sent[parties[0]][parties[1]] - empty.sent[parties[0]][parties[1]],
        tape.dealt - empty.dealt,
        tape.rounds[parties[0]] - empty.rounds[parties[0]],
    )


@given(st.lists(WORDS, max_size=20), st.integers(1, 64))
def test_low_bits_side_by_side(values: list[int], bits: int) -> None:
    packed = pack_low(np.array(values, np.uint64), bits)
    assert packed.size == packed_size(len(values), bits)
    stream = sum((value % 2**bits) << (bits * place) for place, value in enumerate(values))
    assert int.from_bytes(packed.tobytes(), "little") == stream
    assert unpack_low(packed, bits, len(values)).tolist() == [value % 2**bits for value in values]


# Costs, as the docstrings say them


def test_what_a_one_hot_vector_costs() -> None:
    assert paid(lambda ctx: functions.one_hot(index(ctx, (1000,), 6), 7)) == (375, 8 * 7 * 1000, 1)
    assert paid(lambda ctx: functions.one_hot(index(ctx, (1000,), 6, frac=18), 7))[0] == 1000 * 21 // 8
    assert paid(lambda ctx: functions.one_hot(index(ctx, (10,), 2), 3), NAMES) == (3, 3 * 80, 1)


def test_two_classes_cost_nothing() -> None:
    assert paid(lambda ctx: functions.one_hot(index(ctx, (10,), 1), 2)) == (0, 0, 0)
    table = np.arange(8.0).reshape(4, 2)
    assert paid(lambda ctx: functions.table(index(ctx, (10,), 1) + 2, table)) == (0, 0, 0)
    assert paid(lambda ctx: functions.one_hot(index(ctx, (8,), 1, frac=3), 2)) == (4, 64, 1)


def test_functions_of_one_index_share_an_opening() -> None:
    table = np.arange(14.0).reshape(7, 2)
    assert paid(lambda ctx: functions.table(index(ctx, (1000,), 6), table)) == (375, 8 * 7 * 1000, 1)


def test_a_narrow_range_makes_a_large_table_small() -> None:
    table = np.arange(1000.0)
    assert paid(lambda ctx: functions.table(index(ctx, (8,), 7) + 100, table)) == (3, 8 * 8 * 7, 1)


def test_large_tables_have_two_levels_where_that_is_sooner() -> None:
    """256 rows by 2^3 on the second level: 32 + 8 vectors less their last entries, and one column."""
    narrow, far = Network(1e-4, 1e6), Network(0.5, 1e9)

    def program(width: int) -> Program:
        return lambda ctx: functions.table(index(ctx, (10,), 255), np.zeros((256, width)))  # type: ignore[return-value]

    two = (10 + 8 * 8 * 10, 8 * (31 + 7 + 1) * 10, 2)
    assert paid(program(1), network=narrow) == two
    assert paid(program(1), network=far) == (10, 8 * 255 * 10, 1)
    # Many columns are many openings: the second level is not worth a round.
    assert paid(program(400), network=narrow) == (10, 8 * 255 * 10, 1)
    (why,) = trace(program(1), TWO, DEALER, network=narrow).choices
    assert why.startswith("10 places in a table of 256 x 1, ")
    assert ": two levels 0.00" in why


def test_an_array_is_opened_once() -> None:
    """log2 N bits and N - 1 + N d words for each index; 8 bytes for each element of the array, once."""

    def program(times: int) -> Program:
        def run(ctx: Context) -> None:
            x = index(ctx, (8,), 6)
            array = ctx.private("array", TWO[1], (7, 3), 8.0).secret()
            for _ in range(times):
                functions.lookup(array, x)

        return run

    assert paid(program(1)) == (3 + 8 * 21, 8 * (7 + 8 * 3) * 8, 1)
    assert paid(program(3)) == (9 + 8 * 21, 3 * 8 * (7 + 8 * 3) * 8, 3)


def test_a_lookup_line_by_line_opens_the_lines_in_the_same_round() -> None:
    def program(ctx: Context) -> None:
        lines = ctx.private("lines", TWO[1], (5, 4), 8.0).secret()
        functions.take_along_axis(lines, index(ctx, (5, 2), 3), 1)

    assert paid(program) == (3 + 8 * 20, 8 * (3 + 4) * 10, 1)


# Promises


def test_an_index_that_may_lie_outside_is_refused() -> None:
    """With the program's own line."""
    for use in (
        lambda x: functions.one_hot(x, 7),
        lambda x: functions.table(x, np.arange(7.0)),
        lambda x: functions.lookup(x, x),
        lambda x: functions.choose(x, [1.0] * 7),
        lambda x: functions.one_hot(x - 1, 9),
    ):
        with pytest.raises(CoterieError, match=r"CT-2113.*at test_selection\.py:\d+.*index from -?\d"):
            traced(lambda ctx, use=use: use(index(ctx, (7,), 7)))  # type: ignore[misc]


def outside(ctx: Context) -> None:
    """Places that are promised to lie below 5 and do not."""
    x = ctx.within(index(ctx, (4,), 100), (0, 4))
    array = ctx.private("array", TWO[1], (5,), 8.0).secret()
    ctx.reveal(functions.one_hot(x, 5), TWO, "vectors")
    ctx.reveal(functions.table(x, np.arange(5.0) + 1), TWO, "table")
    ctx.reveal(functions.lookup(array, x), TWO, "lookup")


def test_an_index_outside_is_taken_modulo_a_power_of_two_and_finds_zeros() -> None:
    inputs = {"x0": np.array([4.0, 5, 7, 12]), "array": np.arange(5.0) + 1}
    played = play(outside, inputs)
    results = [{name: played.result(name) for name in ("vectors", "table", "lookup")}]
    results += [twin(outside, TWO, inputs, mode).revealed for mode in ("fixed", "float")]  # type: ignore[arg-type]
    for result in results:
        assert result["table"].tolist() == result["lookup"].tolist() == [5.0, 0, 0, 5]
        assert result["vectors"].sum(axis=1).tolist() == [1.0, 0, 0, 1]


def test_a_promise_that_is_broken_ends_the_run() -> None:
    def program(ctx: Context) -> None:
        x = functions.bounded(index(ctx, (4,), 100), (0, 4))
        vectors = functions.one_hot(x, 5)
        ctx.check()
        ctx.reveal(vectors, TWO, "vectors")

    kept = play(program, {"x0": np.array([4.0, 0, 3, 1])}).result("vectors")
    assert kept.argmax(axis=1).tolist() == [4, 0, 3, 1]
    played = play(program, {"x0": np.array([4.0, 5, 3, 1])}, raises=False)
    assert {played.errors[name].code for name in TWO} == {"CT-2108"}  # type: ignore[attr-defined]


def test_an_index_that_is_not_whole_is_rounded_without_bias() -> None:
    n = 8000

    def program(ctx: Context) -> None:
        ctx.reveal(functions.table(index(ctx, (n,), 6, frac=4), np.arange(7.0)), TWO, "x")

    found = play(program, {"x0": np.full(n, 2.1875)}, deterministic=True).result("x")
    assert set(found) == {2.0, 3.0}
    assert stats.binomtest(int((found == 3).sum()), n, 0.1875).pvalue > 1e-4


@pytest.mark.parametrize(
    ("use", "code"),
    [
        (lambda ctx, x: functions.table(x, np.zeros((0, 2))), "CT-2112"),
        (lambda ctx, x: functions.table(x, np.float64(3)), "CT-2112"),
        (lambda ctx, x: functions.take_along_axis(x.reshape(2, 2), x, 0), "CT-2112"),
        (lambda ctx, x: functions.take_along_axis(x.reshape(2, 2), x[:3].reshape(3, 1), 1), "CT-2112"),
        (lambda ctx, x: functions.take_along_axis(x, np.array([4]), 0), "CT-2112"),
        (lambda ctx, x: functions.take_along_axis(x, np.array([0.5]), 0), "CT-2112"),
        (lambda ctx, x: functions.select([], []), "CT-2112"),
        (lambda ctx, x: functions.lookup(ctx.zeros((2**30, 1)), ctx.refine(x, 40)), "CT-2106"),
        (lambda ctx, x: functions.table(x, [1.0, np.nan, 2, 3]), "CT-2103"),
    ],
)
def test_what_cannot_be_selected(use: Any, code: str) -> None:
    with pytest.raises(CoterieError, match=code):
        traced(lambda ctx: use(ctx, index(ctx, (4,), 3)))


def test_a_table_of_secrets_is_no_table() -> None:
    with pytest.raises(TypeError, match="public"):
        traced(lambda ctx: functions.table(index(ctx, (4,), 3), index(ctx, (4,), 3, owner=1)))  # type: ignore[arg-type]


def test_what_is_opened_says_nothing_of_the_index() -> None:
    """All indices are 5; what is sent of them is uniform on 3 bits, and so is what comes of both sides."""
    n = 8000
    meshes, sent = tapped(TWO)
    inputs = {"x0": np.full(n, 5.0)}
    play(
        lambda ctx: ctx.reveal(functions.one_hot(index(ctx, (n,), 7), 8), [TWO[0]], "x"),
        inputs,
        meshes=meshes,
        deterministic=True,
    )
    masked = [
        np.frombuffer(next(m for m in sent[way] if len(m) == n * 3 // 8), np.uint8)
        for way in (TWO, TWO[::-1])
    ]
    parts = [unpack_low(data, 3, n) for data in masked]
    for values in (*parts, (parts[0] + parts[1]) & np.uint64(7)):
        counts = Counter(values.tolist())
        assert stats.chisquare([counts[value] for value in range(8)]).pvalue > 1e-4
