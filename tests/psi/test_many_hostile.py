"""Of three parties one does not follow the protocol: the others refuse with code and name; nothing hangs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie import psi
from coterie.errors import CoterieError, PeerMisbehaved
from coterie.wire import Mesh
from tests.psi.group import Record, _Link, play_all
from tests.psi.pair import ids

SETS = {"asker": range(10), "beta": range(5, 16), "gamma": range(3, 14)}
ROWS = {name: len(own) for name, own in SETS.items()}
COMMON = [5, 6, 7, 8, 9]
CHUNK = 4

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass
class Twisted(_Link):
    """A channel that changes what is sent under some tags."""

    changes: dict[str, Change]

    def send_array(self, tag: str, array: NDArray[np.uint8]) -> None:
        change = self.changes.get(tag, lambda given: given)
        self.channel.send_array(tag, change(array))


class Liar(Record):
    changes: dict[str, Change]
    only: str | None = None

    def to(self, peer: str) -> Twisted:
        changes = self.changes if self.only in (None, peer) else {}
        return Twisted(self.mesh.to(peer), self.sent, changes)


def met(
    liar: str, only: str | None = None, sets: dict[str, range] = SETS, **changes: Change
) -> dict[str, Any]:
    """What each party meets where one changes its messages, to all peers or only to one."""
    rows = {name: len(own) for name, own in sets.items()}

    def program(mesh: Mesh) -> Any:
        used = mesh
        if mesh.me == liar:
            twisted = Liar(mesh)
            twisted.changes = {f"psi/{tag}": change for tag, change in changes.items()}
            twisted.only = only
            used = cast(Mesh, twisted)
        own = sets[mesh.me]
        found = psi.align_many(used, rows, ids(*own), chunk=CHUNK)
        return sorted(own[index] for index in found.indices)

    results, _ = play_all(dict.fromkeys(SETS, program))
    return results


def refused(results: dict[str, Any], victim: str, code: str, by: str) -> CoterieError:
    error = results[victim]
    assert isinstance(error, PeerMisbehaved), results
    assert (error.code, error.party) == (code, by)
    return error


def with_row(row: bytes) -> Change:
    def change(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        changed = array.copy()
        changed[-1] = np.frombuffer(row, dtype=np.uint8)
        return changed

    return change


def flipped(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.bitwise_xor(array, np.uint8(0x55))


def test_nobody_complains_where_nothing_is_changed() -> None:
    assert met("asker") == dict.fromkeys(SETS, COMMON)


BAD_POINTS = {
    "identity": bytes(32),
    "not canonical": b"\xff" * 32,
    "negative": bytes.fromhex("01" + "00" * 31),
    "not a square": bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
}


@pytest.mark.parametrize("row", BAD_POINTS.values(), ids=BAD_POINTS.keys())
@pytest.mark.parametrize(
    ("liar", "tag", "victim"), [("asker", "points", "beta"), ("gamma", "answers", "asker")]
)
def test_bad_points_are_refused(liar: str, tag: str, victim: str, row: bytes) -> None:
    error = refused(met(liar, **{tag: with_row(row)}), victim, "CT-2003", liar)
    assert "from row 0: row 3 " in error.detail


@pytest.mark.parametrize(
    ("liar", "tag", "victim"),
    [
        ("beta", "seed", "gamma"),
        ("asker", "points", "gamma"),
        ("beta", "answers", "asker"),
        ("gamma", "table", "asker"),
        ("asker", "key", "beta"),
        ("asker", "common", "beta"),
        ("gamma", "digest", "beta"),
    ],
)
@pytest.mark.parametrize(
    "change",
    [lambda array: array[:-1], lambda array: np.concatenate([array, array[:1]])],
    ids=["less", "more"],
)
def test_messages_of_another_size_are_refused(liar: str, tag: str, victim: str, change: Change) -> None:
    refused(met(liar, only=victim, **{tag: change}), victim, "CT-1202", liar)


def test_another_result_is_refused() -> None:
    refused(met("beta", only="gamma", digest=flipped), "gamma", "CT-2005", "beta")


def test_tags_that_differ_between_peers_are_refused() -> None:
    results = met("asker", only="beta", common=flipped)
    assert {error.code for error in results.values()} == {"CT-2005"}


def test_another_key_for_one_peer_is_refused() -> None:
    results = met("asker", only="gamma", key=flipped)
    assert {error.code for error in results.values()} == {"CT-2005"}


def test_a_common_tag_that_comes_twice_is_refused() -> None:
    first: list[NDArray[np.uint8]] = []

    def again(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        first.append(array)
        return first[0][: len(array)]

    # All rows are common, so that the first chunk of tags, sent once more, repeats some.
    results = met("asker", sets=dict.fromkeys(SETS, range(10)), common=again)
    assert {error.code for error in results.values()} == {"CT-2004"}
    assert "asker" in {results[name].party for name in ("beta", "gamma")}


def test_a_false_table_or_seed_finds_no_common_row() -> None:
    # It is the same as if that party had other rows, and no peer can tell.
    random = np.random.default_rng(1)
    noise: Change = lambda array: random.integers(0, 256, array.shape, dtype=np.uint8)  # noqa: E731
    for tag in ("table", "seed"):
        assert list(met("beta", **{tag: noise}).values()) == [[], [], []]


@pytest.mark.parametrize("leaver", ["asker", "beta", "gamma"])
def test_a_peer_that_leaves_does_not_leave_the_others_waiting(leaver: str) -> None:
    def program(mesh: Mesh) -> Any:
        if mesh.me == leaver:
            mesh.close()
            return None
        return psi.align_many(mesh, ROWS, ids(*SETS[mesh.me]), chunk=CHUNK)

    results, _ = play_all(dict.fromkeys(SETS, program))
    for name in set(SETS) - {leaver}:
        assert isinstance(results[name], CoterieError)
        assert results[name].code == "CT-1211"
