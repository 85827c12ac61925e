"""Alignment: against Python's set intersection, and its cost against what was measured."""

from __future__ import annotations

import random
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import psi
from coterie.errors import UNEXPECTED, BadInput, Bug, CoterieError
from coterie.wire import Mesh
from tests.psi.pair import STEP, Recorder, Stream, ids, play


def joined(a: list[Any], b: list[Any], chunk: int = psi.CHUNK) -> tuple[list[Any], dict[str, Mesh]]:
    """The common ids in the order that both parties have, under budgets of exactly the planned bytes."""
    cost = psi.cost(len(a), len(b))
    one, other, meshes = play(
        lambda mesh: psi.align(mesh, "b", ids(*a), len(b), chunk=chunk),
        lambda mesh: psi.align(mesh, "a", ids(*b), len(a), chunk=chunk),
        budgets=(cost.a_to_b, cost.b_to_a),
    )
    assert isinstance(one, psi.Alignment), one
    assert isinstance(other, psi.Alignment), other
    assert one.indices.dtype == other.indices.dtype == np.int64
    common = [a[index] for index in one.indices]
    assert common == [b[index] for index in other.indices]
    return common, meshes


CASES: dict[str, tuple[list[int], list[int]]] = {
    "one and the same row": ([7], [7]),
    "one row each, different": ([7], [8]),
    "one row among many": ([30], list(range(100))),
    "disjoint": (list(range(50)), list(range(50, 80))),
    "all common": (list(range(60)), list(range(59, -1, -1))),
    "one inside the other": (list(range(40)), list(range(10, 25))),
    "partial overlap": (list(range(90)), list(range(60, 150))),
}


@pytest.mark.parametrize(("a", "b"), CASES.values(), ids=CASES.keys())
def test_common_rows_are_those_of_set_intersection(a: list[int], b: list[int]) -> None:
    common, _ = joined(a, b)
    assert sorted(common) == sorted(set(a) & set(b))


def test_five_thousand_rows_in_chunks() -> None:
    shuffle = random.Random(2)
    a = shuffle.sample(range(8000), 5000)
    b = shuffle.sample(range(8000), 4500)
    common, _ = joined(a, b, chunk=512)
    assert len(common) == len(set(common))
    assert set(common) == set(a) & set(b)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, unique=True),
    st.lists(st.integers(0, 40), min_size=1, unique=True),
    st.integers(1, 12),
)
def test_any_sets_in_any_chunks(a: list[int], b: list[int], chunk: int) -> None:
    common, _ = joined(a, b, chunk)
    assert sorted(common) == sorted(set(a) & set(b))


@pytest.mark.parametrize(
    ("rows_a", "rows_b", "chunk"), [(1, 1, 1), (3, 40, 8192), (100, 65, 16), (64, 64, 64)]
)
def test_bytes_and_rounds_are_the_planned_ones(rows_a: int, rows_b: int, chunk: int) -> None:
    cost = psi.cost(rows_a, rows_b)
    _, meshes = joined(list(range(rows_a)), list(range(rows_b)), chunk)
    to_b, to_a = meshes["a"].egress()[STEP]["b"], meshes["b"].egress()[STEP]["a"]
    assert (to_b.sent, to_a.sent) == (cost.a_to_b, cost.b_to_a)
    assert (to_b.received, to_a.received) == (cost.b_to_a, cost.a_to_b)


@pytest.mark.parametrize(("rows_a", "rows_b", "chunk"), [(1, 1, 1), (40, 3, 7), (30, 60, 8)])
def test_rounds_do_not_depend_on_rows_or_chunks(rows_a: int, rows_b: int, chunk: int) -> None:
    cost = psi.cost(rows_a, rows_b)

    def depth(peer: str, own: int, theirs: int) -> Any:
        def program(mesh: Mesh) -> int:
            psi.align(mesh, peer, ids(*range(own)), theirs, chunk=chunk)
            return mesh.depth

        return program

    one, other, _ = play(depth("b", rows_a, rows_b), depth("a", rows_b, rows_a))
    assert (one, other) == (cost.rounds_a, cost.rounds_b) == (3, 3)


def test_cost_in_numbers() -> None:
    # 40 bits of tag for one row each; 17 + 17 + 40 = 74 bits, 10 bytes, for 100,000; 17 + 20 + 40 = 77.
    assert psi.cost(1, 1).a_to_b == psi.cost(1, 1).b_to_a == 32 + 5 + 32
    assert psi.cost(100_000, 100_000).a_to_b == 100_000 * (32 + 10) + 32
    assert psi.cost(100_000, 1_000_000).a_to_b == 100_000 * 32 + 1_000_000 * 10 + 32
    assert psi.cost(100_000, 1_000_000).b_to_a == 1_000_000 * 32 + 100_000 * 10 + 32
    assert psi.cost(2**17 + 1, 1).a_to_b == (2**17 + 1) * 32 + 8 + 32


def test_the_order_is_new_in_every_run_and_not_that_of_the_rows() -> None:
    rows = list(range(100))
    first, _ = joined(rows, rows)
    second, _ = joined(rows, rows)
    assert first != second
    assert first != rows
    assert second != rows


def test_no_point_repeats_in_another_run() -> None:
    def points() -> set[bytes]:
        recorders: list[Recorder] = []

        def record(mesh: Mesh) -> Mesh:
            recorders.append(Recorder(mesh))
            return cast(Mesh, recorders[-1])

        play(
            lambda mesh: psi.align(record(mesh), "b", ids(*range(20)), 20),
            lambda mesh: psi.align(record(mesh), "a", ids(*range(20)), 20),
        )
        return {row.tobytes() for recorder in recorders for row in recorder.of("psi/points")}

    first, second = points(), points()
    assert len(first) == len(second) == 40
    assert not first & second


def test_progress_reaches_its_total() -> None:
    heard: list[tuple[int, int]] = []
    play(
        lambda mesh: psi.align(
            mesh,
            "b",
            ids(*range(30)),
            12,
            chunk=8,
            progress=lambda done, total, _: heard.append((done, total)),
        ),
        lambda mesh: psi.align(mesh, "a", ids(*range(12)), 30, chunk=8),
    )
    assert [done for done, _ in heard] == [8, 16, 24, 30, 38, 42]
    assert {total for _, total in heard} == {42}


def test_progress_can_cancel_and_the_peer_hears_of_it() -> None:
    def cancel(done: int, total: int, what: str) -> None:
        if done >= 16:
            raise UNEXPECTED("cancelled")

    one, other, _ = play(
        lambda mesh: psi.align(mesh, "b", ids(*range(30)), 30, chunk=8, progress=cancel),
        lambda mesh: psi.align(mesh, "a", ids(*range(30)), 30, chunk=8),
    )
    assert isinstance(one, CoterieError)
    assert isinstance(other, CoterieError)
    assert (one.code, other.code) == ("CT-1002", "CT-1002")


class Untouched:
    """A mesh that must not be used."""

    def to(self, peer: str) -> None:
        pytest.fail("something would have been sent")


def refused(hashes: NDArray[Any], peer_rows: int, **options: int) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        psi.align(cast(Mesh, Untouched()), "b", hashes, peer_rows, **options)  # type: ignore[arg-type]
    return caught.value


def test_duplicate_ids_are_refused_before_anything_is_sent() -> None:
    error = refused(ids("x", "y", "z", "y", "w"), 5)
    assert isinstance(error, BadInput)
    assert error.code == "CT-2002"
    assert "rows 1 and 3" in error.detail
    assert "2 more" in refused(ids("x", "y", "x", "y", "x"), 5).detail


def test_the_peer_is_not_told_which_rows_have_one_id() -> None:
    own, peers, _ = play(
        lambda mesh: psi.align(mesh, "b", ids("x", "y", "y"), 1),
        lambda mesh: psi.align(mesh, "a", ids("z"), 3),
    )
    assert own.detail == "rows 1 and 2, counted from 0"
    assert (peers.code, peers.party, peers.detail) == ("CT-2002", "a", "")


def test_a_party_without_rows_is_refused() -> None:
    for error in (refused(ids(), 5), refused(ids("x"), 0)):
        assert isinstance(error, BadInput)
        assert error.code == "CT-2001"
    for rows in ((0, 5), (5, 0), (-1, 5)):
        with pytest.raises(BadInput, match="CT-2001"):
            psi.cost(*rows)


def test_arguments_of_a_wrong_form_are_refused() -> None:
    for error in (
        refused(ids("x").astype(np.int16), 5),
        refused(ids("x").reshape(-1), 5),
        refused(ids("x")[:, :31], 5),
        refused(ids("x"), 2**40 + 1),
        refused(ids("x"), 5, chunk=0),
    ):
        assert isinstance(error, Bug)
        assert error.code == "CT-2006"


def test_the_same_randomness_gives_the_same_order() -> None:
    def run() -> Any:
        one, _, _ = play(
            lambda mesh: psi.align(mesh, "b", ids(*range(50)), 50, random=Stream("a")),
            lambda mesh: psi.align(mesh, "a", ids(*range(25, 75)), 50, random=Stream("b")),
        )
        return one.indices.tolist()

    assert run() == run()
