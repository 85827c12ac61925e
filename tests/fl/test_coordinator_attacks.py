"""A coordinator that drops, duplicates, reorders, lies and replays gets nothing more than a refusal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.fl import Client, Coordinator, Rules
from coterie.fl.heard import Heard
from coterie.fl.messages import KEYS_ENTRY, Keys, Kind, keys_message, listed
from coterie.fl.session import to_sign
from tests.fl.group import (
    GROUP_KEY,
    RUN,
    STAGES,
    Change,
    Play,
    client_of,
    names_of,
    session_of,
    signing_key,
)

COUNT = 6
NAMES = names_of(COUNT)
VALUES = np.random.default_rng(7).normal(size=(COUNT, 50)) * 100
SMALL_GRAPH = Rules(COUNT, 4, 1, 3, int(0.9 * 2**32))
"""Sparse, with coins, and of no security: its paths are tested here."""


def refused(stage: str, change: Change, victim: str = "c000", **more: object) -> Play:
    """A sum in which one contributor hears something else at one stage."""
    play = Play(session_of(COUNT, 50, **more), VALUES)  # type: ignore[arg-type]
    play.down = lambda at, name, data: change(at, name, data) if (at, name) == (stage, victim) else data
    try:
        play.run()
    except CoterieError as error:
        play.errors["coordinator"] = error
    return play


def code(play: Play, victim: str = "c000") -> str:
    return play.errors[victim].code


def to_survivors(session_number: int = 0) -> tuple[Play, dict[str, bytes]]:
    """A sum up to where survivors are told, and what the coordinator would tell."""
    play = Play(session_of(COUNT, 50, number=session_number), VALUES)
    play.clients = {name: client_of(play.session, name, row) for name, row in zip(NAMES, VALUES, strict=True)}
    play.coordinator = Coordinator(play.session)
    messages: dict[str, bytes | None] = {name: one.start() for name, one in play.clients.items()}
    given: dict[str, bytes] = {}
    for _ in range(3):
        for name, data in messages.items():
            assert data is not None
            play.coordinator.receive(name, data)
        given = play.coordinator.advance()
        if given["c000"][0] != Kind.SURVIVORS:
            messages = {name: play.clients[name].receive(data) for name, data in given.items()}
    return play, given


def survivors(*places: int) -> bytes:
    return listed(Kind.SURVIVORS, places, COUNT)


def signatures(signed: dict[int, bytes]) -> bytes:
    return listed(Kind.SIGNATURES, tuple(signed), COUNT, *signed.values())


# Lies about who dropped out


def test_nobody_gives_both_the_mask_and_the_self_mask_of_one() -> None:
    play, given = to_survivors()
    signed = {k: _signature(play.clients[name], given[name]) for k, name in enumerate(NAMES)}
    for name in NAMES:
        assert play.clients[name].receive(signatures(signed)) is not None
    for name in NAMES:
        with pytest.raises(CoterieError, match="CT-2415"):
            play.clients[name].receive(survivors(0, 1, 2, 3, 4))
        with pytest.raises(CoterieError, match="CT-2419"):
            play.clients[name].receive(signatures(signed))


def test_shares_are_given_once() -> None:
    play, given = to_survivors()
    signed = {k: _signature(play.clients[name], given[name]) for k, name in enumerate(NAMES)}
    assert not play.clients["c000"].answered
    assert play.clients["c000"].receive(signatures(signed)) is not None
    assert play.clients["c000"].answered
    with pytest.raises(CoterieError, match="CT-2415"):
        play.clients["c000"].receive(signatures(signed))


@given(st.sets(st.integers(0, COUNT - 1)))
@settings(deadline=None, max_examples=25)
def test_two_lists_of_survivors_never_both_have_signatures_enough(first: set[int]) -> None:
    """Some are told that all survived, the others that one dropped out, and colluders sign both."""
    play, given = to_survivors()
    everybody, without = given["c000"], survivors(0, 1, 2, 3, 4)
    told = [everybody if k in first else without for k in range(5)] + [everybody]
    signed = [_signature(play.clients[name], told[k]) for k, name in enumerate(NAMES)]
    gave, codes = set(), set()
    for k, name in enumerate(NAMES):
        mine = {one: signed[one] for one in range(COUNT) if told[one] == told[k]}
        try:
            play.clients[name].receive(signatures(mine))
        except CoterieError as error:
            codes.add(error.code)
        else:
            gave.add(told[k])
    assert len(gave) <= 1
    assert codes <= {"CT-2414"}


def test_signatures_of_another_list_do_not_count() -> None:
    play, given = to_survivors()
    signed = {
        k: _signature(play.clients[name], given[name] if k < 3 else survivors(0, 2, 3, 4, 5))
        for k, name in enumerate(NAMES)
        if k != 1
    }
    with pytest.raises(CoterieError, match=r"CT-2412.*party c003"):
        play.clients["c000"].receive(signatures(signed))


def test_a_list_of_survivors_is_checked() -> None:
    for wrong, expected in (
        (survivors(1, 2, 3, 4, 5), "CT-2413"),
        (survivors(0, 1, 2), "CT-2414"),
        (b"\x08\xff", "CT-2410"),
        (b"\x08", "CT-2410"),
        (survivors(0, 1, 2, 3) + b"\x00", "CT-2410"),
    ):
        play, _ = to_survivors()
        with pytest.raises(CoterieError, match=expected):
            play.clients["c000"].receive(wrong)
        with pytest.raises(CoterieError, match="CT-2419"):
            play.clients["c000"].receive(survivors(0, 1, 2, 3, 4, 5))


def test_too_few_signatures_and_those_of_others_are_refused() -> None:
    for keep, extra, expected in ((range(3), None, "CT-2414"), (range(5), 5, "CT-2413")):
        play, _ = to_survivors()
        told = survivors(0, 1, 2, 3, 4)
        signed = {k: _signature(play.clients[NAMES[k]], told) for k in keep}
        if extra is not None:
            signed[extra] = bytes(64)
        with pytest.raises(CoterieError, match=expected):
            play.clients["c000"].receive(signatures(signed))


def _signature(client: Client, told: bytes) -> bytes:
    answer = client.receive(told)
    assert answer is not None
    return answer[1:]


# Keys


def entry(data: bytes, place: int) -> slice:
    start = 2 + place * KEYS_ENTRY
    assert len(data) == 2 + COUNT * KEYS_ENTRY
    return slice(start, start + KEYS_ENTRY)


def test_another_key_is_not_a_contributors() -> None:
    def change(stage: str, name: str, data: bytes) -> bytes:
        changed = bytearray(data)
        changed[entry(data, 3).start + 40] ^= 1
        return bytes(changed)

    play = refused("keys", change)
    assert code(play) == "CT-2412"
    assert play.errors["c000"].party == "c003"


def test_keys_of_an_earlier_sum_are_refused() -> None:
    first = Play(session_of(COUNT, 50), VALUES)
    first.run()
    old = next(data for way, name, data in first.said if way == "down")

    def one_of_them(stage: str, name: str, data: bytes) -> bytes:
        at = entry(data, 3)
        return data[: at.start] + old[at] + data[at.stop :]

    play = refused("keys", one_of_them, number=1)
    assert code(play) == "CT-2412"
    assert code(refused("keys", lambda stage, name, data: old, number=1)) == "CT-2413"


def test_own_keys_are_looked_for() -> None:
    def swapped(stage: str, name: str, data: bytes) -> bytes:
        at, other = entry(data, 0), entry(data, 1)
        return data[: at.start] + data[other] + data[at] + data[other.stop :]

    assert code(refused("keys", swapped)) == "CT-2413"

    def without(stage: str, name: str, data: bytes) -> bytes:
        return listed(Kind.ALL_KEYS, (1, 2, 3, 4, 5), COUNT, data[2 + KEYS_ENTRY :])

    assert code(refused("keys", without)) == "CT-2413"


def test_two_contributors_have_not_one_key() -> None:
    """Also where the second signs the keys of the first for its own place."""
    digest = session_of(COUNT, 50).digest

    def doubled(stage: str, name: str, data: bytes) -> bytes:
        keys, other = Keys.read(data[entry(data, 3)]), entry(data, 4)
        signed = signing_key("c004").sign(to_sign("keys", keys_message(digest, 4, keys)))
        return data[: other.start] + keys.body + signed + data[other.stop :]

    play = refused("keys", doubled)
    assert code(play) == "CT-2412"
    assert "one key" in str(play.errors["c000"])


def test_fewer_keys_than_the_minimum_are_refused() -> None:
    def few(stage: str, name: str, data: bytes) -> bytes:
        return listed(Kind.ALL_KEYS, (0, 1, 2), COUNT, data[2 : 2 + 3 * KEYS_ENTRY])

    assert code(refused("keys", few)) == "CT-2414"


def test_coins_are_those_committed_to() -> None:
    def changed(stage: str, name: str, data: bytes) -> bytes:
        return data[:-1] + bytes([data[-1] ^ 1])

    play = refused("coins", changed, rules=SMALL_GRAPH)
    assert code(play) == "CT-2412"
    assert play.errors["c000"].party == "c005"


# Different things to different contributors


@pytest.mark.parametrize("stage", ["keys", "coins", "shares"])
def test_who_was_told_another_list_shows_nothing_and_spoils_the_total(stage: str) -> None:
    """One is told that another is gone: what it signs later is of another history, and its masks stay."""

    def without_last(at: str, name: str, data: bytes) -> bytes:
        size = {"keys": KEYS_ENTRY, "coins": 32, "shares": 48}[at]
        return listed(Kind(data[0]), (0, 1, 2, 3, 4), COUNT, data[2:-size])

    rules = Rules(COUNT, 4, 1, 3, 2**32 - 1) if stage == "coins" else None
    play = refused(stage, without_last, rules=rules)
    wrong = {name: error.code for name, error in play.errors.items()}
    if stage != "shares":
        # It shares with others than the coordinator expects, and is out before it gave anything.
        assert play.coordinator.faults["c000"].code == "CT-2410"
        del play.clients["c000"]
        play.check(NAMES[1:])
    else:
        # Its values are in the total, and their masks: the others find that the total is none.
        assert wrong == {"c000": "CT-2413"} | dict.fromkeys(NAMES[1:], "CT-2417")


def test_different_totals_end_the_next_sum() -> None:
    def shifted(stage: str, name: str, data: bytes) -> bytes:
        whole = np.frombuffer(data[1:], dtype=np.uint64).copy()
        whole[:-1] += np.uint64(1 << 40)
        return data[:1] + whole.tobytes()

    play = refused("answer", shifted)
    assert not play.errors, "what is added to a total is not noticed at once"
    histories = {name: client.history for name, client in play.clients.items()}
    assert histories["c000"] != histories["c001"]
    sessions = {name: session_of(COUNT, 50, number=1, history=one) for name, one in histories.items()}
    clients = {name: client_of(sessions[name], name, VALUES[0]) for name in NAMES}
    started = {name: client.start() for name, client in clients.items()}
    honest = Coordinator(sessions["c001"])
    honest.receive("c000", started["c000"])
    assert honest.faults["c000"].code == "CT-2411"
    # One that passes it on nevertheless gets nothing of either side.
    entries = [started[name][33:] for name in NAMES]
    told = listed(Kind.ALL_KEYS, range(COUNT), COUNT, *entries)
    for name in NAMES:
        with pytest.raises(CoterieError, match="CT-2412"):
            clients[name].receive(told)


# Order, repetition, replay, garbage


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([s for s in STAGES if s != "coins"]), st.sampled_from(list(Kind)), st.binary(max_size=60)
)
def test_what_is_not_due_or_no_message_is_refused(stage: str, kind: Kind, rest: bytes) -> None:
    play = refused(stage, lambda at, name, data: bytes([kind]) + rest)
    assert code(play) in {"CT-2410", "CT-2413", "CT-2414", "CT-2415", "CT-2417"}
    with pytest.raises(CoterieError, match="CT-2419"):
        play.clients["c000"].receive(b"\x02")


def test_a_message_said_twice_is_refused() -> None:
    heard: list[bytes] = []

    def again(stage: str, name: str, data: bytes) -> bytes:
        heard.append(data)
        return heard[0]

    play = Play(session_of(COUNT, 50), VALUES)
    play.down = lambda at, name, data: again(at, name, data) if name == "c000" else data
    play.run()
    assert code(play) == "CT-2410"
    play.check([name for name in NAMES if name != "c000"])


@pytest.mark.parametrize(
    ("kind", "stage", "expected"),
    [
        (Kind.ALL_KEYS, "keys", "CT-2413"),
        (Kind.SIGNATURES, "signature", "CT-2412"),
        (Kind.TOTAL, "answer", "CT-2417"),
    ],
)
def test_messages_of_an_earlier_sum_are_refused(kind: Kind, stage: str, expected: str) -> None:
    first = Play(session_of(COUNT, 50), VALUES)
    first.run()
    old = {Kind(data[0]): data for way, name, data in first.said if way == "down" and name == "c000"}
    assert code(refused(stage, lambda at, name, data: old[kind], number=1)) == expected


def test_shares_of_an_earlier_sum_cannot_be_read() -> None:
    first = Play(session_of(COUNT, 50), VALUES)
    first.run()
    old = next(data for way, name, data in first.said if name == "c000" and data[0] == Kind.SEALED)
    play = refused("shares", lambda at, name, data: old, number=1)
    assert play.coordinator._doubts.keys() == {1, 2, 3, 4, 5}
    play.check(NAMES)


def test_shares_that_were_altered_are_lacking_and_do_no_harm() -> None:
    play = refused("shares", lambda at, name, data: data[:-100] + bytes(100))
    assert not play.errors
    play.check(NAMES)


def test_a_total_that_is_none_is_refused() -> None:
    def changed(stage: str, name: str, data: bytes) -> bytes:
        return data[:-1] + bytes([data[-1] ^ 1])

    play = refused("answer", changed)
    assert code(play) == "CT-2417"
    with pytest.raises(CoterieError, match="CT-2419"):
        _ = play.clients["c000"].result


def test_a_sum_is_of_one_run_number_rules_form_purpose_and_history() -> None:
    base = session_of(COUNT, 50)
    others = [
        session_of(COUNT, 51),
        session_of(COUNT, 50, number=1),
        session_of(COUNT, 50, rules=Rules.of(COUNT, 5)),
        session_of(COUNT, 50, hidden=False),
        session_of(COUNT, 50, history=bytes([1] * 32)),
    ]
    for other in others:
        assert other.digest != base.digest
        coordinator = Coordinator(other)
        values = np.zeros(other.count)
        coordinator.receive("c000", client_of(base, "c000", VALUES[0]).start())
        assert coordinator.faults["c000"].code == "CT-2411"
        coordinator.receive("c001", client_of(other, "c001", values).start())
        assert "c001" not in coordinator.faults


def test_a_contributor_starts_once_and_needs_what_the_session_says() -> None:
    session = session_of(COUNT, 50)
    client = client_of(session, "c000", VALUES[0])
    with pytest.raises(CoterieError, match="CT-2419"):
        client.receive(b"\x02")
    client.start()
    with pytest.raises(CoterieError, match="CT-2419"):
        client.start()
    with pytest.raises(CoterieError, match="CT-2419"):
        _ = client.history
    sign = signing_key("c000").sign
    for key in (None, b"short"):
        with pytest.raises(CoterieError, match="CT-2403"):
            Client("c000", session, VALUES[0], sign, key)
    with pytest.raises(CoterieError, match="CT-2403"):
        Client("stranger", session, VALUES[0], sign, RUN)
    with pytest.raises(CoterieError, match="CT-2403"):
        Client("c000", session, VALUES[0][:3], sign, RUN)


def test_a_coordinator_has_no_history_before_the_end() -> None:
    with pytest.raises(CoterieError, match="CT-2419"):
        _ = Coordinator(session_of(COUNT)).history


def told_otherwise(data: bytes) -> bytes:
    """The same, but for a value of the total."""
    values = bytearray(data)
    values[-32] ^= 64
    return bytes(values)


def test_who_was_told_a_false_total_stays_apart_when_it_is_told_the_true_one() -> None:
    """Else a coordinator with data brings it to any point it likes, and takes it in again."""
    values, digests = np.arange(20.0).reshape(5, 4), {"honest": bytes(32), "told otherwise": bytes(32)}
    for number in range(2):
        plays = Play(session_of(5, 4, hidden=False, number=number, history=digests["honest"]), values)
        data = plays.run().heard
        for who, history in digests.items():
            session = session_of(5, 4, hidden=False, number=number, history=history)
            false = who != "honest" and number == 0
            heard = Heard(session, told_otherwise(data) if false else data)
            assert np.array_equal(heard.result, values.sum(axis=0)) != false
            digests[who] = heard.history
        assert digests["honest"] == plays.coordinator.history != digests["told otherwise"]


def test_an_old_total_is_none_of_a_later_sum() -> None:
    """In the mask that it had: a coordinator that knows no total has only those."""
    play = Play(session_of(5, 4), np.ones((5, 4)))
    data = play.run().heard
    first = Heard(play.session, data, GROUP_KEY)
    assert first.result.tolist() == [5.0] * 4
    later = session_of(5, 4, number=1, history=first.history)
    with pytest.raises(CoterieError, match="CT-2417"):
        Heard(later, data, GROUP_KEY)
