"""Truth values: NumPy is the oracle; costs are those of the docstrings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.mpc import Bits, Context, Kept, Secret, functions, trace, twin
from coterie.mpc.functions.logic import both, group_size, products

from .costs import Cost, cost
from .rig import DEALER, NAMES, play, recorded_claims
from .wiretap import tapped

TWO = NAMES[:2]
N = 1000


def bits(ctx: Context, name: str, shape: tuple[int, ...], owner: int = 0) -> Bits:
    """An input as truth values, without a message."""
    return functions.truth(ctx.private(name, ctx.parties[owner], shape, (0.0, 1.0), frac=0))


def number(ctx: Context, name: str, shape: tuple[int, ...], owner: int = 0) -> Secret:
    return ctx.private(name, ctx.parties[owner], shape, 8.0).secret()


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 2, shape).astype(bool)


# Any formula is NumPy's


@st.composite
def formulas(draw: st.DrawFn) -> Callable[[Any, Any, Any], Any]:
    """Of three arrays of truth values, whose shapes broadcast."""
    if draw(st.booleans()):
        place = draw(st.integers(0, 2))
        return lambda *given: given[place]
    what = draw(st.sampled_from(["and", "or", "xor", "not", "equal", "where", "public"]))
    parts = [draw(formulas()) for _ in range({"not": 1, "public": 1, "where": 3}.get(what, 2))]
    constant = random(4, 1, 3, seed=draw(st.integers(0, 9)))

    def formula(*given: Any) -> Any:
        x = [part(*given) for part in parts]
        if what == "not":
            return ~x[0]
        if what == "public":
            return np.logical_or(np.logical_and(x[0], constant), ~constant)
        if what == "where":
            return np.where(*x)
        return {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor, "equal": np.equal}[what](
            *x
        )

    return formula


@settings(max_examples=25)
@given(formulas(), st.integers(0, 2**20), st.sampled_from(["twin", 2, 3]))
def test_any_formula_is_that_of_numpy(formula: Callable[..., Any], seed: int, how: Any) -> None:
    shapes = {"a": (4, 2, 3), "b": (2, 1), "c": (3,)}
    values = {name: random(*shape, seed=seed + i) for i, (name, shape) in enumerate(shapes.items())}

    def program(ctx: Context) -> None:
        given_bits = [bits(ctx, name, shape, i % 2) for i, (name, shape) in enumerate(shapes.items())]
        ctx.reveal(formula(*given_bits), ctx.parties, "result")

    if how == "twin":
        results = [twin(program, TWO, values, mode).revealed["result"] for mode in ("float", "fixed")]
    else:
        played = play(program, values, NAMES[:how])
        assert played.sent() == played.tape.sent
        assert played.depths == dict(played.tape.rounds)
        results = [played.result("result")]
    for result in results:
        assert result.dtype == bool
        np.testing.assert_array_equal(result, formula(*values.values()))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("factors", range(2, 9))
def test_products_of_up_to_eight_factors(factors: int, count: int) -> None:
    """All combinations: one is true only where all are."""
    table = np.array([[place >> bit & 1 for place in range(2**factors)] for bit in range(factors)], bool)

    def program(ctx: Context) -> None:
        x = bits(ctx, "x", table.shape)
        (product,) = both([[x[bit] for bit in range(factors)]])
        ctx.reveal(product, ctx.parties, "product")

    played = play(program, {"x": table}, NAMES[:count])
    np.testing.assert_array_equal(played.result("product"), table.all(axis=0))
    assert played.result("product").sum() == 1


@pytest.mark.parametrize("length", [1, 2, 3, 5, 6, 7, 13, 36, 37, 50])
def test_all_and_any_of_any_length(length: int) -> None:
    values = np.stack([np.ones(length), np.zeros(length), np.arange(length) < length - 1]).astype(bool)

    def program(ctx: Context) -> None:
        x = bits(ctx, "x", values.shape)
        ctx.reveal(x.all(axis=1), ctx.parties, "all")
        ctx.reveal(x.any(axis=1), ctx.parties, "any")

    played = play(program, {"x": values})
    np.testing.assert_array_equal(played.result("all"), values.all(axis=1))
    np.testing.assert_array_equal(played.result("any"), values.any(axis=1))


# Costs


def three(ctx: Context) -> tuple[Bits, Bits, Secret, Secret]:
    return bits(ctx, "a", (N,)), bits(ctx, "b", (N,), 1), number(ctx, "x", (N,)), number(ctx, "y", (N,), 1)


@pytest.mark.parametrize(
    ("piece", "rounds", "sent", "dealt"),
    [
        (lambda a, b, x, y: a ^ b, 0, 0, 0),
        (lambda a, b, x, y: ~a, 0, 0, 0),
        (lambda a, b, x, y: a & np.ones(N, bool), 0, 0, 0),
        (lambda a, b, x, y: a & b, 1, 2 * N // 8, N // 8),
        (lambda a, b, x, y: a | b, 1, 2 * N // 8, N // 8),
        (lambda a, b, x, y: a & b[:1], 1, N // 8 + 1, N // 8),
        (lambda a, b, x, y: both([[a, b], [a, ~b]]), 1, 3 * N // 8, 2 * N // 8),
        (lambda a, b, x, y: a.numbers(), 1, N // 8, 8 * N),
        (lambda a, b, x, y: functions.where(a, x, y), 1, N // 8 + 8 * N, 16 * N),
        (lambda a, b, x, y: a * x, 1, N // 8 + 8 * N, 16 * N),
        (lambda a, b, x, y: functions.where(a, 3, 4.5), 1, N // 8, 8 * N),
        (lambda a, b, x, y: functions.where(a, b, True), 1, 2 * N // 8, N // 8),
        (lambda a, b, x, y: functions.where(np.ones(N, bool), x, y), 0, 0, 0),
        (lambda a, b, x, y: products([(a, x), (b, x), (a, None)]), 1, 2 * N // 8 + 8 * N, 32 * N),
        (lambda a, b, x, y: functions.truth(functions.numbers(a)), 1, N // 8, 8 * N),
        # once opened, a number stays so
        (lambda a, b, x, y: (a * x) + (b * x), 2, 2 * N // 8 + 8 * N, 32 * N),
        (lambda a, b, x, y: (a * x) * x[::-1], 2, N // 8 + 8 * N + 8 * N, 24 * N),
        # 1000 truths: 250 groups of 4, 63, 16, 4, 1: in four rounds, by groups of at most six
        (lambda a, b, x, y: a.all(), 4, None, None),
    ],
)
def test_costs_are_those_of_the_docstrings(
    piece: Callable[..., Any], rounds: int, sent: int | None, dealt: int | None
) -> None:
    found = cost(three, lambda given: piece(*given))
    assert found.rounds == rounds
    if sent is not None:
        assert (found.sent, found.dealt) == (sent, dealt)


def test_groups_are_no_larger_than_rounds_ask_for() -> None:
    assert [group_size(n) for n in (2, 3, 6, 7, 9, 16, 36, 37, 64, 216, 1000)] == [
        2,
        3,
        6,
        3,
        3,
        4,
        6,
        4,
        4,
        6,
        6,
    ]


def test_a_masked_private_number_is_not_opened_again() -> None:
    def prepare(ctx: Context) -> tuple[Bits, Any]:
        own = ctx.private("own", ctx.parties[1], (N,), 8.0)
        ctx.mask(own)
        return bits(ctx, "a", (N,)), own

    assert cost(prepare, lambda given: given[0] * given[1]) == Cost(1, N // 8, 16 * N)


# What is revealed and kept


def test_truth_values_are_revealed_packed_to_guests_and_parties() -> None:
    values = random(3, 7, seed=4)

    def program(ctx: Context) -> None:
        ctx.reveal(bits(ctx, "a", (3, 7)) ^ True, (NAMES[0], "guest"), "a")

    played = play(program, {"a": values}, guests=["guest"])
    for name in (NAMES[0], "guest"):
        got = played.outputs[name].revealed["a"]
        assert got.dtype == bool
        np.testing.assert_array_equal(got, ~values)
    assert "a" not in played.outputs[NAMES[1]].revealed
    assert played.sent()[NAMES[1]]["guest"] == 48 + 3  # seeds, and 21 bits
    assert played.sent() == played.tape.sent


def test_a_receiver_learns_the_result_and_not_the_shares() -> None:
    """Two parties' own truth values are combined for a third, who must not see either in what it gets."""
    given_values = {"a": random(400, seed=6), "b": random(400, seed=7)}

    def program(ctx: Context) -> None:
        both_of_them = bits(ctx, "a", (400,)) ^ bits(ctx, "b", (400,), 1)
        ctx.reveal(both_of_them, ctx.parties[2:], "result")

    meshes, sent = tapped(NAMES)
    played = play(program, given_values, NAMES, meshes=meshes)
    result = played.outputs[NAMES[2]].revealed["result"]
    np.testing.assert_array_equal(result, given_values["a"] ^ given_values["b"])
    for name in NAMES[:2]:
        share = np.unpackbits(np.frombuffer(sent[name, NAMES[2]][-1], np.uint8), bitorder="little").astype(
            bool
        )
        for secret in (*given_values.values(), result):
            assert 140 < (share ^ secret).sum() < 260  # about half: six deviations


@pytest.mark.parametrize("count", [2, 3])
def test_kept_truth_values_go_into_the_next_run(count: int) -> None:
    values, names = random(9, 11, seed=5), NAMES[:count]

    def first(ctx: Context) -> None:
        ctx.keep(bits(ctx, "a", values.shape), "a")

    def second(ctx: Context) -> None:
        a = ctx.shared_truth("a", values.shape)
        ctx.reveal(a & ~a[::-1], ctx.parties, "result")

    kept = {name: outputs.kept["a"] for name, outputs in play(first, {"a": values}, names).outputs.items()}
    np.testing.assert_array_equal(play(second, {"a": kept}, names).result("result"), values & ~values[::-1])
    assert twin(first, names, {"a": values}).kept["a"].dtype == bool
    np.testing.assert_array_equal(
        twin(second, names, {"a": values}).revealed["result"], values & ~values[::-1]
    )
    # Random on its own, also where the share itself was the plaintext, or zero.
    for share in kept.values():
        assert 20 < share.words.sum() < 79
        assert share.words.dtype == np.uint8
        assert "1" not in repr(share).replace("(9, 11)", "")
    wrong = {name: Kept(share.words.astype(np.uint64), 0, share.range) for name, share in kept.items()}
    played = play(second, {"a": wrong}, names, raises=False)
    assert {played.errors[name].code for name in names} == {"CT-2107"}  # type: ignore[attr-defined]


def test_random_truth_values_are_balanced_and_their_own_each_time() -> None:
    def program(ctx: Context) -> None:
        for name in ("one", "other"):
            ctx.reveal(ctx.truth("random_bits", [], shape=[4000]), ctx.parties, name)

    played = play(program, {})
    one, other = played.result("one"), played.result("other")
    clear = twin(program, TWO, {}).revealed
    for found in (one, other, one ^ other, clear["one"], clear["one"] ^ clear["other"]):
        assert abs(found.mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)


# What goes over the wire


@pytest.mark.parametrize("value", [False, True])
def test_what_is_sent_looks_random(value: bool) -> None:
    """Constant truth values, through every operation that opens any: bytes are evenly spread, and differ from
    run to run."""
    n = 20_000

    def program(ctx: Context) -> None:
        a, b = bits(ctx, "a", (n,)), bits(ctx, "b", (n,), 1)
        number(ctx, "x", (n,))
        ctx.keep((a & b).numbers() + (a * number(ctx, "y", (n,))), "result")
        ctx.reveal(both([[a, b, ~a]])[0], ctx.parties[:1], "product")

    inputs = {"a": np.full(n, value), "b": np.full(n, value), "x": np.zeros(n), "y": np.zeros(n)}
    meshes, first = tapped(TWO)
    play(program, inputs, meshes=meshes)
    meshes, second = tapped(TWO)
    play(program, inputs, meshes=meshes)
    for direction, messages in first.items():
        if DEALER in (direction[1], direction[0]) and direction != (DEALER, TWO[1]):
            continue
        whole = b"".join(messages)
        counts = np.bincount(np.frombuffer(whole, np.uint8), minlength=256)
        expected = len(whole) / 256
        assert ((counts - expected) ** 2 / expected).sum() < 255 + 6 * np.sqrt(2 * 255)
        assert all(one != other for one, other in zip(messages, second[direction], strict=True))


@pytest.mark.parametrize("count", [2, 3])
def test_no_piece_of_a_random_stream_serves_two_values(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    books = recorded_claims(monkeypatch)

    def program(ctx: Context) -> None:
        a, b, x, y = three(ctx)
        own = ctx.private("own", ctx.parties[1], (N,), 8.0)
        ctx.mask(own)
        products([(a & b, x), (a, own), (b, None)])
        ctx.promise(a ^ a)
        ctx.check()
        ctx.reveal(a.any() ^ ctx.truth("random_bits", [], shape=[]), ctx.parties, "any")
        ctx.keep(functions.where(b, x, y), "chosen")

    inputs = {"a": random(N), "b": random(N), "x": np.zeros(N), "y": np.zeros(N), "own": np.ones(N)}
    play(program, inputs, NAMES[:count])
    uses: dict[tuple[bytes, int], set[tuple[str, int]]] = {}
    for participant in books.values():
        for (label, id), claim in participant.book.claims.items():
            seed = participant.book._seeds[label]
            uses.setdefault((seed, id), set()).add((claim.use, claim.words))
    assert len(uses) > 40
    assert all(len(claims) == 1 for claims in uses.values())


# Misuse


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda ctx, a, x: a & x, TypeError),
        (lambda ctx, a, x: a & 1.0, TypeError),
        (lambda ctx, a, x: a ^ np.array([0, 1, 1]), TypeError),
        (lambda ctx, a, x: functions.logical_or(x, a), TypeError),
        (lambda ctx, a, x: ~x, TypeError),
        (lambda ctx, a, x: functions.where(x, 1, 2), TypeError),
        (lambda ctx, a, x: functions.where(np.array([0, 1, 1]), x, 2), TypeError),
        (lambda ctx, a, x: functions.numbers(x), TypeError),
        (lambda ctx, a, x: functions.truth(True), TypeError),
        (lambda ctx, a, x: functions.truth(a.numbers() * 2), TypeError),
        (lambda ctx, a, x: functions.where(True, False, True), TypeError),
        (lambda ctx, a, x: "yes" if a else "no", TypeError),
        (lambda ctx, a, x: a and a, TypeError),
        (lambda ctx, a, x: a & a[:2], "CT-2112"),
        (lambda ctx, a, x: a ^ np.array([True, False]), "CT-2112"),
        (lambda ctx, a, x: functions.where(a, x, np.zeros(2)), "CT-2112"),
        (lambda ctx, a, x: a.all(axis=1), "CT-2112"),
        (lambda ctx, a, x: a[:0].any(), "CT-2112"),
        (lambda ctx, a, x: a * np.full(3, 2.0**62), "CT-2101"),
        (lambda ctx, a, x: functions.where(a, x, np.inf), "CT-2103"),
        (lambda ctx, a, x: both([[a]]), "CT-2106"),
        (lambda ctx, a, x: both([[a] * 9]), "CT-2106"),
        (lambda ctx, a, x: ctx.one("select", [a, x], truths=1, pairs=[[0, 2]], closed=[1]), "CT-2106"),
        (lambda ctx, a, x: ctx.one("select", [x], truths=1, pairs=[[0, -1]], closed=[]), "CT-2106"),
        (lambda ctx, a, x: ctx.truth("low_bit", [x]), "CT-2106"),
        (lambda ctx, a, x: ctx.promise(a) or ctx.reveal(x, ctx.parties, "x"), "CT-2106"),
        (lambda ctx, a, x: ctx.promise(a), "CT-2106"),
    ],
)
def test_misuse_is_refused(wrong: Callable[..., Any], error: Any) -> None:
    def program(ctx: Context) -> None:
        wrong(ctx, bits(ctx, "a", (3,)), number(ctx, "x", (3,)))

    if isinstance(error, str):
        with pytest.raises(CoterieError) as caught:
            trace(program, TWO, DEALER)
        assert caught.value.code == error
        if error == "CT-2112":
            assert "at test_boolean.py:" in str(caught.value)
    else:
        with pytest.raises(error):
            trace(program, TWO, DEALER)
