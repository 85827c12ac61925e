"""Runs: transcripts, random streams, peers that differ, inputs that do not fit, what the wire shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.mpc import Context, Interval, Kept, Program, RowBlocks, deal, run, trace, twin
from coterie.wire import local_meshes

from .rig import DEALER, NAMES, play, recorded_claims
from .test_tape import inputs, training
from .wiretap import tapped

TWO = NAMES[:2]


def test_fresh_seeds_change_every_message() -> None:
    meshes, first = tapped(TWO)
    play(training(), inputs(), meshes=meshes)
    meshes, second = tapped(TWO)
    play(training(), inputs(), meshes=meshes)
    for direction, messages in first.items():
        for one, other in zip(messages, second[direction], strict=True):
            assert one != other


def test_what_is_sent_looks_random_and_shows_no_plaintext() -> None:
    """Planted values occur nowhere, in any encoding, and bytes are evenly spread."""
    n = 3000
    given = inputs(n)
    given["x0"][:, 0] = 1.25
    meshes, sent = tapped(TWO)
    play(training(n), given, meshes=meshes)
    for direction, messages in sent.items():
        if direction[1] == DEALER:
            continue
        whole = b"".join(messages)
        for frac in (18, 16, 0):
            for width in (4, 8):
                planted = int(1.25 * 2**frac).to_bytes(width, "little") * 2
                assert planted not in whole
        assert np.array([1.25, 1.25]).tobytes() not in whole
        counts = np.bincount(np.frombuffer(whole, np.uint8), minlength=256)
        expected = len(whole) / 256
        assert ((counts - expected) ** 2 / expected).sum() < 255 + 6 * np.sqrt(2 * 255)  # chi-square, 6 sigma


def test_the_dealer_learns_seeds_only() -> None:
    meshes, sent = tapped(NAMES)
    play(training(), inputs(), NAMES, meshes=meshes)
    assert all([len(m) for m in sent[name, DEALER]] == [48] for name in NAMES)
    assert all([len(m) for m in sent[DEALER, name]] == [48] for name in NAMES[:-1])


def test_a_receiver_learns_the_sum_and_not_the_shares() -> None:
    """Two parties' plaintexts are added and shown to a third, who must not see either from what is sent to
    it."""

    def program(ctx: Context) -> None:
        total = ctx.zeros((4,), 0)
        for i in (0, 1):
            total = total + ctx.private(f"x{i}", ctx.parties[i], (4,), 100.0, frac=0)
        ctx.reveal(total, ctx.parties[2:], "total")

    given = {"x0": np.array([1.0, 2, 3, 4]), "x1": np.array([10.0, 20, 30, 40])}
    meshes, sent = tapped(NAMES)
    played = play(program, given, NAMES, meshes=meshes)
    assert played.outputs[NAMES[2]].revealed["total"].tolist() == [11, 22, 33, 44]
    assert not played.outputs[NAMES[0]].revealed
    shares = [np.frombuffer(sent[name, NAMES[2]][-1], np.uint64) for name in NAMES[:2]]
    assert all(word > 2**40 for share in shares for word in share.tolist())


@pytest.mark.parametrize("count", [2, 3])
def test_no_piece_of_a_random_stream_serves_two_values(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every use of (seed, id) is recorded at every participant: one use each, the same for all who share the
    seed."""
    books = recorded_claims(monkeypatch)
    n = 70_000
    play(training(n), inputs(n), NAMES[:count])
    uses: dict[tuple[bytes, int], set[tuple[str, int]]] = {}
    for participant in books.values():
        for (label, id), claim in participant.book.claims.items():
            seed = participant.book._seeds[label]
            uses.setdefault((seed, id), set()).add((claim.use, claim.words))
    assert len(uses) > 25
    assert all(len(claims) == 1 for claims in uses.values())
    seeds = {seed for seed, _ in uses}
    assert len(seeds) == count + count * (count - 1) // 2 + 1


def test_a_second_use_of_a_stream_is_refused() -> None:
    from coterie.mpc.seeds import SeedBook

    book = SeedBook({"lender": bytes(16)})
    first = book.words("lender", 7, 100, "mask of e")
    assert np.array_equal(book.part("lender", 7, 100, 10, 5, "mask of e"), first[10:15])
    for wrong in (
        lambda: book.words("lender", 7, 100, "mask of f"),
        lambda: book.words("lender", 7, 99, "mask of e"),
        lambda: book.sum(["lender"], 7, 100, "dealt"),
        lambda: book.correction(first, ["lender"], 7, "dealt"),
    ):
        with pytest.raises(CoterieError, match="CT-2111"):
            wrong()
    assert "00000" not in repr(book)


def test_a_dealer_with_little_memory_deals_the_same() -> None:
    tight = play(training(), inputs(), deterministic=True, keep=0)
    roomy = play(training(), inputs(), deterministic=True)
    for name in TWO:
        np.testing.assert_array_equal(
            tight.outputs[name].kept["q"].words, roomy.outputs[name].kept["q"].words
        )
    first = tight.outputs["lender"].revealed["gradient"]
    np.testing.assert_array_equal(first, roomy.outputs["lender"].revealed["gradient"])


def test_the_twin_and_the_parties_agree() -> None:
    given, n = inputs(), 40
    fixed, exact = (twin(training(), TWO, given, mode) for mode in ("fixed", "float"))
    for count in (2, 3):
        got = play(training(), given, NAMES[:count]).outputs["lender"].revealed["gradient"]
        # each row's error by 2^-12 at most (sines and factors), features up to 4, and a unit of truncation
        assert np.abs(got - fixed.revealed["gradient"]).max() < n * 4 * 2.0**-12
        assert np.abs(got - exact.revealed["gradient"]).max() < n * 4 * (2.0**-12 + 2e-4)


# Participants that differ


def other(change: Callable[[Context], None]) -> Program:
    """`training`, and a further operation at the end."""

    def program(ctx: Context) -> None:
        training()(ctx)
        change(ctx)

    return program


def test_peers_with_different_plans_find_out_first() -> None:
    tape, wrong = trace(training(), TWO, DEALER), trace(training(terms=6), TWO, DEALER)
    programs = {"lender": training(), "telecom": training(terms=6)}
    tapes = {"lender": tape, "telecom": wrong, DEALER: tape}
    played = play(programs, inputs(), tapes=tapes, raises=False)
    assert set(played.errors) == {*TWO, DEALER}
    codes = {error.code for error in played.errors.values() if isinstance(error, CoterieError)}
    assert codes == {"CT-2105"}


@pytest.mark.parametrize(
    ("program", "code", "named"),
    [
        (training(terms=6), "CT-2104", "(fourier of 40) in 'pass 1' where the tape has"),
        (training(41), "CT-2104", "operation 0 (private of nothing)"),
        (other(lambda ctx: ctx.keep(ctx.zeros((1,)), "more")), "CT-2104", "the end of the program"),
        (
            other(lambda ctx: ctx.reveal(ctx.shared("x", (1,), 1.0), TWO, "x")),
            "CT-2104",
            "(shared of nothing)",
        ),
        (lambda ctx: None, "CT-2104", "the program ends before operation 0"),
    ],
)
def test_a_program_that_leaves_its_tape_is_stopped_at_the_first_operation(
    program: Program, code: str, named: str
) -> None:
    """One party runs another program on the agreed tape: it stops itself, and the others stop with it, unless
    they
    have finished."""
    tape = trace(training(), TWO, DEALER)
    tapes = {"lender": tape, "telecom": tape, DEALER: tape}
    played = play({"lender": training(), "telecom": program}, inputs(), tapes=tapes, raises=False)
    assert named in str(played.errors["telecom"])
    assert {error.code for error in played.errors.values() if isinstance(error, CoterieError)} == {code}
    assert "the end of the program" in str(played.errors["telecom"]) or set(played.errors) >= set(TWO)


def test_a_reveal_that_the_tape_does_not_name_is_refused() -> None:
    def body(ctx: Context, to: tuple[str, ...], again: bool) -> None:
        x = ctx.zeros((2,)) + ctx.private("x", "lender", (2,), 1.0)
        ctx.reveal(x, to, "x")
        if again:
            ctx.reveal(x, ("telecom",), "y")

    agreed = trace(lambda ctx: body(ctx, ("lender",), False), TWO, DEALER)
    tapes = dict.fromkeys((*TWO, DEALER), agreed)
    for to, again in ((("telecom",), False), (TWO, False), (("lender",), True)):

        def cheat(ctx: Context, to: tuple[str, ...] = to, again: bool = again) -> None:
            body(ctx, to, again)

        played = play(dict.fromkeys(TWO, cheat), {"x": np.ones(2)}, tapes=tapes, raises=False)
        assert {played.errors[name].code for name in TWO} == {"CT-2110"}  # type: ignore[attr-defined]
        assert "telecom" not in played.outputs


# Inputs


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x0": np.full((40, 3), 4.01)}, "CT-2102"),
        ({"x0": np.full((40, 3), np.nan)}, "CT-2103"),
        ({"y": np.full(40, -np.inf)}, "CT-2103"),
        ({"x0": np.zeros((40, 4))}, "CT-2107"),
        ({"x0": None}, "CT-2107"),
        ({"x0": [[1.0]]}, "CT-2107"),
        ({"y": np.array(["yes"] * 40)}, "CT-2107"),
    ],
)
def test_wrong_inputs_are_refused_before_anything_is_sent(change: dict[str, Any], code: str) -> None:
    meshes, sent = tapped(TWO)
    played = play(training(), inputs() | change, meshes=meshes, raises=False)
    assert played.errors["lender"].code == code  # type: ignore[attr-defined]
    assert sent["lender", "telecom"] == sent["lender", DEALER] == []
    assert set(played.errors) >= set(TWO)


@pytest.mark.parametrize(
    "kept",
    [
        None,
        np.zeros(3),
        Kept(np.zeros(4, np.uint64), 18, Interval(-1.0, 1.0)),
        Kept(np.zeros(3, np.uint64), 20, Interval(-1.0, 1.0)),
    ],
)
def test_wrong_shares_are_refused(kept: Any) -> None:
    def program(ctx: Context) -> None:
        ctx.reveal(ctx.shared("s", (3,), 1.0), ctx.parties, "s")

    played = play(program, {"s": kept}, raises=False)
    assert {played.errors[name].code for name in TWO} == {"CT-2107"}  # type: ignore[attr-defined]


def test_inputs_may_come_in_blocks() -> None:
    given = inputs()
    whole = given["x0"]
    blocks = RowBlocks(whole.shape, lambda start, stop: whole[start:stop])
    one = play(training(), given, deterministic=True)
    two = play(training(), given | {"x0": blocks}, deterministic=True)
    results = [played.outputs["lender"].revealed["gradient"] for played in (one, two)]
    np.testing.assert_array_equal(*results)


def test_roles_are_checked() -> None:
    tape = trace(training(), TWO, DEALER)
    meshes = local_meshes([*TWO, DEALER, "stranger"])
    for wrong in (
        lambda: run(training(), tape, meshes[DEALER], {}),
        lambda: run(training(), tape, meshes["stranger"], {}),
        lambda: deal(tape, meshes["lender"]),
    ):
        with pytest.raises(CoterieError, match="CT-2109"):
            wrong()


def test_progress_is_told_and_can_end_a_run() -> None:
    class Cancelled(Exception):
        pass

    seen: list[tuple[int, int, str]] = []

    def program(ctx: Context) -> None:
        for number in range(3):
            with ctx.section(f"pass {number}"):
                ctx.zeros((1,))

    tape, meshes = trace(program, TWO, DEALER), local_meshes([*TWO, DEALER])
    import threading

    threads = [
        threading.Thread(target=run, args=(program, tape, meshes["telecom"], {})),
        threading.Thread(target=deal, args=(tape, meshes[DEALER])),
    ]
    for thread in threads:
        thread.start()

    def progress(done: int, total: int, what: str) -> None:
        seen.append((done, total, what))
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(program, tape, meshes["lender"], {}, progress=progress)
    assert seen == [(0, 3, "pass 0"), (1, 3, "pass 1"), (2, 3, "pass 2")]
    for thread in threads:
        thread.join(10)


@pytest.mark.parametrize("name", ["common", "pair", "seeds", "a"])
def test_no_name_of_a_party_makes_its_seed_another_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What masks a party's inputs is known to it and the dealer, whatever the party is called."""
    books = recorded_claims(monkeypatch)
    parties = (name, "lender", "zebra")

    def program(ctx: Context) -> None:
        ctx.reveal(ctx.zeros((1,)) + ctx.private("x", name, (1,), 1.0), parties, "x")

    play(program, {"x": np.array([0.5])}, parties)
    seeds = {participant: set(one.book._seeds.values()) for participant, one in books.items()}
    for party in parties:
        assert len(books[party].book._seeds) == 1 + len(parties) - 1 + 1 + 1
        own = books[party].book._seeds[party]
        assert {participant for participant, known in seeds.items() if own in known} == {party, DEALER}
