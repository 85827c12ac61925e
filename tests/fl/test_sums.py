"""Totals are right whoever drops out, or there is a clean refusal."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.fl import EXACT, Coordinator, Fixed, Rules, cost
from tests.fl.group import STAGES, Play, client_of, names_of, session_of

T = TypeVar("T")
FORMS = [Fixed(32, 8), Fixed(64, 24), EXACT]
SPARSE = Rules.of(45, 36, 2)
"""Not all are neighbours."""


def values_of(count: int, values: int = 3) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(count).normal(size=(count, values)) * 100


@st.composite
def drop_patterns(draw: st.DrawFn) -> tuple[int, dict[str, list[str]]]:
    """How many contributors, and who is gone before which stage."""
    count = draw(st.integers(3, 9))
    last = draw(st.lists(st.sampled_from([*STAGES, "never"]), min_size=count, max_size=count))
    names = names_of(count)
    return count, {
        stage: [name for name, at in zip(names, last, strict=True) if at == stage] for stage in STAGES
    }


@settings(deadline=None, max_examples=60)
@given(drop_patterns(), st.sampled_from(FORMS), st.booleans())
def test_any_pattern_of_drops_gives_the_total_or_a_refusal(
    pattern: tuple[int, dict[str, list[str]]], form: Fixed, hidden: bool
) -> None:
    count, drops = pattern
    session = session_of(count, form=form, hidden=hidden)
    play = Play(session, values_of(count), drops)
    before = [name for stage in ("keys", "coins", "shares", "masked") for name in drops[stage]]
    # Nobody asks for coins where all are neighbours: who is gone then is gone later.
    left = [name for name in names_of(count) if name not in before]
    signers = [name for name in left if name not in drops["signature"]]
    answers = [name for name in signers if name not in drops["answer"]]
    rules = session.rules
    enough = len(left) >= rules.minimum and len(signers) >= rules.agreeing and len(answers) >= rules.threshold
    if drops["coins"]:
        drops["shares"] = [*drops["shares"], *drops.pop("coins")]
    refusal: str | None = None
    try:
        play.run()
    except CoterieError as error:
        refusal = error.code
    else:
        play.check(left)
    assert refusal == (None if enough else "CT-2414")
    assert not play.coordinator.faults


def test_a_sparse_graph_gives_the_total() -> None:
    session = session_of(45, form=EXACT, rules=SPARSE)
    names = names_of(45)
    drops = {"keys": names[:1], "coins": names[1:3], "shares": names[3:4], "masked": names[4:8]}
    play = Play(session, values_of(45), drops | {"signature": names[8:9], "answer": names[9:10]})
    play.run()
    play.check(names[8:])
    assert not SPARSE.complete
    around = play.coordinator._around
    assert 0.4 < np.mean([len(one) for one in around.values()]) / 41 < 0.95
    assert all(place in around[other] for place, near in around.items() for other in near)
    # Keys, coin, signature, and 96 bytes for each neighbour: of a million values less than a hundredth.
    sent = sum(len(data) for way, name, data in play.said if (way, name) == ("up", "c020"))
    assert sent - session.payload < 400 + 96 * 44


def test_all_but_one_drop() -> None:
    for stage in ("keys", "shares", "masked", "signature", "answer"):
        play = Play(session_of(5), values_of(5), {stage: names_of(5)[1:]})
        with pytest.raises(CoterieError, match=r"CT-2414.*lacking: c001, c002, c003, c004"):
            play.run()
        # The one that is left gives nothing more, and begins anew with fresh keys when the others are back.
        again = Play(session_of(5, number=1), values_of(5))
        again.run()
        again.check(names_of(5))


def test_who_was_away_is_back_in_the_next_sum() -> None:
    first = Play(session_of(6), values_of(6), {"masked": ["c002"]})
    first.run()
    late = Play(session_of(6, number=1, history=first.coordinator.history), values_of(6))
    late.run()
    late.check(names_of(6))


def test_a_late_message_is_passed_over() -> None:
    play = Play(session_of(6), values_of(6), {"shares": ["c002"]})
    coordinator = play.run()
    play.check([name for name in names_of(6) if name != "c002"])
    with pytest.raises(CoterieError, match="CT-2419"):
        coordinator.receive("c002", b"\x07late")
    with pytest.raises(CoterieError, match="CT-2419"):
        coordinator.advance()
    unfinished = Play(session_of(6, number=1), values_of(6), {"shares": ["c002"]})

    def late(stage: str, name: str, data: bytes) -> bytes:
        if stage == "masked":
            unfinished.coordinator.receive("c002", b"\x07late")
        return data

    unfinished.up = late
    unfinished.run()
    unfinished.check([name for name in names_of(6) if name != "c002"])
    assert not unfinished.coordinator.faults


def test_masks_of_drops_are_not_in_the_total_of_any_width() -> None:
    rng = np.random.default_rng(1)
    for form in FORMS:
        values = rng.integers(-1000, 1000, size=(8, 500)).astype(np.float64)
        play = Play(session_of(8, 500, form=form), values, {"masked": ["c000", "c007"]})
        play.run()
        for client in play.clients.values():
            np.testing.assert_array_equal(client.result, values[1:7].sum(axis=0))


def test_three_give_what_the_pooled_sum_is_to_the_last_bit() -> None:
    values = np.random.default_rng(5).integers(-(2**40), 2**40, size=(3, 50)) / 2**9
    play = Play(session_of(3, 50, form=EXACT), values)
    play.run()
    np.testing.assert_array_equal(play.clients["c001"].result, values.sum(axis=0))


@pytest.mark.parametrize(
    ("count", "minimum", "colluding"),
    [(2, None, None), (501, None, None), (5, 2, None), (9, 10, None), (9, 5, 4)],
)
def test_rules_that_cannot_hold_are_refused(count: int, minimum: int | None, colluding: int | None) -> None:
    with pytest.raises(CoterieError, match="CT-2404"):
        Rules.of(count, minimum, colluding)


@pytest.mark.parametrize("form", FORMS)
def test_memory_is_at_most_what_was_foretold(form: Fixed) -> None:
    """Of a contributor that coordinates: the most of both parts, at once."""
    count = 50_000
    session, names = session_of(3, count, form=form), names_of(3)
    values, machine = np.ones(count), Coordinator(session)
    peaks = []

    def peak(call: Callable[[], T]) -> T:
        tracemalloc.start()
        try:
            result = call()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        return result

    clients = {name: peak(partial(client_of, session, name, values)) for name in names}
    messages: dict[str, bytes | None] = {name: one.start() for name, one in clients.items()}
    while all(data is not None for data in messages.values()):
        for name, data in messages.items():
            peak(partial(machine.receive, name, data or b""))
        answers = peak(machine.advance)
        messages = {name: peak(partial(clients[name].receive, data)) for name, data in answers.items()}
    memory = cost(names, "hub", count, form).memory
    assert memory / 6 < max(peaks) < memory - 2 * session.payload
