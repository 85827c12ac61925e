"""A peer that does not follow the protocol of vector evaluation is refused with a code, or gains nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie.errors import PeerMisbehaved
from coterie.psi import noise, ot, vole
from coterie.wire import Channel, Mesh
from tests.psi.pair import play
from tests.psi.test_vole import SILENT, holds

Bytes = NDArray[np.uint8]
Change = Callable[[Bytes], Bytes]

IDENTITY = bytes(32)
NEGATIVE = bytes.fromhex("01" + "00" * 31)
LARGE = b"\xff" * 32
NO_SQUARE = bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371")


class Meddler:
    """A channel that changes what is sent with some tags."""

    def __init__(self, channel: Channel, changes: dict[str, Change]) -> None:
        self._channel = channel
        self._changes = changes
        self.peer = channel.peer

    def send_array(self, tag: str, array: Bytes) -> None:
        self._channel.send_array(tag, self._changes.get(tag, lambda same: same)(array))

    def recv_array(self, tag: str, dtype: Any, shape: tuple[int, ...]) -> Any:
        return self._channel.recv_array(tag, dtype, shape)


def flipped(*place: int) -> Change:
    """One bit is another."""

    def change(array: Bytes) -> Bytes:
        changed = array.copy()
        changed[place] ^= 4
        return changed

    return change


def replaced(row: bytes, *place: int) -> Change:
    def change(array: Bytes) -> Bytes:
        changed = array.copy()
        changed[place] = np.frombuffer(row, dtype=np.uint8)
        return changed

    return change


def giving(n: int, malicious: bool, changes: dict[str, Change] | None = None) -> Callable[[Mesh], Any]:
    def program(mesh: Mesh) -> Any:
        channel: Any = Meddler(mesh.to("b"), changes or {})
        return vole.give(channel, n, malicious=malicious)

    return program


def taking(n: int, malicious: bool, changes: dict[str, Change] | None = None) -> Callable[[Mesh], Any]:
    def program(mesh: Mesh) -> Any:
        channel: Any = Meddler(mesh.to("a"), changes or {})
        return vole.take(channel, n, malicious=malicious)

    return program


def taker_meets(n: int, malicious: bool, **changes: Change) -> Any:
    named = {"vole/" + tag.replace("_", "-"): change for tag, change in changes.items()}
    return play(giving(n, malicious, named), taking(n, malicious))[1]


def giver_meets(n: int, malicious: bool, **changes: Change) -> Any:
    named = {"vole/" + tag.replace("_", "-"): change for tag, change in changes.items()}
    return play(giving(n, malicious), taking(n, malicious, named))[0]


def assert_refused(error: Any, code: str, party: str) -> None:
    assert isinstance(error, PeerMisbehaved), error
    assert (error.code, error.party) == (code, party)


@pytest.mark.parametrize("row", [IDENTITY, NEGATIVE, LARGE, NO_SQUARE])
def test_bad_points_are_refused(row: bytes) -> None:
    assert_refused(taker_meets(3, False, choices=replaced(row, 127, 1)), "CT-2010", "a")
    assert_refused(giver_meets(3, False, point=replaced(row)), "CT-2010", "b")


@pytest.mark.parametrize("tag", ["choices", "sums", "totals", "trees"])
def test_a_givers_messages_of_another_size_are_refused(tag: str) -> None:
    assert_refused(taker_meets(SILENT, True, **{tag: lambda array: array[:-1]}), "CT-1202", "a")


@pytest.mark.parametrize("tag", ["point", "seeds", "corrections", "seed_proof", "column_proof", "challenge"])
def test_a_takers_messages_of_another_size_are_refused(tag: str) -> None:
    assert_refused(giver_meets(SILENT, True, **{tag: lambda array: array[:-1]}), "CT-1202", "b")


def alter(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Any, Any], Any]) -> None:
    """Let the taker compute with other results of a kernel, and all that it says afterwards with it."""
    kernel = getattr(ot, name)

    def altered(first: Any, second: Any, third: Any) -> Any:
        result = kernel(first, second, third)
        # The giver calls no ggm_trees here, and correlate_columns with its Δ.
        taker = name == "ggm_trees" or not second.any()
        return change(*result) if taker else result

    monkeypatch.setattr(ot, name, altered)


@pytest.mark.parametrize("n", [3, SILENT])
def test_seeds_that_do_not_fit_are_found(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_refused(giver_meets(n, True, seed_proof=flipped(0, 0, 0)), "CT-2011", "b")
    assert_refused(giver_meets(n, True, seed_proof=flipped(31, 1, 31)), "CT-2011", "b")

    # Both sums of a level, or the holder might not look at the one that is wrong.
    def both(seeds: Bytes, sums: Bytes) -> tuple[Bytes, Bytes]:
        return seeds, flipped(30, 2, 1, 9)(flipped(30, 2, 0, 9)(sums))

    alter(monkeypatch, "ggm_trees", both)
    assert_refused(play(giving(n, True), taking(n, True))[0], "CT-2011", "b")


def test_a_guess_by_seeds_passes_only_where_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first level's sum of one side: the holder takes the other one where bit 3 of Δ is 0.
    alter(monkeypatch, "ggm_trees", lambda seeds, sums: (seeds, flipped(0, 0, 0, 5)(sums)))
    passed = refused = 0
    while not (passed and refused):
        given, taken, _ = play(giving(2, True), taking(2, True))
        if isinstance(given, PeerMisbehaved):
            assert_refused(given, "CT-2011", "b")
            refused += 1
        else:
            assert given.delta[0] & 8 == 0
            assert holds(given, taken)
            passed += 1
        assert passed + refused < 60


@pytest.mark.parametrize("n", [3, SILENT])
def test_corrections_of_several_vectors_are_found(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_refused(giver_meets(n, True, column_proof=flipped(0, 5, 3)), "CT-2012", "b")
    assert_refused(giver_meets(n, True, column_proof=flipped(1, 128, 3)), "CT-2012", "b")

    # Half of the groups have one more bit in the last product: not found only where 64 bits of Δ are 0.
    def other(common: Bytes, columns: Bytes) -> tuple[Bytes, Bytes]:
        changed = common.copy()
        changed[16:, -3, 0] ^= 1
        return changed, columns

    alter(monkeypatch, "correlate_columns", other)
    assert_refused(play(giving(n, True), taking(n, True))[0], "CT-2012", "b")


def test_a_guess_by_corrections_passes_only_where_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another vector in one group changes the holder's columns only where a bit of Δ is set there.
    alter(monkeypatch, "correlate_columns", lambda common, columns: (flipped(0, 0, 0)(common), columns))
    passed = refused = 0
    while not (passed and refused):
        given, taken, _ = play(giving(2, True), taking(2, True))
        if isinstance(given, PeerMisbehaved):
            assert_refused(given, "CT-2012", "b")
            refused += 1
        else:
            assert given.delta[0] & 15 == 0
            assert holds(given, taken)
            passed += 1
        assert passed + refused < 400


def test_trees_that_do_not_fit_are_found() -> None:
    # Both sums of the first level, of which the taker uses one wherever its place is.
    def both(array: Bytes) -> Bytes:
        return flipped(7, 0, 1, 0)(flipped(7, 0, 0, 0)(array))

    assert_refused(taker_meets(SILENT, True, sums=both), "CT-2013", "a")
    assert_refused(taker_meets(SILENT, True, totals=flipped(399, 15)), "CT-2013", "a")
    assert_refused(taker_meets(SILENT, True, trees=flipped(0)), "CT-2013", "a")


def test_another_delta_in_the_products_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Drifting(ot.Holder):
        """Uses one Δ in the transfers and another one afterwards."""

        def begin(self) -> None:
            super().begin()
            self.delta = bytes(byte ^ 1 for byte in self.delta)

    monkeypatch.setattr(ot, "Holder", Drifting)
    _, error, _ = play(giving(SILENT, True), taking(SILENT, True))
    assert_refused(error, "CT-2013", "a")


def test_a_guess_of_a_noisy_place_passes_only_where_it_is_right() -> None:
    # The sum of one side at the root of one tree: the taker uses it in half of the runs.
    passed = refused = 0
    while not (passed and refused):
        given, taken, _ = play(giving(SILENT, True, {"vole/sums": flipped(0, 0, 0, 0)}), taking(SILENT, True))
        if isinstance(taken, PeerMisbehaved):
            assert_refused(taken, "CT-2013", "a")
            refused += 1
        else:
            assert holds(given, taken)
            passed += 1
        assert passed + refused < 60


GIVER_TAGS = ["choices", "sums", "totals", "trees"]
TAKER_TAGS = ["point", "seeds", "corrections", "seed-proof", "column-proof", "challenge"]


@settings(max_examples=40, deadline=None)
@given_(st.sampled_from(GIVER_TAGS + TAKER_TAGS), st.integers(0, 2**32), st.integers(1, 255))
def test_no_altered_byte_makes_a_wrong_result(tag: str, place: int, change: int) -> None:
    def altered(array: Bytes) -> Bytes:
        changed = array.copy()
        changed.reshape(-1)[place % changed.size] ^= change
        return changed

    changes: dict[str, Change] = {"vole/" + tag: altered}
    given, taken, _ = play(giving(SILENT, True, changes), taking(SILENT, True, changes))
    refused = [error for error in (given, taken) if isinstance(error, PeerMisbehaved)]
    assert refused or holds(given, taken)
    assert {error.code for error in refused} <= {"CT-2010", "CT-2011", "CT-2012", "CT-2013"}


def test_without_checks_a_wrong_tree_makes_a_wrong_result() -> None:
    # What the malicious variant is for.
    given, taken, _ = play(giving(SILENT, False, {"vole/totals": flipped(0, 0)}), taking(SILENT, False))
    assert not holds(given, taken)


def test_a_peer_that_leaves_does_not_leave_the_other_waiting() -> None:
    def leave(mesh: Mesh) -> None:
        mesh.close()

    for party in (
        play(leave, taking(5, True))[1],
        play(giving(5, True), leave)[0],
    ):
        assert party.code == "CT-1211"


def test_masks_hide_the_sums_by_which_columns_are_checked() -> None:
    # The same vector twice: what is sent of it differs, as the masks do.
    assert noise.shape_of(3, malicious=True).masks == noise.MASKS == 2
    proofs = []

    def keep(array: Bytes) -> Bytes:
        proofs.append(array.copy())
        return array

    for _ in range(2):
        assert not isinstance(giver_meets(3, True, column_proof=keep), PeerMisbehaved)
    assert not (proofs[0][:, 0] == proofs[1][:, 0]).all(axis=1).any()
