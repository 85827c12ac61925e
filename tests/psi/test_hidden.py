"""Intersection to none: strings agree where rows are common, numbers are shares, and nobody sees which."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from coterie import psi
from coterie.errors import BadInput, Bug, CoterieError, PeerMisbehaved
from coterie.psi import hidden
from coterie.psi.hidden import Given, Taken
from coterie.wire import Channel, Mesh
from tests.psi.pair import STEP, Recorder, Stream, ids, play

# These change only when the protocol does: nodes with other ones do not understand each other.
GOLDEN_RECEIVER = "78cba0287915df3f8ad69841f9a5e9b91e4de20924f08cd8e46cc12e7787b990"
GOLDEN_SENDER = "25f0416fe3827a927b0697cb911fa82344e55a9da605a7a27e3491aaa862528c"

Numbers = NDArray[np.uint64]


class Run:
    """One run with the randomness of names, and what was said."""

    def __init__(
        self,
        own: Sequence[object],
        theirs: Sequence[object],
        columns: int = 0,
        random: tuple[str, str] = ("a", "b"),
    ) -> None:
        self.own, self.theirs = own, theirs
        self.numbers = np.random.default_rng(5).integers(0, 2**64, (len(theirs), columns), np.uint64)
        records: dict[str, Recorder] = {}

        def channel(mesh: Mesh, peer: str) -> Channel:
            records[mesh.me] = Recorder(mesh)
            return cast(Channel, records[mesh.me].to(peer))

        def receive(mesh: Mesh) -> tuple[Taken, int]:
            stream, link = Stream(random[0]), channel(mesh, "b")
            taken = psi.circuit_receive(link, ids(*own), len(theirs), columns, random=stream)
            return taken, mesh.depth

        def send(mesh: Mesh) -> tuple[Given, int]:
            stream, link = Stream(random[1]), channel(mesh, "a")
            given = psi.circuit_send(link, ids(*theirs), len(own), self.numbers, random=stream)
            return given, mesh.depth

        a, b, self.meshes = play(receive, send)
        (self.taken, self.depth_a), (self.given, self.depth_b) = a, b
        self.a, self.b = records["a"], records["b"]

    @property
    def found(self) -> set[object]:
        """Rows of bins whose strings are equal."""
        equal = np.flatnonzero(self.taken.strings == self.given.strings)
        assert (self.taken.rows[equal] >= 0).all()
        return {self.own[row] for row in self.taken.rows[equal]}


def test_strings_are_equal_where_rows_are_common() -> None:
    for own, theirs in (
        (range(40), range(20, 70)),
        (range(50), range(10)),
        (["x"], ["x"]),
        (["x"], ["y"]),
        (range(30), range(30)),
        (range(30), range(30, 60)),
        (["id", "ｉｄ", "ID", "іd"], ["іd", "1d"]),
    ):
        run = Run(own, theirs)
        assert run.found == set(own) & set(theirs)
        # Every row is in one bin.
        rows = run.taken.rows
        assert sorted(rows[rows >= 0].tolist()) == list(range(len(own)))


@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(0, 30), min_size=1), st.sets(st.integers(0, 30), min_size=1), st.integers(1, 5))
def test_numbers_are_shares_of_the_common_rows(own: set[int], theirs: set[int], columns: int) -> None:
    run = Run(sorted(own), sorted(theirs), columns)
    assert run.found == own & theirs
    total = run.taken.numbers + run.given.numbers
    place = {name: row for row, name in enumerate(run.theirs)}
    for number, row in enumerate(run.taken.rows):
        if row >= 0 and run.own[row] in theirs:
            assert np.array_equal(total[number], run.numbers[place[run.own[row]]])


@pytest.mark.parametrize(("own", "theirs", "columns"), [(1, 1, 0), (30, 50, 2), (90, 5, 0)])
def test_costs_are_those_of_the_sizes(own: int, theirs: int, columns: int) -> None:
    cost = psi.cost_hidden(own, theirs, columns)
    for start in (0, own):
        run = Run(range(own), range(start, start + theirs), columns)
        sent = {name: mesh.egress()[STEP] for name, mesh in run.meshes.items()}
        assert sent["a"]["b"].sent == cost.receiver_to_sender
        assert sent["b"]["a"].sent == cost.sender_to_receiver
        assert (run.depth_a, run.depth_b) == (cost.rounds_receiver, cost.rounds_sender)
        assert len(run.taken.strings) == len(run.given.strings) == cost.bins
        assert run.taken.numbers.shape == run.given.numbers.shape == (cost.bins, columns)


@pytest.mark.parametrize(("own", "theirs", "columns"), [(2**15, 2**15, 0), (2**12, 2**16, 3)])
def test_memory_is_bounded_as_planned(own: int, theirs: int, columns: int) -> None:
    random = np.random.default_rng(2)
    a, b = (random.integers(0, 256, (rows, 32), np.uint8) for rows in (own, theirs))
    numbers = np.zeros((theirs, columns), np.uint64)
    tracemalloc.start()
    play(
        lambda mesh: psi.circuit_receive(mesh.to("b"), a, theirs, columns),
        lambda mesh: psi.circuit_send(mesh.to("a"), b, own, numbers),
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Of both parties in one process.
    assert peak < 2 * psi.cost_hidden(own, theirs, columns).memory


def test_the_transcript_is_the_golden_one() -> None:
    run = Run(range(60), range(30, 100), 2)
    assert (run.a.digest(), run.b.digest()) == (GOLDEN_RECEIVER, GOLDEN_SENDER)


def test_what_the_receiver_says_is_the_same_whatever_is_common() -> None:
    runs = [Run(range(20), rows) for rows in (range(20), range(20, 40), range(10, 30))]
    assert len({run.a.digest() for run in runs}) == 1
    # And so is what it is told before the table, which stands for the sender's rows alone.
    before = [b"".join(array.tobytes() for tag, array in run.b.sent if tag != "psi/table") for run in runs]
    assert len(set(before)) == 1
    for run in runs[1:]:
        assert [(tag, array.shape) for tag, array in run.b.sent] == [
            (tag, array.shape) for tag, array in runs[0].b.sent
        ]


@pytest.mark.parametrize("columns", [0, 1, 2])
@pytest.mark.parametrize("shift", [0, 3], ids=["all", "none"])
def test_the_receivers_view_is_uniform_whatever_is_common(
    monkeypatch: pytest.MonkeyPatch, shift: int, columns: int
) -> None:
    """Every bit of the table, and of all words that the receiver can look up, over many runs: fair coins."""
    found: list[NDArray[np.uint64]] = []
    look_up = hidden._looked_up

    def seen(*args: Any) -> NDArray[np.uint64]:
        found.append(look_up(*args))
        return found[-1].copy()

    monkeypatch.setattr(hidden, "_looked_up", seen)
    runs = [Run(range(3), range(shift, shift + 3), columns, random=("a", f"b{n}")) for n in range(40)]
    assert {one.shape for one in found} == {(3, 4 if columns == 2 else 2)}
    for views in (
        [run.b.of("psi/table").reshape(-1)[:800] for run in runs],
        [one.view(np.uint8).reshape(-1) for one in found],
    ):
        counts = np.unpackbits(np.stack(views), axis=1).sum(axis=0)
        deviation = ((counts - len(runs) / 2) ** 2 / (len(runs) / 4)).sum()
        assert 1e-4 < stats.chi2.sf(deviation, len(counts)) < 1 - 1e-4


def test_the_senders_draw_says_where_its_rows_are() -> None:
    """So the receiver cannot have chosen it: it comes when the receiver has said all."""
    run = Run(range(20), range(20))
    assert [tag for tag, _ in run.b.sent][-2:] == ["psi/draw", "psi/table"]

    class Altered(Recorder):
        def send_array(self, tag: str, array: NDArray[np.uint8]) -> None:
            super().send_array(tag, array ^ np.uint8(tag == "psi/draw"))

    taken, given, _ = play(
        lambda mesh: psi.circuit_receive(mesh.to("b"), ids(*range(20)), 20),
        lambda mesh: psi.circuit_send(cast(Channel, Altered(mesh).to("a")), ids(*range(20)), 20),
    )
    assert not (taken.strings == given.strings).any()


def test_a_canary_is_never_seen() -> None:
    canary = ids("canary")[0].tobytes()
    run = Run(["canary", "x"], ["canary", "y"], 1)
    said = b"".join(array.tobytes() for _, array in run.a.sent + run.b.sent)
    for size in (8, 16):
        assert not any(canary[start : start + size] in said for start in range(0, 32, size))


def test_chance_is_as_rare_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (675, 2**20, 2**21 + 1):
        assert count * 2.0 ** -hidden.string_bits(count) <= 2.0**-40
    # With strings that short, some bin is equal by chance in each run, empty ones too.
    monkeypatch.setattr(hidden, "STATISTICAL_BITS", -3)
    equal, expected = 0, 0.0
    for number in range(20):
        run = Run(range(3), range(3, 6), random=("a", f"b{number}"))
        equal += int((run.taken.strings == run.given.strings).sum())
        count = len(run.taken.strings)
        expected += count * 2.0 ** -hidden.string_bits(count)
    assert abs(equal - expected) < 5 * math.sqrt(expected)


# Misuse, and peers that do not follow


def refused(receive: Any, send: Any) -> tuple[Any, Any]:
    one, other, _ = play(
        lambda mesh: receive(mesh.to("b")) if receive else mesh.to("b").recv_array("x", np.uint8, (1,)),
        lambda mesh: send(mesh.to("a")) if send else mesh.to("a").recv_array("x", np.uint8, (1,)),
    )
    return one, other


def test_own_faults_are_found_before_anything_is_sent() -> None:
    twice = ids("x", "y", "x")
    for part, family, code in (
        (lambda channel: psi.circuit_receive(channel, twice, 3), BadInput, "CT-2002"),
        (lambda channel: psi.circuit_receive(channel, twice[:0], 3), BadInput, "CT-2001"),
        (lambda channel: psi.circuit_receive(channel, twice[:, :16], 3), Bug, "CT-2006"),
        (lambda channel: psi.circuit_send(channel, twice, 3), BadInput, "CT-2002"),
        (
            lambda channel: psi.circuit_send(channel, twice[:2], 3, np.zeros((3, 1), np.uint64)),
            Bug,
            "CT-2040",
        ),
        (
            lambda channel: psi.circuit_send(
                channel, twice[:2], 3, cast(Numbers, np.zeros((2, 1), np.int64))
            ),
            Bug,
            "CT-2040",
        ),
    ):
        found, other = refused(part, None)
        assert isinstance(found, family)
        assert isinstance(found, CoterieError)
        assert (found.code, other.code) == (code, code)


def test_more_rows_than_strings_fit_a_word_for() -> None:
    most = (1 << 24) // 3 * 30 // 13 - 520
    assert psi.string_bits(psi.cost_hidden(most, 5).bins) == 64
    for receiver, sender in ((most + 10, 5), (5, 1 << 31), (1 << 53, 1 << 53)):
        with pytest.raises(CoterieError) as caught:
            psi.cost_hidden(receiver, sender)
        assert caught.value.code == "CT-2041"
    found, other = refused(lambda channel: psi.circuit_send(channel, ids("x"), 1 << 25), None)
    assert (found.code, other.code) == ("CT-2041", "CT-2041")


def test_points_that_are_none_are_refused() -> None:
    def hostile(channel: Channel) -> None:
        channel.recv_array("psi/key", np.uint8, (32,))
        tag, first = Run("xy", "xyz").b.sent[0]
        channel.send_array(tag, np.full_like(first, 255))
        channel.recv_array("never", np.uint8, (1,))

    found, _ = refused(lambda channel: psi.circuit_receive(channel, ids("x", "y"), 3), hostile)
    assert isinstance(found, PeerMisbehaved)
    assert (found.code, found.party) == ("CT-2010", "b")


def test_another_number_of_rows_is_refused() -> None:
    found, _ = refused(
        lambda channel: psi.circuit_receive(channel, ids("x", "y"), 3),
        lambda channel: psi.circuit_send(channel, ids("x", "y"), 2),
    )
    assert found.code == "CT-1202"


def test_progress_is_told_and_may_cancel() -> None:
    told: list[tuple[int, int]] = []
    play(
        lambda mesh: psi.circuit_receive(
            mesh.to("b"), ids(*range(9)), 5, progress=lambda done, total, _: told.append((done, total))
        ),
        lambda mesh: psi.circuit_send(mesh.to("a"), ids(*range(5)), 9),
    )
    assert told == [(0, 3), (1, 3), (2, 3)]
