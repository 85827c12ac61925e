"""Contributors that send garbage are named and left out; colluders learn what is stated, and no more."""

from __future__ import annotations

import hashlib
from itertools import combinations

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from coterie.errors import CoterieError
from coterie.fl import Fixed, Rules, masking
from coterie.fl.messages import Keys, Kind, keys_message, share_commitment
from coterie.fl.session import to_sign
from tests.fl.group import Play, client_of, names_of, session_of, signing_key

COUNT = 6
NAMES = names_of(COUNT)
OTHERS = NAMES[1:]
VALUES = np.random.default_rng(7).normal(size=(COUNT, 50)) * 100
STAGES = ("keys", "shares", "masked", "signature", "answer")


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(STAGES), st.one_of(st.binary(max_size=300), st.sampled_from(["long", "short", "empty"]))
)
def test_garbage_at_any_stage_is_named_and_does_not_stop_the_others(stage: str, what: bytes | str) -> None:
    def up(at: str, name: str, data: bytes) -> bytes:
        if (at, name) != (stage, "c000"):
            return data
        changed = {"long": data + b"\0", "short": data[:-1], "empty": b""}
        return changed[what] if isinstance(what, str) else what

    play = Play(session_of(COUNT, 50), VALUES)
    play.up = up
    play.run()
    assert play.coordinator.faults["c000"].code in {"CT-2410", "CT-2411", "CT-2412"}
    assert play.coordinator.faults["c000"].party == "c000"
    play.clients.pop("c000")
    play.check(NAMES if stage in {"signature", "answer"} else OTHERS)


def test_a_second_message_in_a_stage_changes_nothing() -> None:
    play = Play(session_of(COUNT, 50), VALUES)

    def up(stage: str, name: str, data: bytes) -> bytes:
        if name == "c001":
            play.coordinator.receive("c001", data)
        return data

    play.up = up
    play.run()
    play.check(NAMES)
    assert play.coordinator.faults["c001"].code == "CT-2410"


@pytest.mark.parametrize(("wrong", "code"), [(np.nan, "CT-2401"), (np.inf, "CT-2401"), (1e30, "CT-2402")])
def test_values_that_no_format_holds_are_refused_before_anything_is_sent(wrong: float, code: str) -> None:
    values = VALUES[0].copy()
    values[3] = wrong
    with pytest.raises(CoterieError, match=f"{code}.* value 3 of 50"):
        client_of(session_of(COUNT, 50), "c000", values)


def test_a_key_that_agrees_on_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = masking.raw

    def raw(key: X25519PrivateKey) -> bytes:
        return bytes(32)

    play = Play(session_of(COUNT, 50), VALUES)
    monkeypatch.setattr(masking, "raw", raw)
    bad = client_of(play.session, "c000", VALUES[0]).start()
    monkeypatch.setattr(masking, "raw", real)
    play.up = lambda stage, name, data: bad if (stage, name) == ("keys", "c000") else data
    play.run()
    assert play.coordinator.faults["c000"].code == "CT-2410"
    play.clients.pop("c000")
    play.check(OTHERS)


def test_keys_of_another_are_no_keys() -> None:
    """Signed for its own place; the others would have to refuse the whole list."""
    play = Play(session_of(COUNT, 50), VALUES)

    def up(stage: str, name: str, data: bytes) -> bytes:
        if (stage, name) != ("keys", "c003"):
            return data
        keys = Keys.read(next(one for _, who, one in play.said if who == "c000")[33:])
        message = keys_message(play.session.digest, 3, keys)
        return data[:33] + keys.body + signing_key("c003").sign(to_sign("keys", message))

    play.up = up
    play.run()
    assert play.coordinator.faults["c003"].code == "CT-2410"
    play.clients.pop("c003")
    play.check([name for name in NAMES if name != "c003"])


def test_shares_that_nobody_can_read_name_their_owner() -> None:
    play = Play(session_of(COUNT, 50), VALUES)
    play.up = lambda stage, name, data: (
        data[:-240] + bytes(240) if (stage, name) == ("shares", "c000") else data
    )
    with pytest.raises(CoterieError, match=r"CT-2416.*party c000"):
        play.run()
    assert not play.errors


def test_shares_of_something_else_name_their_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Well-formed, with commitments that fit, of other secrets than were used."""
    real = masking.share

    def share(secrets: tuple[bytes, bytes], *rest: object) -> NDArray[np.uint8]:
        return real((bytes(16), bytes(16)), *rest)  # type: ignore[arg-type]

    for drops, what in ({}, "own mask"), ({"masked": ["c000"]}, "masking key"):
        play = Play(session_of(COUNT, 50), VALUES, drops)

        def down(stage: str, name: str, data: bytes) -> bytes:
            wrong = (stage, name) == ("keys", "c000")
            monkeypatch.setattr(masking, "share", share if wrong else real)
            return data

        play.down = down
        with pytest.raises(CoterieError, match=f"CT-2416.*party c000.*{what}"):
            play.run()


def test_wrong_shares_of_others_are_passed_over_where_enough_are_right() -> None:
    play = Play(session_of(COUNT, 50), VALUES, {"masked": ["c005"]})
    play.up = lambda stage, name, data: (
        data[:-16] + bytes(16) if (stage, name) == ("answer", "c000") else data
    )
    play.run()
    play.check(NAMES[:5])


def test_a_share_that_does_not_fit_its_commitment_is_not_used() -> None:
    one = share_commitment(bytes(32), "own", 1, 2, bytes(16))
    assert one == share_commitment(bytes(32), "own", 1, 2, bytes(16))
    others = [
        share_commitment(bytes(32), "key", 1, 2, bytes(16)),
        share_commitment(bytes(32), "own", 2, 1, bytes(16)),
        share_commitment(b"\1" * 32, "own", 1, 2, bytes(16)),
        share_commitment(bytes(32), "own", 1, 2, b"\1" * 16),
    ]
    assert one not in others


def test_keys_are_signed_for_their_place() -> None:
    session = session_of(COUNT, 50)
    keys = Keys(*(bytes([k]) * 32 for k in range(4)))
    message = keys_message(session.digest, 1, keys)
    signature = signing_key("c001").sign(to_sign("keys", message))
    assert session.roster.signed(1, "keys", message, signature)
    assert not session.roster.signed(1, "survivors", message, signature)
    assert not session.roster.signed(2, "keys", message, signature)
    assert not session.roster.signed(1, "keys", keys_message(session.digest, 2, keys), signature)


# Colluders


def _open(play: Play, colluders: tuple[int, ...]) -> dict[int, NDArray[np.uint32]]:
    """What coordinator and colluders make of each honest contributor's masked values: all masks that they
    know taken off, with the colluders' keys and what the coordinator has put together of shares.
    """
    machine, bits = play.coordinator, play.session.form.bits
    seen = {}
    sent = {name: data for way, name, data in play.said if way == "up" and data[0] == Kind.MASKED}
    for place, name in enumerate(NAMES):
        if place in colluders:
            continue
        plus = [masking.own_seed(machine._sharers, machine._joined(place), place)]
        minus: list[bytes] = []
        for other in colluders:
            secret = masking.agreed(play.clients[NAMES[other]]._masking, machine._keys[place].masking)
            assert secret is not None
            seed = masking.pair_seed(machine._sharers, secret, place, other)
            (plus if place < other else minus).append(seed)
        seen[place] = masking.masked(play.session.form.read(sent[name][1:]), bits, minus, plus)
    return seen  # type: ignore[return-value]


def test_two_colluders_and_the_coordinator_see_the_sum_of_the_others_and_noise() -> None:
    """Whatever the inputs: each honest part, and each sum of some honest parts, is uniform; all together are
    the sum of their values. So every input with this sum gives the same view.
    """
    count, colluders = 4000, (1, 4)
    honest = [k for k in range(COUNT) if k not in colluders]
    session = session_of(COUNT, count, form=Fixed(32, 8), hidden=False)
    for values in (np.zeros((COUNT, count)), np.full((COUNT, count), 1000.0)):
        play = Play(session, values, seed="collusion")
        play.run()
        seen = _open(play, colluders)
        encoded = session.form.encode(values[0], COUNT)
        for size in range(1, len(honest) + 1):
            for some in combinations(honest, size):
                noise = sum((seen[k] for k in some), np.zeros(count + 2, dtype=np.uint32))[:count]
                noise = noise - encoded * np.uint32(size)
                if size == len(honest):
                    assert not noise.any()
                else:
                    bytes_of = np.bincount(noise.view(np.uint8), minlength=256)
                    assert stats.chisquare(bytes_of).pvalue > 1e-6


def test_a_hidden_total_is_noise_to_the_coordinator() -> None:
    """For even and odd numbers of contributors; in each bit that values use."""
    for count in (5, 6, 8):
        session = session_of(count, 4000, form=Fixed(32, 8))
        play = Play(session, np.full((count, 4000), 3.0), seed="hidden")
        play.run()
        total = next(data for way, _, data in reversed(play.said) if way == "down")
        words = session.form.read(total[1:])[:4000] >> np.uint32(count.bit_length() - 1)
        low = np.bincount(words & np.uint32(255), minlength=256)
        assert stats.chisquare(low).pvalue > 1e-6
        play.check(names_of(count))


def test_colluders_hold_too_few_shares_of_anyone() -> None:
    """Of an honest contributor that dropped out, the others give shares of its masking key alone."""
    for count in (5, 10, 30):
        rules = Rules.of(count)
        assert rules.colluding < rules.threshold
        honest = count - rules.colluding
        # Even if half of the honest were asked for one kind and half for the other.
        assert not (honest // 2 + rules.colluding >= rules.threshold)


# These change only when the protocol does: contributors with other ones do not understand each other.
GOLDEN = {
    "complete": "19e9c00e8c0fee2b0c580e6d43034af99933caff5555083269859c4bebf352d4",
    "sparse": "0797d5ecdf72b18127868a026e399ff70d96d0676e75c4acdb80d150cd7ffd42",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_transcript_is_the_golden_one(name: str) -> None:
    rules = Rules.of(5) if name == "complete" else Rules(5, 4, 0, 2, int(0.8 * 2**32))
    session = session_of(5, 4, rules=rules)
    play = Play(session, np.arange(20.0).reshape(5, 4), {"masked": ["c003"]}, seed="golden")
    play.run()
    play.check(["c000", "c001", "c002", "c004"])
    whole = hashlib.sha256()
    for way, who, data in play.said:
        whole.update(f"{way} {who} {len(data)}\n".encode() + data)
    assert whole.hexdigest() == GOLDEN[name]
