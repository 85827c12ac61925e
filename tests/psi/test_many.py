"""Alignment of three and more parties: against Python's sets, and its cost against what was measured."""

from __future__ import annotations

import random
from functools import reduce
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie import psi
from coterie.errors import UNEXPECTED, BadInput, Bug, CoterieError
from coterie.wire import Mesh
from tests.psi.group import play_all
from tests.psi.pair import STEP, Stream, ids

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")


def joined(*sets: list[Any], chunk: int = psi.CHUNK) -> list[Any]:
    """The common ids in the order that all parties have; bytes and depth are exactly the planned ones."""
    given = dict(zip(NAMES, sets, strict=False))
    rows = {name: len(one) for name, one in given.items()}
    cost = psi.cost_many(rows)

    def program(mesh: Mesh) -> tuple[list[Any], int]:
        own = given[mesh.me]
        aligned = psi.align_many(mesh, rows, ids(*own), chunk=chunk)
        assert aligned.indices.dtype == np.int64
        return [own[index] for index in aligned.indices], mesh.depth

    results, meshes = play_all(dict.fromkeys(given, program), cost.sent)
    common, depth = results[NAMES[0]]
    assert all(result == (common, depth) for result in results.values()), results
    assert depth == cost.rounds
    for name, mesh in meshes.items():
        assert {peer: one.sent for peer, one in mesh.egress()[STEP].items()} == cost.sent[name]
    return cast(list[Any], common)


def intersection(*sets: list[Any]) -> list[Any]:
    return sorted(reduce(lambda one, other: one & other, map(set, sets)))


CASES: dict[str, tuple[list[int], ...]] = {
    "one and the same row": ([7], [7], [7]),
    "one row each, one differs": ([7], [7], [8]),
    "pairs only": ([1, 2], [2, 3], [3, 1]),
    "nothing in common at all": ([1, 2, 3], [4, 5], [6]),
    "all common": (list(range(60)), list(range(59, -1, -1)), list(range(60))),
    "one inside the others": (list(range(40)), list(range(10, 25)), list(range(5, 200))),
    "the last asks": (list(range(90)), list(range(60, 150)), list(range(80, 100))),
    "four": (list(range(60)), list(range(10, 70)), list(range(20, 80)), list(range(30, 90))),
    "five": tuple(list(range(k, 300, k)) for k in (1, 2, 3, 4, 5)),
    "two": (list(range(9)), list(range(5, 12))),
}


@pytest.mark.parametrize("sets", CASES.values(), ids=CASES.keys())
def test_common_rows_are_those_of_set_intersection(sets: tuple[list[int], ...]) -> None:
    assert sorted(joined(*sets)) == intersection(*sets)


def test_four_thousand_rows_in_chunks() -> None:
    shuffle = random.Random(2)
    sets = [shuffle.sample(range(5000), count) for count in (4000, 3500, 4400)]
    common = joined(*sets, chunk=512)
    assert sorted(common) == intersection(*sets)
    assert len(common) > 1500


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 12), min_size=1, unique=True), min_size=3, max_size=5),
    st.integers(1, 9),
)
def test_any_sets_in_any_chunks(sets: list[list[int]], chunk: int) -> None:
    assert sorted(joined(*sets, chunk=chunk)) == intersection(*sets)


def test_cost_in_numbers() -> None:
    # beta asks. Shares of 17 + 40 bits, 8 bytes; 1.33 cells for each row.
    cost = psi.cost_many({"alpha": 100_000, "beta": 70_000, "gamma": 150_001})
    table_alpha, table_gamma = 133_000, 199_608
    # Tags of 17 + 18 + 40 bits, 10 bytes.
    asked = 70_000 * 32 + 32 + 70_000 * 10 + 32
    assert cost.sent == {
        "alpha": {"beta": 70_000 * 32 + 8 * table_alpha + 32, "gamma": 32 + 32},
        "beta": {"alpha": asked, "gamma": asked},
        "gamma": {"alpha": 32, "beta": 70_000 * 32 + 8 * table_gamma + 32},
    }
    assert cost.rounds == 4
    assert cost.multiplications == 70_000 + 150_001
    assert psi.cost_many(dict.fromkeys(NAMES, 1000)).multiplications == 5000


def test_two_parties_cost_what_two_parties_do() -> None:
    pair, many = psi.cost(30, 17), psi.cost_many({"alpha": 30, "beta": 17})
    assert many.sent == {"alpha": {"beta": pair.a_to_b}, "beta": {"alpha": pair.b_to_a}}
    assert (many.rounds, many.memory) == (pair.rounds_a, pair.memory)
    assert many.multiplications == pair.multiplications


def test_who_has_the_fewest_rows_asks_and_the_first_of_those() -> None:
    assert psi.asker({"alpha": 3, "beta": 2, "gamma": 2}) == "beta"


def test_the_order_is_new_in_every_run_and_not_that_of_the_rows() -> None:
    rows = list(range(100))
    first, second = joined(rows, rows, rows), joined(rows, rows, rows)
    assert first != second
    assert rows not in (first, second)


def test_progress_reaches_its_total_at_every_party() -> None:
    heard: dict[str, list[tuple[int, int]]] = {name: [] for name in NAMES[:3]}
    rows = {"alpha": 30, "beta": 12, "gamma": 20}

    def program(mesh: Mesh) -> None:
        tell = heard[mesh.me]
        psi.align_many(
            mesh,
            rows,
            ids(*range(rows[mesh.me])),
            chunk=8,
            progress=lambda done, total, _: tell.append((done, total)),
        )

    play_all(dict.fromkeys(rows, program))
    assert [done for done, _ in heard["alpha"]] == [8, 12, 20, 28, 36, 42]
    assert [done for done, _ in heard["beta"]] == [8, 12, 20, 24, 32, 36]
    assert {name: {total for _, total in told} for name, told in heard.items()} == {
        "alpha": {42},
        "beta": {36},
        "gamma": {32},
    }


@pytest.mark.parametrize("stops", ["alpha", "beta"])
def test_progress_can_cancel_and_all_peers_hear_of_it(stops: str) -> None:
    def cancel(done: int, total: int, what: str) -> None:
        if done >= 16:
            raise UNEXPECTED("cancelled")

    rows = dict.fromkeys(NAMES[:3], 30)

    def program(mesh: Mesh) -> None:
        psi.align_many(mesh, rows, ids(*range(30)), chunk=8, progress=cancel if mesh.me == stops else None)

    results, _ = play_all(dict.fromkeys(rows, program))
    assert {error.code for error in results.values()} == {"CT-1002"}


class Untouched:
    """A mesh that must not be used."""

    me = "alpha"

    def to(self, peer: str) -> None:
        pytest.fail("something would have been sent")


def refused(rows: dict[str, int], *names: object, **options: int) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        psi.align_many(cast(Mesh, Untouched()), rows, ids(*names), **options)  # type: ignore[arg-type]
    return caught.value


def test_duplicate_ids_are_refused_before_anything_is_sent() -> None:
    error = refused({"alpha": 3, "beta": 5, "gamma": 5}, "x", "y", "x")
    assert isinstance(error, BadInput)
    assert error.code == "CT-2002"


def test_a_party_without_rows_is_refused() -> None:
    assert refused({"alpha": 0, "beta": 5, "gamma": 5}).code == "CT-2001"
    assert refused({"alpha": 1, "beta": 5, "gamma": 0}, "x").code == "CT-2001"
    with pytest.raises(BadInput, match="CT-2001"):
        psi.cost_many({"alpha": 1, "beta": 5, "gamma": 0})


@pytest.mark.parametrize(
    "rows",
    [
        {"alpha": 2, "beta": 5, "gamma": 5},
        {"delta": 1, "beta": 5, "gamma": 5},
        {"alpha": 1},
        dict.fromkeys((*NAMES, "zeta"), 1),
        {"alpha": 1, "beta": 5, "gamma": 2**40 + 1},
    ],
    ids=["another number", "not among them", "alone", "six", "too many rows"],
)
def test_arguments_of_a_wrong_form_are_refused(rows: dict[str, int]) -> None:
    error = refused(rows, "x")
    assert isinstance(error, Bug)
    assert error.code == "CT-2006"


def test_a_wrong_chunk_and_a_wrong_number_of_parties_are_refused() -> None:
    assert refused({"alpha": 1, "beta": 5, "gamma": 5}, "x", chunk=0).code == "CT-2006"
    for names in (NAMES[:1], (*NAMES, "zeta")):
        with pytest.raises(Bug, match="CT-2006"):
            psi.cost_many(dict.fromkeys(names, 3))


def test_the_same_randomness_gives_the_same_order() -> None:
    rows = dict.fromkeys(NAMES[:3], 50)

    def program(mesh: Mesh) -> Any:
        return psi.align_many(mesh, rows, ids(*range(50)), random=Stream(mesh.me)).indices.tolist()

    assert play_all(dict.fromkeys(rows, program))[0] == play_all(dict.fromkeys(rows, program))[0]
