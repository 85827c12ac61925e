"""Permutations: what they cost, what is seen of them, and places that are none. The contract suite has the
results."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from coterie.errors import CoterieError
from coterie.mpc import Context, Program, Tape, functions, trace, twin
from coterie.mpc.protocols.packing import pack_low, unpack_low
from coterie.mpc.protocols.permutation import OwnerPermute, draw, inverse
from coterie.mpc.seeds import SeedBook

from .rig import DEALER, NAMES, play, recorded_claims
from .wiretap import tapped

TWO, THREE = NAMES[:2], NAMES
PLENTY = 1e-4


def start(tape: Tape) -> Tape:
    """Of a run that does nothing."""
    return trace(lambda ctx: None, tape.setting.parties, DEALER)


def rows(ctx: Context, n: int = 1000, width: int = 3) -> Any:
    return ctx.private("x", TWO[0], (n, width), 8.0).secret()


def places(ctx: Context, n: int = 1000, owner: int = 1) -> Any:
    return ctx.private("p", TWO[owner], (n,), (0, n - 1), 0).secret()


def costs(program: Program, parties: tuple[str, ...] = TWO) -> dict[str, int]:
    """Bytes by "sender>receiver" and rounds by party, beyond those of agreeing on seeds."""
    tape = trace(program, parties, DEALER)
    none = start(tape)
    found = {
        f"{source}>{target}": size - none.sent[source][target]
        for source, targets in tape.sent.items()
        for target, size in targets.items()
    }
    found |= {party: tape.rounds[party] - none.rounds[party] for party in parties}
    return {key: value for key, value in found.items() if value}


def test_what_an_owners_permutation_costs() -> None:
    """Shares go to the owner, places of 10 bits come back, corrections go to the owner: one round."""

    def program(ctx: Context) -> None:
        functions.permute(rows(ctx), ctx.private_permutation("p", TWO[0], 1000))

    places = 1000 * 10 // 8
    assert costs(program) == {
        "telecom>lender": 24_000,
        "lender>telecom": places,
        "hub>lender": 24_000,
        "lender": 1,
        "telecom": 1,
    }
    assert costs(program, THREE) == {
        "telecom>lender": 24_000,
        "platform>lender": 24_000,
        "lender>telecom": places,
        "lender>platform": places,
        "hub>lender": 24_000,
        "lender": 1,
        "telecom": 1,
        "platform": 1,
    }


def test_what_a_shuffle_costs() -> None:
    assert costs(lambda ctx: functions.shuffle(rows(ctx))) == {
        "telecom>lender": 24_000,
        "lender>telecom": 24_000,
        "hub>lender": 24_000,
        "hub>telecom": 24_000,
        "lender": 1,
        "telecom": 2,
    }


@pytest.mark.parametrize(("back", "rounds"), [(True, 3), (False, 5)])
def test_what_a_secret_permutation_costs(back: bool, rounds: int) -> None:
    def program(ctx: Context) -> None:
        x = ctx.private("x", TWO[0], (1000, 3), 8.0).secret()
        functions.permute(x, places(ctx), inverse=back)

    sent = 8 * 1000 * (3 + 1) + 1000 * 10 // 8
    found = costs(program)
    assert found["telecom>lender"] == found["lender>telecom"] == sent
    assert found["hub>lender"] == found["hub>telecom"] == 8 * 1000 * 4
    assert max(found["lender"], found["telecom"]) == rounds


# What is seen


def test_a_drawn_permutation_is_uniformly_random() -> None:
    book = SeedBook({"a": bytes(16)})
    drawn = Counter(tuple(draw(book, "a", id, 4, "test").tolist()) for id in range(6000))
    assert set(drawn) == set(itertools.permutations(range(4)))
    assert stats.chisquare(list(drawn.values())).pvalue > PLENTY


def test_equal_keys_are_ordered_by_further_words() -> None:
    class Narrow(SeedBook):
        """Words of two bits: many are equal."""

        def part(self, label: str, id: int, total: int, offset: int, n: int, use: str) -> Any:
            words = super().part(label, id, total, offset, n, use)
            return words & np.uint64(3) if offset == 0 else words

    book = Narrow({"a": bytes(16)})
    orders = Counter(tuple(draw(book, "a", id, 3, "test").tolist()) for id in range(3000))
    assert stats.chisquare([orders[order] for order in itertools.permutations(range(3))]).pvalue > PLENTY


def test_inverse_places() -> None:
    order = np.random.default_rng(0).permutation(50)
    np.testing.assert_array_equal(inverse(order), np.argsort(order))


@pytest.mark.parametrize("kind", ["owner", "secret"])
def test_published_places_are_uniformly_random(kind: str) -> None:
    """Of one permutation, the identity, over many runs of three rows: each order is seen as often."""
    meshes, sent = tapped(TWO)
    runs = 400

    def program(ctx: Context) -> None:
        x = ctx.private("x", TWO[0], (3,), 8.0).secret()
        for number in range(runs):
            if kind == "owner":
                functions.permute(x, ctx.private_permutation(f"p{number}", TWO[0], 3))
            else:
                functions.permute(x, ctx.public(np.arange(3.0), 0), inverse=True)

    inputs: dict[str, Any] = {f"p{number}": np.arange(3) for number in range(runs)} if kind == "owner" else {}
    play(program, {"x": np.zeros(3)} | inputs, meshes=meshes, deterministic=True)
    ways = (TWO,) if kind == "owner" else (TWO, TWO[::-1])
    shown = [[message for message in sent[way] if len(message) == 1] for way in ways]
    assert {len(messages) for messages in shown} == {runs}
    seen = Counter()
    for parts in zip(*shown, strict=True):
        total = sum(unpack_low(np.frombuffer(part, np.uint8), 2, 3) for part in parts)
        seen[tuple((np.asarray(total) & np.uint64(3)).tolist())] += 1
    assert set(seen) == set(itertools.permutations(range(3)))
    assert stats.chisquare(list(seen.values())).pvalue > PLENTY


def test_what_the_party_that_permutes_receives_is_uniformly_random() -> None:
    """Shares of zeros that are zero each, and the dealer's corrections of them."""
    n = 4000
    meshes, sent = tapped(TWO)
    play(lambda ctx: ctx.reveal(functions.shuffle(ctx.zeros((n,))), TWO, "x"), {}, meshes=meshes)
    for way in (TWO, TWO[::-1], (DEALER, TWO[0]), (DEALER, TWO[1])):
        (message,) = [message for message in sent[way] if len(message) == 8 * n][:1]
        top = np.frombuffer(message, np.uint64) >> np.uint64(58)
        assert stats.chisquare(np.bincount(top.astype(np.int64), minlength=64)).pvalue > PLENTY


def test_orders_of_a_shuffle_are_each_partys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A party has drawn one permutation, from the seed that only it and the dealer have."""
    books = recorded_claims(monkeypatch)
    play(lambda ctx: ctx.reveal(functions.shuffle(ctx.zeros((5,))), THREE, "x"), {}, THREE)
    drawn = {
        name: {label for (label, _), claim in one.book.claims.items() if "permutation" in claim.use}
        for name, one in books.items()
    }
    assert drawn == {name: {name} for name in THREE} | {DEALER: set(THREE)}


def test_shuffles_differ() -> None:
    def program(ctx: Context) -> None:
        x = ctx.public(np.arange(100.0))
        ctx.reveal(functions.shuffle(x), TWO, "one")
        ctx.reveal(functions.shuffle(x), TWO, "other")

    for outputs in (play(program, {}).outputs[TWO[0]].revealed, twin(program, TWO, {}).revealed):
        assert not np.array_equal(outputs["one"], outputs["other"])
        assert sorted(outputs["one"]) == sorted(outputs["other"]) == list(range(100))


# Places that are none


@pytest.mark.parametrize("given", [[0, 1, 1], [0, 0, 2], [2, 2, 2]])
def test_an_own_permutation_is_checked_before_anything_is_sent(given: list[int]) -> None:
    def program(ctx: Context) -> None:
        x = functions.permute(ctx.zeros((3,)), ctx.private_permutation("p", TWO[0], 3))
        ctx.reveal(x, TWO, "x")

    played = play(program, {"p": np.array(given)}, raises=False)
    with pytest.raises(CoterieError, match=r"CT-2115.*'p'"):
        raise played.errors[TWO[0]]
    assert not played.sent().get(TWO[0])
    with pytest.raises(CoterieError, match="CT-2115"):
        twin(program, TWO, {"p": np.array(given)})


def test_secret_places_that_are_no_permutation_end_the_run_at_all() -> None:
    def program(ctx: Context) -> None:
        ctx.reveal(functions.permute(ctx.zeros((4,)), places(ctx, 4)), THREE, "x")

    inputs = {"p": np.array([0, 3, 3, 1])}
    played = play(program, inputs, THREE, raises=False)
    assert {
        name: getattr(error, "code", error) for name, error in played.errors.items() if name in THREE
    } == dict.fromkeys(THREE, "CT-2115")
    for mode in ("fixed", "float"):
        with pytest.raises(CoterieError, match="CT-2115"):
            twin(program, TWO, inputs, mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("published", [[0, 1, 1], [0, 1, 3]])
def test_a_peer_that_sends_no_permutation(published: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def publish(party: Any, call: Any, places: Any) -> None:
        for other in party.others:
            data = pack_low(np.array(published, np.uint64), 2)
            party.mesh.to(other).send_array(f"{call.tag}/places", data)

    monkeypatch.setattr(OwnerPermute, "_publish", staticmethod(publish))

    def program(ctx: Context) -> None:
        x = functions.permute(ctx.zeros((3,)), ctx.private_permutation("p", TWO[0], 3))
        ctx.reveal(x, [TWO[0]], "x")

    played = play(program, {"p": np.arange(3)}, raises=False)
    with pytest.raises(CoterieError, match="CT-2116") as caught:
        raise played.errors[TWO[1]]
    assert caught.value.party == TWO[0]


@pytest.mark.parametrize(
    ("use", "code"),
    [
        (lambda ctx: functions.permute(rows(ctx, 4), np.array([0, 1, 2, 2])), "CT-2112"),
        (lambda ctx: functions.permute(rows(ctx, 4), np.arange(3)), "CT-2112"),
        (lambda ctx: functions.permute(rows(ctx, 4), np.arange(4.0)), "CT-2112"),
        (lambda ctx: functions.permute((rows(ctx, 4), ctx.zeros((5,))), places(ctx, 4)), "CT-2112"),
        (lambda ctx: functions.permute(ctx.zeros(()), np.arange(1)), "CT-2112"),
        (lambda ctx: functions.permute(rows(ctx, 4), places(ctx, 5)), "CT-2112"),
        (lambda ctx: functions.shuffle(rows(ctx, 4), ctx.zeros((5,))), "CT-2112"),
        (lambda ctx: functions.shuffle(ctx.zeros(())), "CT-2112"),
        (lambda ctx: functions.permute(rows(ctx, 4), places(ctx, 4) + 1), "CT-2113"),
        (lambda ctx: functions.inverse_permutation(places(ctx, 4) - 1), "CT-2113"),
        (
            lambda ctx: ctx.apply(
                "owner_permute",
                [ctx.private("i", TWO[0], (4,), (0, 3), 0), rows(ctx, 4)],
                inverse=False,
                rows=4,
            ),
            "CT-2106",
        ),
        (
            lambda ctx: ctx.apply(
                "owner_permute",
                [ctx.private_permutation("i", TWO[0], 4), rows(ctx, 4)],
                inverse=False,
                rows=5,
            ),
            "CT-2112",
        ),
        (
            lambda ctx: ctx.apply("secret_permute", [places(ctx, 4) + 1, rows(ctx, 4)], inverse=False),
            "CT-2106",
        ),
        (lambda ctx: ctx.apply("shuffle", [ctx.private("i", TWO[0], (4,), 1.0)]), "CT-2106"),
    ],
)
def test_what_cannot_be_permuted(use: Any, code: str) -> None:
    with pytest.raises(CoterieError, match=code):
        trace(lambda ctx: use(ctx) and None, TWO, DEALER)


def test_single_rows_need_no_message() -> None:
    def program(ctx: Context) -> None:
        x = ctx.private("x", TWO[0], (1, 2), 8.0).secret()
        functions.shuffle(x)
        functions.permute(x, ctx.private_permutation("p", TWO[0], 1))
        functions.permute(x, ctx.private("s", TWO[0], (1,), (0, 0), 0).secret())

    assert costs(program) == {}
