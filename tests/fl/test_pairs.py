"""Sums in which all must be: what a coordinator sees, and what it can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl import EXACT, Fixed, MeshSums, meshsums, pairs
from coterie.fl.fixed import Ring
from coterie.fl.rules import Rules
from coterie.fl.session import Roster, Session
from tests.fl.test_meshsums import NAMES, codes, once, play, whole

KEY = b"of the contributors"
SECRETS = {(one, other): bytes([one, other]) * 32 for other in range(4) for one in range(other)}
"""Of each pair."""


def session(number: int = 0, form: Fixed = EXACT, history: bytes = bytes(32)) -> Session:
    roster = Roster(NAMES, tuple(bytes([place]) * 32 for place in range(4)))
    return Session(
        b"a run of some name", number, roster, Rules.of(4, 4, complete=True), 5, form, history=history
    )


def secrets_of(place: int) -> dict[int, bytes]:
    return {other: SECRETS[min(place, other), max(place, other)] for other in range(4) if other != place}


def masked(place: int, about: Session, values: NDArray[np.float64], key: bytes | None = KEY) -> Ring:
    return pairs.masked(about, place, secrets_of(place), values, key)


def total_of(vectors: list[Ring]) -> Ring:
    total = vectors[0].copy()
    for one in vectors[1:]:
        meshsums.added_to(total, one)
    return total


@pytest.mark.parametrize("form", [EXACT, Fixed(64, 20), Fixed(32, 10)])
def test_masks_cancel_in_the_sum_of_all_and_in_no_other(form: Fixed) -> None:
    about = session(form=form)
    values = [np.arange(5.0) * (place - 1.5) for place in range(4)]
    vectors = [masked(place, about, values[place]) for place in range(4)]
    found, _ = pairs.opened(about, total_of(vectors), KEY)
    np.testing.assert_array_equal(found, sum(values))
    # One left out, one twice, one of another sum; a total without the group's key.
    others = [
        (vectors[:3], KEY),
        ([*vectors, vectors[0]], KEY),
        ([*vectors[:3], masked(3, session(1, form), values[3])], KEY),
        ([*vectors[:3], masked(3, session(0, form, b"\x01" * 32), values[3])], KEY),
        (vectors, b"another key of sixteen"),
    ]
    for some, key in others:
        with pytest.raises(CoterieError, match="CT-2417"):
            pairs.opened(about, total_of(some), key)


def test_no_mask_serves_twice() -> None:
    """The same values: no two vectors have a word in common, of one contributor or of several."""
    form = Fixed(64, 0)
    seen = [
        masked(place, session(number, form, history), np.zeros(5))
        for number, history in ((0, bytes(32)), (1, bytes(32)), (0, b"\x01" * 32))
        for place in range(4)
    ]
    assert len(np.unique(np.concatenate(seen))) == 12 * 6


@pytest.mark.parametrize(
    "call",
    [
        lambda: pairs.masked(session(), 0, {1: bytes(64)}, np.zeros(5), KEY),
        lambda: pairs.masked(session(), 1, secrets_of(0), np.zeros(5), KEY),
        lambda: pairs.masked(session(), 0, secrets_of(0), np.zeros(4), KEY),
        lambda: pairs.masked(session(), 0, secrets_of(0), np.zeros(5), None),
        lambda: pairs.pair_secret(b"short", bytes(32), first=True),
    ],
)
def test_wrong_calls_are_told(call: Callable[[], Any]) -> None:
    with pytest.raises(CoterieError, match="CT-2403"):
        call()


def of_three(sums: MeshSums) -> None:
    sums.total("x", np.ones(3), among=("a", "b", "c"))
    sums.close()


@pytest.mark.parametrize(("part", "code"), [(whole, "CT-2417"), (once, "CT-2418"), (of_three, "CT-2418")])
def test_contributors_who_are_told_different_totals_find_it(
    monkeypatch: pytest.MonkeyPatch, part: Callable[[MeshSums], Any], code: str
) -> None:
    """By the next sum, in which nothing cancels, or by what they compare after the last."""

    def added(mesh: Any, run: Any, about: Session, mine: Ring | None) -> Ring:
        assert mine is None
        form = meshsums.ring_form(about.form.bits, about.count)
        total = total_of([mesh.to(name).recv_array(meshsums.MASKED, *form) for name in about.roster.names])
        for name in NAMES:
            told = total.copy()
            told.reshape(-1)[0] ^= np.array(64 * (name == "d"), told.dtype)
            mesh.to(name).send_array(meshsums.TOTAL, told)
        return total

    monkeypatch.setattr(meshsums, "_add_up", added)
    results, _ = play("hub", part)
    assert {results[name].code for name in NAMES} == {code}


def test_a_vector_of_another_size_ends_the_job() -> None:
    def part(sums: MeshSums) -> Any:
        if sums.me != "c":
            return sums.total("x", np.ones(3))
        channel = sums._mesh.to("hub")
        about = sums._run.session(NAMES, 3, EXACT, meshsums.purpose_of("x"), hidden=True)
        channel.send_bytes("fl/next", sums._run.header(about))
        channel.send_array("fl/masked", np.zeros(3, np.uint64))
        return channel.recv_bytes("fl/total", 1000)

    assert codes(play("hub", part)[0]) == {"CT-1202"}
