"""A peer that does not follow the protocol is refused with a code and its name, and nothing hangs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie import psi
from coterie._kernels import keyed_hashes, ristretto_hash_mul, ristretto_mul, ristretto_scalar
from coterie.errors import CoterieError, PeerMisbehaved
from coterie.psi.matching import AmbiguousTagError, match
from coterie.psi.statement import tag_bytes
from coterie.wire import Channel, Mesh
from tests.psi.pair import ids, play

ROWS = 10
CHUNK = 4
HONEST = ids(*range(ROWS))
PEER = ids(*range(5, 5 + ROWS))
WIDTH = tag_bytes(ROWS, ROWS)

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def same(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return array


def hostile(points: Change = same, tags: Change = same, digest: Change = same) -> Callable[[Mesh], Any]:
    """A peer written out once more, that changes what it sends."""

    def chunks(array: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        return [array[start : start + CHUNK] for start in range(0, len(array), CHUNK)]

    def hashed(blinded: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return keyed_hashes([row.tobytes() for row in blinded], b"coterie/psi/tag/v1".ljust(32, b"\0"))[
            :, :WIDTH
        ]

    def receive(channel: Channel, tag: str, width: int) -> NDArray[np.uint8]:
        sizes = [len(part) for part in chunks(HONEST)]
        return np.concatenate([channel.recv_array(tag, np.uint8, (size, width)) for size in sizes])

    def program(mesh: Mesh) -> None:
        channel = mesh.to("a")
        secret = ristretto_scalar(bytes(range(64)))
        for part in chunks(points(ristretto_hash_mul(PEER, secret))):
            channel.send_array("psi/points", part)
        theirs = hashed(ristretto_mul(receive(channel, "psi/points", 32), secret))
        for part in chunks(tags(theirs)):
            channel.send_array("psi/tags", part)
        own = receive(channel, "psi/tags", WIDTH)
        try:
            result = np.frombuffer(match(own, theirs).digest, dtype=np.uint8)
        except AmbiguousTagError:
            result = np.zeros(32, dtype=np.uint8)
        channel.send_array("psi/digest", digest(result))
        channel.recv_array("psi/digest", np.uint8, (32,))

    return program


def met(peer: Callable[[Mesh], Any]) -> Any:
    """What an honest party meets with such a peer."""
    one, _, _ = play(lambda mesh: psi.align(mesh, "b", HONEST, ROWS, chunk=CHUNK), peer)
    return one


def with_row(place: int, row: bytes) -> Change:
    def change(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        changed = array.copy()
        changed[place] = np.frombuffer(row, dtype=np.uint8)
        return changed

    return change


def copied(source: int, target: int) -> Change:
    return lambda array: with_row(target, array[source].tobytes())(array)


def repeated(source: int) -> Change:
    return lambda array: np.repeat(array[source : source + 1], ROWS, axis=0)


def test_the_written_out_peer_is_honest_when_it_changes_nothing() -> None:
    aligned = met(hostile())
    assert sorted(aligned.indices.tolist()) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    "row",
    [
        bytes(32),
        b"\xff" * 32,
        bytes.fromhex("01" + "00" * 31),
        bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
    ],
    ids=["identity", "not canonical", "negative", "not a square"],
)
def test_bad_points_are_refused(row: bytes) -> None:
    error = met(hostile(points=with_row(9, row)))
    assert isinstance(error, PeerMisbehaved)
    assert (error.code, error.party) == ("CT-2003", "b")
    assert "from row 8: row 1 " in error.detail


@pytest.mark.parametrize(
    "changes",
    [
        {"points": lambda array: array[:-1]},
        {"points": lambda array: np.concatenate([array, array[:1]])},
        {"points": lambda array: array[:, :31].copy()},
        {"tags": lambda array: array[:-1]},
        {"tags": lambda array: array[:, :-1].copy()},
        {"digest": lambda array: array[:31]},
        {"digest": lambda array: array[:0]},
    ],
    ids=[
        "a point less",
        "a point more",
        "short points",
        "a tag less",
        "short tags",
        "short digest",
        "no digest",
    ],
)
def test_messages_of_another_size_are_refused(changes: dict[str, Change]) -> None:
    error = met(hostile(**changes))
    assert isinstance(error, PeerMisbehaved)
    assert (error.code, error.party) == ("CT-1202", "b")


@pytest.mark.parametrize(
    "change", [lambda array: array[:8], lambda array: np.repeat(array, 2, axis=0)[:14]], ids=["few", "many"]
)
def test_whole_chunks_too_few_or_too_many_are_refused(change: Change) -> None:
    error = met(hostile(points=change))
    assert isinstance(error, CoterieError)
    assert error.code in {"CT-1201", "CT-1202"}
    assert error.party == "b"


def test_another_result_is_refused() -> None:
    error = met(hostile(digest=lambda array: np.bitwise_xor(array, np.uint8(1))))
    assert isinstance(error, PeerMisbehaved)
    assert (error.code, error.party) == ("CT-2005", "b")


def test_false_answers_are_found_by_the_digest() -> None:
    # Seven of ten answers are changed: at least two of the five common rows are lost here, not at the peer.
    def lie(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        changed = array.copy()
        changed[:7] ^= 0x55
        return changed

    error = met(hostile(tags=lie))
    assert isinstance(error, PeerMisbehaved)
    assert error.code == "CT-2005"


def test_a_common_row_that_the_peer_has_twice_is_refused() -> None:
    # Row 0 of the peer is common; the peer sends it twice.
    error = met(hostile(points=copied(0, 7)))
    assert isinstance(error, PeerMisbehaved)
    assert (error.code, error.party) == ("CT-2004", "b")


def test_one_answer_for_all_rows_is_refused() -> None:
    # Rows come in a random order, and half of them are common: one answer for all hits a common row or none.
    for row in range(6):
        error = met(hostile(tags=repeated(row)))
        assert isinstance(error, PeerMisbehaved)
        assert error.code in {"CT-2004", "CT-2005"}


def test_a_peer_that_leaves_does_not_leave_the_other_waiting() -> None:
    def leave(mesh: Mesh) -> None:
        points = ristretto_hash_mul(PEER[:CHUNK], ristretto_scalar(bytes(range(64))))
        mesh.to("a").send_array("psi/points", points)
        mesh.close()

    error = met(leave)
    assert isinstance(error, CoterieError)
    assert (error.code, error.party) == ("CT-1211", "b")
