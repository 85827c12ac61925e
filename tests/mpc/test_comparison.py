"""Comparison: by tables and by the distributed function, against NumPy; its tree, its costs, its choice."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.mpc import Bits, Context, Program, Secret, functions, trace, twin
from coterie.mpc.form import Form
from coterie.mpc.network import Network
from coterie.mpc.protocols import PROTOCOLS
from coterie.mpc.protocols import comparison_opening as opening
from coterie.mpc.protocols.compare import less_call
from coterie.mpc.protocols.comparison_tree import MAX_LEVELS, Tree, bits_of, clamped, even, tree, trees
from coterie.mpc.ranges import Interval

from .rig import NAMES, Played, play, recorded_claims

Ints = NDArray[np.int64]

LESS = [("less_tables", {"levels": levels}) for levels in (1, 2, 3)] + [("less_dcf", {})]
EQUAL = [("equal_tables", {"levels": levels}) for levels in (1, 2, 3)] + [("equal_dcf", {})]


def comparing(kind: str, x: Ints, points: Sequence[int] | None, bits: int, **params: Any) -> Program:
    """Reveals what an operation finds of whole numbers below 2^bits in size."""

    def program(ctx: Context) -> None:
        limit = 2.0**bits - 1
        upper = ctx.private("x", ctx.parties[0], x.shape, 2.0**bits, frac=0).secret()
        lower = ctx.private("y", ctx.parties[1], x.shape, (0.0, 2.0**40), frac=0).secret()
        secret = ctx.within(upper + lower, limit)
        ctx.reveal(compare(ctx, kind, secret, points, **params), ctx.parties, "truth")

    return program


def compare(ctx: Context, kind: str, x: Secret, points: Sequence[int] | None, **params: Any) -> Bits:
    thresholds = None if points is None else [str(point) for point in points]
    return ctx.truth(kind, [x], thresholds=thresholds, because="a test", **params)


def shares(x: Ints, bits: int) -> dict[str, NDArray[np.float64]]:
    """Two parties' parts of x, exact as floats: one has the upper bits."""
    low = x & (2 ** min(bits, 40) - 1)
    return {"x": (x - low).astype(np.float64), "y": low.astype(np.float64)}


def around(points: Sequence[int], bits: int, n: int, seed: int = 0) -> Ints:
    """Numbers at, beside and far from some points, all sizes, below 2^bits in magnitude."""
    limit = 2**bits - 1
    rng = np.random.default_rng(seed)
    near = [p + d for p, d in itertools.product(points, (-2, -1, 0, 1, 2))] + [-limit, limit, 0, 1, -1]
    sizes = rng.integers(0, 2 ** rng.integers(1, bits + 1, n), dtype=np.int64, endpoint=False)
    far = np.where(rng.random(n) < 0.5, -sizes, sizes)
    kept = np.array([p for p in near if -limit <= p <= limit], np.int64)
    return np.concatenate([kept, far])[:n] if n < kept.size else np.concatenate([kept, far[: n - kept.size]])


def truth(kind: str, x: Ints, points: Sequence[int] | None) -> NDArray[np.bool_]:
    test = np.less if kind.startswith("less") else np.equal
    if points is None:
        return test(x, 0)
    return np.stack([test(x, point) for point in points])


def check(
    kind: str, x: Ints, points: Sequence[int] | None, bits: int, parties: int = 2, **params: Any
) -> Played:
    played = play(comparing(kind, x, points, bits, **params), shares(x, bits), NAMES[:parties])
    np.testing.assert_array_equal(played.result("truth"), truth(kind, x, points))
    assert played.sent() == played.tape.sent
    assert played.depths == dict(played.tape.rounds)
    return played


@pytest.mark.parametrize(("kind", "params"), LESS + EQUAL)
@pytest.mark.parametrize("bits", [13, 30, 61])
def test_two_parties(kind: str, params: dict[str, Any], bits: int) -> None:
    if tree(bits, params.get("levels", 1), True):
        check(kind, around([0], bits, 700), None, bits, **params)


@pytest.mark.parametrize(("kind", "params"), [LESS[1], EQUAL[2]])
def test_three_parties(kind: str, params: dict[str, Any]) -> None:
    check(kind, around([0], 61, 150), None, 61, 3, **params)


@pytest.mark.parametrize(("kind", "params"), [LESS[2], LESS[3], EQUAL[1], EQUAL[3]])
def test_many_thresholds_open_the_values_once(kind: str, params: dict[str, Any]) -> None:
    points = [-(2**39), -7, 0, 1, 2**39]
    played = check(kind, around(points, 40, 130).reshape(2, 65), points, 40, **params)
    one = check(kind, around(points, 40, 130).reshape(2, 65), None, 40, **params)
    opened = 130 * 5 if kind == "equal_tables" else 130 * 6
    more = played.tape.sent[NAMES[0]][NAMES[1]] - one.tape.sent[NAMES[0]][NAMES[1]]
    sent = one.tape.sent[NAMES[0]][NAMES[1]] - opened
    # Apart from revealing five times as many results, only the tree is sent for each.
    assert more < 4 * sent + 4 * 130


@pytest.mark.parametrize(("kind", "params"), [LESS[0], LESS[3], EQUAL[0], EQUAL[3]])
@pytest.mark.parametrize("n", [0, 1, 63, 65, 513])
def test_any_number_of_values(kind: str, params: dict[str, Any], n: int) -> None:
    check(kind, around([0], 20, n), None, 20, **params)


@pytest.mark.parametrize(("kind", "params"), [LESS[2], LESS[3], EQUAL[1]])
def test_pieces_fit_together(monkeypatch: pytest.MonkeyPatch, kind: str, params: dict[str, Any]) -> None:
    monkeypatch.setattr(opening, "PIECE", 512)
    check(kind, around([0, 5], 61, 20 * 512 + 7), [0, 5], 61, **params)


@pytest.mark.parametrize("bits", [1, 2, 4, 7, 8])
def test_few_bits_need_no_tree(bits: int) -> None:
    x = np.arange(-(2**bits) + 1, 2**bits)
    check("less_tables", x, None, bits, levels=0)
    check("equal_tables", x, None, bits, levels=0)
    check("less_dcf", x, None, bits)


@given(
    st.integers(1, 61).flatmap(
        lambda bits: st.tuples(
            st.just(bits), st.lists(st.integers(-(2**bits) + 1, 2**bits - 1), min_size=1, max_size=8)
        )
    ),
    st.lists(st.integers(-(2**61), 2**61), min_size=1, max_size=3),
    st.sampled_from(["less", "equal"]),
    st.integers(0, MAX_LEVELS + 1),
)
@settings(max_examples=40, deadline=None)
def test_any_numbers(case: tuple[int, list[int]], points: list[int], what: str, way: int) -> None:
    bits, values = case
    x = np.array(values, np.int64)
    form = Form(x.shape, 0, Interval(-(2.0**bits) + 1, 2.0**bits - 1))
    found = list(trees(bits_of(form, points, what == "less"), what == "less"))
    if way < len(found):
        check(f"{what}_tables", x, points, bits, levels=len(found[way].levels))
    else:
        check(f"{what}_dcf", x, points, bits)


@pytest.mark.parametrize("mode", ["float", "fixed"])
def test_twins_say_the_same(mode: Any) -> None:
    x, points = around([3], 30, 100), [-1, 3]
    for kind, params in (LESS[0], LESS[3], EQUAL[0], EQUAL[3]):
        outputs = twin(comparing(kind, x, points, 30, **params), NAMES[:2], shares(x, 30), mode)
        np.testing.assert_array_equal(outputs.revealed["truth"], truth(kind, x, points))


def test_fractions_are_compared_as_they_stand() -> None:
    x = np.array([-0.25, -(2.0**-18), 0.0, 2.0**-18, 0.5])

    def program(ctx: Context) -> None:
        secret = ctx.private("x", ctx.parties[0], x.shape, 0.5).secret()
        for kind, params in (LESS[1], LESS[3]):
            ctx.reveal(compare(ctx, kind, secret, [0, 1], **params), ctx.parties, kind)

    played = play(program, {"x": x})
    for kind in ("less_tables", "less_dcf"):
        np.testing.assert_array_equal(played.result(kind), [x < 0, x < 2.0**-18])


def test_no_piece_of_a_stream_is_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    books = recorded_claims(monkeypatch)
    x = around([0], 61, 100)

    def program(ctx: Context) -> None:
        secret = ctx.private("x", ctx.parties[0], x.shape, 2.0**61, frac=0).secret()
        for number, (kind, params) in enumerate(LESS + EQUAL):
            ctx.reveal(compare(ctx, kind, secret, [0, 9], **params), ctx.parties, str(number))

    play(program, {"x": x.astype(np.float64)})
    claims = books["hub"].book.claims  # type: ignore[attr-defined]
    assert len(claims) > 50
    for name in NAMES[:2]:
        for (label, id), claim in books[name].book.claims.items():  # type: ignore[attr-defined]
            if label == name:
                assert claims[label, id] == claim


@pytest.mark.parametrize(
    ("kind", "params", "parties", "says"),
    [
        ("less_tables", {"levels": 0}, 2, "no tree of 0 levels for 62 bits"),
        ("less_tables", {"levels": 9}, 2, "no tree of 9 levels"),
        ("less_dcf", {}, 3, "two parties can compare so, not 3"),
    ],
)
def test_what_cannot_be_compared_so(kind: str, params: dict[str, Any], parties: int, says: str) -> None:
    with pytest.raises(CoterieError, match=says) as caught:
        play(comparing(kind, around([0], 61, 3), None, 61, **params), {}, NAMES[:parties])
    assert caught.value.code == "CT-2106"


def test_no_thresholds_are_a_fault() -> None:
    with pytest.raises(CoterieError, match="no threshold"):
        play(comparing("less_dcf", around([0], 61, 3), [], 61), {})


# The tree


@pytest.mark.parametrize("order", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 3, 5, 9, 17, 28, 40, 62, 63])
def test_trees_join_all_chunks(bits: int, order: bool) -> None:
    found = list(trees(bits, order))
    assert found
    for one in found:
        assert sum(one.widths) == bits
        nodes = len(one.widths)
        for groups in one.levels:
            assert sum(groups) == nodes
            nodes = len(groups)
        assert nodes == 1
    totals = [_total(one) for one in found]
    assert totals == sorted(totals, reverse=True)


def _total(one: Tree) -> int:
    return one.table + sum(2 * opened + dealt for opened, dealt in zip(one.opened, one.dealt, strict=True))


def test_the_tree_is_the_cheapest_of_those_with_even_groups() -> None:
    def least(nodes: int, levels: int) -> float:
        if levels == 0:
            return 0 if nodes == 1 else np.inf
        costs = []
        for groups in range(1, nodes // 2 + 1):
            sizes = even(nodes, groups)
            if max(sizes) > 10:
                continue
            own = Tree(0, True, (), (sizes,))
            costs.append(2 * own.opened[0] + own.dealt[0] + least(groups, levels - 1))
        return min(costs, default=np.inf)

    for bits, levels in [(62, 1), (62, 2), (62, 3), (20, 2)]:
        tables = {n: sum(2**w - 1 for w in even(bits, n)) + 1 for n in range(8, 40) if n <= bits}
        cheapest = min(table + least(n, levels) for n, table in tables.items())
        found = tree(bits, levels, True)
        assert found is not None
        assert _total(found) <= cheapest


def test_published_figures() -> None:
    totals = {order: [_total(tree(62, levels, order)) for levels in (1, 2, 3, 4)] for order in (True, False)}  # type: ignore[arg-type]
    assert totals == {True: [1861, 381, 305, 296], False: [1599, 287, 243, 243]}
    three = tree(62, 3, True)
    assert three is not None
    assert (three.table, three.opened, three.dealt, three.opened_bits) == (144, (32, 14, 4), (35, 21, 5), 63)


@given(st.integers(-40, 40), st.integers(0, 60), st.lists(st.integers(-90, 90), min_size=1, max_size=4))
def test_enough_bits_are_compared(low: int, width: int, points: list[int]) -> None:
    form = Form((3,), 0, Interval(float(low), float(low + width)))
    for order in (True, False):
        bits = bits_of(form, points, order)
        for x in range(low, low + width + 1):
            for t, moved in zip(points, clamped(form, points, order), strict=True):
                if order:
                    assert (x < t) == bool(((x - moved) >> bits) & 1)
                    assert -(2**bits) <= x - moved < 2**bits
                else:
                    assert (x == t) == ((x - moved) % 2**bits == 0)


def test_ranges_are_taken_outwards() -> None:
    form = Form((1,), 2, Interval(-0.3, 1.7))
    assert bits_of(form, [0], True) == 3  # from -2 to 7
    assert bits_of(form, [100], True) == 4  # the threshold becomes 8, the least x then is -10


# The choice


def test_costs_and_kinds_are_declared() -> None:
    for kind in ("less_tables", "less_dcf", "equal_tables", "equal_dcf"):
        statement = PROTOCOLS[kind].statement
        assert statement is not None
        assert statement.learns.startswith("Nothing")
    assert PROTOCOLS["less_dcf"].statement.computational_bits == 112  # type: ignore[union-attr]


def test_the_reason_stands_on_the_tape() -> None:
    kind, params = less_call(Network.WAN, NAMES[:2], Form((10,), 18, Interval(-1.0, 1.0)))
    assert kind == "less_dcf"
    assert "round trip 50 ms, 100 Mb/s: dcf, 1 round" in params["because"]
    assert "next tables, 2 rounds" in params["because"]


@given(
    most=st.integers(2, 1 << 14),
    share=st.floats(0, 1),
    bits=st.integers(2, 40),
    network=st.sampled_from([None, Network.LAN, Network.WAN, Network.NARROW]),
    parties=st.sampled_from([2, 3]),
)
@settings(max_examples=40, deadline=None)
def test_fewer_of_many_never_cost_more(
    most: int, share: float, bits: int, network: Network | None, parties: int
) -> None:
    def costs(n: int) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
        def program(ctx: Context) -> None:
            x, y = (ctx.private(name, name, (n,), 2.0**bits - 1, frac=0).secret() for name in ctx.parties[:2])
            ctx.reveal(functions.less(x, y, many=True), ctx.parties, "truth")

        tape = trace(program, NAMES[:parties], "hub", network=network)
        return dict(tape.rounds), {(a, b): sent for a, to in tape.sent.items() for b, sent in to.items()}

    bound, need = costs(most), costs(max(1, int(most * share)))
    for have, may in zip(need, bound, strict=True):
        assert all(count <= may.get(name, 0) for name, count in have.items())  # type: ignore[attr-defined]


def test_of_many_the_same_are_less() -> None:
    x = np.array([-3.0, 0.0, 5.0, 5.0])
    y = np.array([-3.0, 1.0, 4.0, 6.0])

    def program(ctx: Context) -> None:
        left = ctx.private("x", ctx.parties[0], x.shape, 8, frac=0)
        right = ctx.private("y", ctx.parties[1], y.shape, 8, frac=0)
        for name, found in (
            ("less", functions.less(left, right, many=True)),
            ("number", functions.less(left, 1, many=True)),
            ("numbers", functions.less(left, y, many=True)),
        ):
            ctx.reveal(found, ctx.parties, name)

    played = play(program, {"x": x, "y": y})
    np.testing.assert_array_equal(played.result("less"), x < y)
    np.testing.assert_array_equal(played.result("number"), x < 1)
    np.testing.assert_array_equal(played.result("numbers"), x < y)
