"""Order along an axis: NumPy is the oracle, for networks the 0-1 principle."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.mpc import Context, Secret, functions, trace, twin
from coterie.mpc.functions import ordering
from coterie.mpc.functions.ordering_plan import group_size
from coterie.mpc.network import Network
from coterie.mpc.protocols.sorting import Layer, depth, layer, network, steps

from .costs import Cost, cost
from .rig import DEALER, NAMES, play

TWO = NAMES[:2]
FAR, NEAR = Network(0.2, 1e9), Network(1e-6, 1e3)
"""Where rounds are dear, and where bytes are."""


def number(ctx: Context, name: str, shape: tuple[int, ...], frac: int = 18, bound: Any = 8.0) -> Secret:
    return ctx.private(name, ctx.parties[0], shape, bound, frac).secret()


def revealed(
    piece: Callable[..., Mapping[str, Any]], how: Any, line: Network, **inputs: NDArray[Any]
) -> dict[str, Any]:
    """Results of whole numbers, on the twin or by so many parties."""

    def program(ctx: Context) -> None:
        secrets = [number(ctx, name, value.shape, 0) for name, value in inputs.items()]
        for name, result in piece(*secrets).items():
            ctx.reveal(result, ctx.parties, name)

    if how == "twin":
        return twin(program, TWO, inputs, "fixed").revealed
    played = play(program, inputs, NAMES[:how], tracing={"network": line})
    assert played.sent() == played.tape.sent
    assert played.depths == dict(played.tape.rounds)
    return {name: played.result(name) for name in played.outputs[TWO[0]].revealed}


# Networks


def sorts(layers: list[Layer], n: int, wanted: list[int]) -> bool:
    """Whether the wanted places are those of sorted arrays, for all arrays of zeros and ones: then they are
    for all arrays (Knuth, volume 3, section 5.3.4, theorem Z)."""
    arrays = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.int8)
    ordered = np.sort(arrays, axis=1)
    for one in layers:
        front, back = arrays[:, one.front], arrays[:, one.back]
        arrays[:, one.front], arrays[:, one.back] = np.minimum(front, back), np.maximum(front, back)
    return np.array_equal(arrays[:, wanted], ordered[:, wanted])


@pytest.mark.parametrize("n", range(1, 14))
def test_networks_sort_everything(n: int) -> None:
    whole = [layer(n, *step) for step in steps(n)]
    assert len(whole) == depth(n)
    assert sorts(whole, n, list(range(n)))
    for k in range(1, n + 1):
        assert sorts(list(network(n, tuple(range(k)))), n, list(range(k)))
        assert sorts(list(network(n, (k - 1,))), n, [k - 1])
    if n > 1:
        without_last = [*whole[:-1], Layer(whole[-1].front[:-1], whole[-1].back[:-1])]
        assert not sorts(without_last, n, list(range(n)))


def test_comparators_of_a_layer_share_no_element() -> None:
    for n in (2, 5, 37, 64, 100):
        for one in (*(layer(n, *step) for step in steps(n)), *network(n, (0, 1)), *network(n, (n // 2,))):
            touched = np.concatenate([one.front, one.back])
            assert len(set(touched.tolist())) == touched.size
            assert touched.max() < n
            assert touched.min() >= 0


def test_networks_are_as_small_as_they_should_be() -> None:
    """Batcher's count for powers of two; for the first alone, one comparator less than there are elements."""
    for log in range(1, 11):
        n = 2**log
        size = sum(layer(n, *step).front.size for step in steps(n))
        assert size == n * (log * log - log + 4) // 4 - 1
    for n in (2, 7, 100, 1000):
        assert sum(one.front.size for one in network(n, (0,))) == n - 1
    few, whole = network(4096, tuple(range(8))), 4096 * (144 - 12 + 4) // 4 - 1
    assert sum(one.front.size for one in few) < whole / 5


# Results


CASES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(0, 2**30))


@settings(max_examples=40)
@given(CASES, st.sampled_from(["twin", 2, 3]), st.booleans())
def test_any_array_with_ties(case: tuple[int, int, int], how: Any, ranks: bool) -> None:
    with mock.patch.object(ordering, "by_ranks", return_value=ranks):
        check_order(case, how, FAR if ranks else NEAR)


def check_order(case: tuple[int, int, int], how: Any, line: Network) -> None:
    rows, n, seed = case
    x = np.random.default_rng(seed).integers(-3, 4, (rows, n))
    k = 1 + seed % n

    def piece(s: Secret) -> Mapping[str, Any]:
        values, places = functions.top_k(s, k)
        return {
            "max": np.max(s, axis=1),
            "argmin": np.argmin(s, axis=1),
            "argmax": np.argmax(s),
            "sort": np.sort(s),
            "argsort": np.argsort(s),
            "values": values,
            "places": places,
            "median": np.median(s, axis=1),
        }

    got = revealed(piece, how, line, x=x)
    first = np.argsort(-x, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(got["max"], x.max(axis=1))
    np.testing.assert_array_equal(got["argmin"], x.argmin(axis=1))
    np.testing.assert_array_equal(got["argmax"], x.argmax())
    np.testing.assert_array_equal(got["sort"], np.sort(x))
    np.testing.assert_array_equal(got["argsort"], np.argsort(x, axis=1, kind="stable"))
    np.testing.assert_array_equal(got["values"], np.take_along_axis(x, first, 1))
    np.testing.assert_array_equal(got["places"], first)
    np.testing.assert_array_equal(got["median"], np.median(x, axis=1))


@pytest.mark.parametrize("line", [FAR, NEAR])
@pytest.mark.parametrize("n", [33, 64, 200])
def test_the_largest_of_many(n: int, line: Network) -> None:
    x = np.random.default_rng(n).integers(-8, 9, (2, n))
    x[1] = -8  # all the same: the first is the largest
    got = revealed(lambda s: {"best": np.max(s, axis=1), "place": np.argmax(s, axis=1)}, 2, line, x=x)
    np.testing.assert_array_equal(got["best"], x.max(axis=1))
    np.testing.assert_array_equal(got["place"], x.argmax(axis=1))


@pytest.mark.parametrize(("line", "n"), [(FAR, 1), (FAR, 23), (NEAR, 65)])
def test_sorting_by_key_keeps_the_order_of_equal_keys(line: Network, n: int) -> None:
    rng = np.random.default_rng(1)
    keys, column, table = rng.integers(0, 4, n), np.arange(n) % 9, rng.integers(-8, 9, (n, 2, 2))

    def piece(k: Secret, c: Secret, t: Secret) -> Mapping[str, Any]:
        ordered, moved, rows = functions.sort_by_key(k, c, t)
        (back,) = functions.sort_by_key(k, descending=True)
        _, behind = functions.sort_by_key(k, c, descending=True)
        return {"keys": ordered, "column": moved, "table": rows, "back": back, "behind": behind}

    got = revealed(piece, 2, line, k=keys, c=column, t=table)
    order, back = np.argsort(keys, kind="stable"), np.argsort(-keys, kind="stable")
    np.testing.assert_array_equal(got["keys"], keys[order])
    np.testing.assert_array_equal(got["column"], column[order])
    np.testing.assert_array_equal(got["table"], table[order])
    np.testing.assert_array_equal(got["back"], keys[back])
    np.testing.assert_array_equal(got["behind"], column[back])


def test_values_over_the_whole_ring() -> None:
    """Keys of 60 bits, and places beside them as far as they fit."""
    big = 2.0**42

    def program(ctx: Context) -> None:
        x = number(ctx, "x", (5,), 18, big)
        ctx.reveal(np.sort(x), ctx.parties, "sort")
        ctx.reveal(np.max(x), ctx.parties, "max")

    x = np.array([big, -big, 0, 2.0**-18, -(2.0**-18)])
    for line in (FAR, NEAR):
        played = play(program, {"x": x}, tracing={"network": line})
        np.testing.assert_array_equal(played.result("sort"), np.sort(x))
        assert played.result("max") == big


# Costs


def compared(pairs: int, frac: int, line: Network) -> Cost:
    """C of so many differences of numbers up to 8."""

    def prepare(ctx: Context) -> Secret:
        return number(ctx, "x", (pairs,), frac, 16.0)

    return cost(prepare, lambda x: x < 0, network=line)


def given_rows(n: int) -> Callable[[Context], Secret]:
    return lambda ctx: number(ctx, "x", (n,))


@pytest.mark.parametrize("n", [2, 64, 100])
def test_a_network_costs_what_its_docstring_says(n: int) -> None:
    sizes = [layer(n, *step).front.size for step in steps(n)]
    each = [compared(size, 18, NEAR) for size in sizes]
    found = cost(given_rows(n), np.sort, network=NEAR)
    assert "compared" in kinds(given_rows(n), np.sort, NEAR)
    assert found.rounds == sum(c.rounds + 1 for c in each)
    assert found.sent == sum(c.sent for c in each) + sum(8 * size + math.ceil(size / 8) for size in sizes)
    assert found.dealt == sum(c.dealt for c in each) + sum(16 * size for size in sizes)


@pytest.mark.parametrize("n", [3, 5, 21])
def test_ranks_cost_what_their_docstring_says(n: int) -> None:
    pairs = n * (n - 1) // 2
    c = compared(pairs, 18, FAR)

    def permuted(ctx: Context) -> tuple[Secret, Secret]:
        return number(ctx, "x", (n,)), number(ctx, "p", (n,), 0, (0.0, n - 1.0))

    moved = cost(permuted, lambda given: functions.permute(given[0], given[1], inverse=True), network=FAR)
    found = cost(given_rows(n), np.sort, network=FAR)
    assert "all_pairs" in kinds(given_rows(n), np.sort, FAR)
    assert found.rounds == c.rounds + 1 + moved.rounds
    assert found.sent == c.sent + math.ceil(pairs / 8) + moved.sent
    assert found.dealt == c.dealt + 8 * pairs + moved.dealt


@pytest.mark.parametrize("line", [FAR, NEAR, Network.LAN, Network.WAN])
@pytest.mark.parametrize("n", [2, 8, 9, 100])
def test_a_tournament_costs_what_its_docstring_says(n: int, line: Network) -> None:
    sizes: list[int] = []
    trace(lambda ctx: sizes.append(group_size(given_rows(n)(ctx))), TWO, DEALER, network=line)
    rounds = sent = dealt = 0
    left = n
    while left > 1:
        k = min(sizes[0], left)
        left = math.ceil(left / k)
        c = compared(left * k * (k - 1) // 2, 18, line)
        rounds, sent, dealt = rounds + c.rounds + 1, sent + c.sent, dealt + c.dealt
        if k > 2:
            rounds += 1
            sent += math.ceil(left / 8) * (k - 1) ** 2
            dealt += math.ceil(left / 8) * (k - 1) * (2 ** (k - 1) - k)
        sent += 8 * left * (k - 1) + math.ceil(left * (k - 1) / 8)
        dealt += 16 * left * (k - 1)
    assert cost(given_rows(n), np.max, network=line) == Cost(rounds, sent, dealt)


def test_places_cost_a_little_beside_values() -> None:
    """Of 1000 elements: one or two rounds and 10 numbers, and few bytes."""
    for line in (FAR, NEAR, Network.LAN):
        best = cost(given_rows(1000), np.max, network=line)
        place = cost(given_rows(1000), np.argmax, network=line)
        assert 2 <= place.rounds - best.rounds <= 3
        assert place.sent < best.sent * 1.25


def test_the_network_decides() -> None:
    """Long latency: few rounds. Little bandwidth: few bytes."""
    few = cost(given_rows(500), np.sort, network=FAR)
    small = cost(given_rows(500), np.sort, network=NEAR)
    assert few.rounds < 15 < 40 < small.rounds
    assert small.sent < few.sent / 2
    rounds = [cost(given_rows(500), np.max, network=line).rounds for line in (FAR, NEAR)]
    assert rounds[0] < rounds[1]


def kinds(prepare: Callable[[Context], Any], piece: Callable[[Any], Any], line: Network) -> set[str]:
    tape = trace(lambda ctx: piece(prepare(ctx)), TWO, DEALER, network=line)
    return {instruction.call.kind for instruction in tape.instructions}


# Misuse


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda ctx, x: functions.top_k(x, 0), "CT-2112"),
        (lambda ctx, x: functions.top_k(x, 4), "CT-2112"),
        (lambda ctx, x: np.max(x, axis=2), "CT-2112"),
        (lambda ctx, x: np.argmax(x[:, :0], axis=1), "CT-2112"),
        (lambda ctx, x: np.sort(x, axis=-3), "CT-2112"),
        (lambda ctx, x: functions.sort_by_key(x, x), "CT-2112"),
        (lambda ctx, x: functions.sort_by_key(x[0], x), "CT-2112"),
        (lambda ctx, x: np.argsort(np.broadcast_to(x[:, :1], (2, 64)) * 2.0**38), "CT-2101"),
        (lambda ctx, x: np.quantile(x, 1.5), ValueError),
        (lambda ctx, x: np.quantile(x, []), ValueError),
        (lambda ctx, x: np.argmax(x, x), TypeError),
        (lambda ctx, x: x[np.argmax(x)], TypeError),
        (lambda ctx, x: sorted(x), TypeError),
        (lambda ctx, x: max(x), TypeError),
    ],
)
def test_misuse_is_refused(wrong: Callable[[Context, Secret], Any], error: Any) -> None:
    def program(ctx: Context) -> None:
        wrong(ctx, number(ctx, "x", (2, 3)))

    if isinstance(error, str):
        with pytest.raises(CoterieError) as caught:
            trace(program, TWO, DEALER, network=NEAR)
        assert caught.value.code == error
        assert "at test_ordering.py:" in str(caught.value)
    else:
        with pytest.raises(error):
            trace(program, TWO, DEALER)
