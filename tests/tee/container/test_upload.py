"""Uploads: every piece is checked, a crash at any point costs at most what was not written, hostile sizes are
refused.
"""

from __future__ import annotations

import os
import random
import stat
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.tee.container import receiving
from coterie.tee.container.files import verify_file
from coterie.tee.container.header import CHUNK, LARGEST, TAG, Header, Preamble
from coterie.tee.container.merkle import leaf_hash, proven
from coterie.tee.container.pieces import PIECE_LIMIT, Piece, Sender, as_ranges
from coterie.tee.container.receiving import Receiver
from coterie.tee.container.record import DatasetRecord, sign_record
from coterie.tee.container.sealing import Sealed
from tests.tee.container.conftest import Made, make
from tests.tee.container.oracle import vectors

LIMIT = 1 << 30


@pytest.fixture(scope="module")
def five(lender: Identity) -> Made:
    """Five chunks, the last one short: a tree that is not even."""
    return make(lender, 4 * CHUNK + 100)


def saved(made: Made, folder: Path) -> Path:
    path = folder / "sent.sealed"
    path.write_bytes(made.data)
    return path


def all_pieces(made: Made) -> list[bytes]:
    return [Piece(index, made.tree.proof(index), chunk).encode() for index, chunk in enumerate(made.chunks)]


def test_an_upload(five: Made, lender: Identity, tmp_path: Path) -> None:
    with (
        Sender(saved(five, tmp_path), five.record) as sender,
        Receiver(tmp_path / "held", five.record, lender.public, limit=LIMIT) as receiver,
    ):
        assert receiver.missing() == (range(5),)
        assert not receiver.whole
        pieces = list(sender.pieces(receiver.missing()))
        assert all(len(piece) <= PIECE_LIMIT for piece in pieces)
        assert all(receiver.put(piece) for piece in pieces)
        assert receiver.missing() == ()
        path = receiver.finish()
    assert path.read_bytes() == five.data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    verify_file(path, five.record)
    assert pieces == all_pieces(five)


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1])
def test_uploads_of_few_chunks(size: int, lender: Identity, tmp_path: Path) -> None:
    made = make(lender, size)
    with (
        Sender(saved(made, tmp_path), made.record) as sender,
        Receiver(tmp_path / "held", made.record, lender.public, limit=LIMIT) as receiver,
    ):
        for piece in sender.pieces(receiver.missing()):
            receiver.put(piece)
        assert receiver.finish().read_bytes() == made.data


@given(st.randoms(use_true_random=False), st.integers(0, 12))
@settings(max_examples=15)
def test_pieces_in_any_order_twice_and_over_several_lives(
    five: Made, lender: Identity, tmp_path_factory: pytest.TempPathFactory, chance: random.Random, lives: int
) -> None:
    folder = tmp_path_factory.mktemp("held")
    pieces = all_pieces(five)
    kept: set[int] = set()
    for _ in range(lives):
        with Receiver(folder, five.record, lender.public, limit=LIMIT) as receiver:
            missing = {index for run in receiver.missing() for index in run}
            assert missing == set(range(5)) - kept
            for index in chance.choices(range(5), k=chance.randrange(3)):
                assert receiver.put(pieces[index]) == (index not in kept)
                kept.add(index)
    with Receiver(folder, five.record, lender.public, limit=LIMIT) as receiver:
        for piece in pieces:
            receiver.put(piece)
        assert receiver.finish().read_bytes() == five.data


def test_what_is_whole_stays_whole(five: Made, lender: Identity, tmp_path: Path) -> None:
    for _ in range(2):
        with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
            for run in receiver.missing():
                for index in run:
                    receiver.put(all_pieces(five)[index])
            assert receiver.finish().read_bytes() == five.data
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".leaves", ".sealed"]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", range(16))
def test_a_crash_at_any_write(
    at: int, five: Made, lender: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the write at which it happens, half reaches the disk; writes before it did, in whatever order."""
    calls = 0
    whole = receiving._put

    def torn(descriptor: int, data: bytes | memoryview, place: int) -> None:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            whole(descriptor, bytes(data)[: len(data) // 2], place)
            raise Crash
        whole(descriptor, data, place)

    monkeypatch.setattr(receiving, "_put", torn)
    lives = 0
    while True:
        lives += 1
        try:
            with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
                for run in receiver.missing():
                    for index in run:
                        receiver.put(all_pieces(five)[index])
                path = receiver.finish()
            break
        except Crash:
            continue
    assert lives == (2 if at < 11 else 1), "one write for the preamble, two for each chunk"
    assert path.read_bytes() == five.data


def test_a_leaf_that_reached_the_disk_before_its_chunk(five: Made, lender: Identity, tmp_path: Path) -> None:
    """Power went: the leaf is there, the chunk is not. It is sent again."""
    pieces = all_pieces(five)
    with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
        for piece in pieces:
            receiver.put(piece)
    part = next(tmp_path.glob("*.part"))
    place = five.sealed.preamble.place(2)
    with part.open("r+b") as file:
        file.seek(place + 5)
        file.write(bytes(1000))
    os.truncate(part, five.sealed.preamble.place(4) + 7)
    with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
        assert receiver.missing() == (range(2, 3), range(4, 5))
        with pytest.raises(CoterieError, match="CT-2213"):
            receiver.finish()
        receiver.put(pieces[2])
        receiver.put(pieces[4])
        assert receiver.finish().read_bytes() == five.data


def test_a_chunk_and_its_leaf_exchanged_together(
    five: Made, other: Made, lender: Identity, tmp_path: Path
) -> None:
    """Who writes to the host's disk can make leaves that fit; the root of all of them does not."""
    with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
        for piece in all_pieces(five):
            receiver.put(piece)
    fake = other.chunks[0]
    with next(tmp_path.glob("*.part")).open("r+b") as file:
        file.seek(five.sealed.preamble.place(1))
        file.write(fake)
    with next(tmp_path.glob("*.leaves")).open("r+b") as file:
        file.seek(32)
        file.write(leaf_hash(five.sealed.preamble.digest, 1, fake))
    with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
        assert receiver.whole
        with pytest.raises(CoterieError, match="CT-2214"):
            receiver.finish()
        assert receiver.missing() == (range(5),)
        assert not receiver.path.exists()
        for piece in all_pieces(five):
            receiver.put(piece)
        assert receiver.finish().read_bytes() == five.data


def test_a_file_that_somebody_made_longer(five: Made, lender: Identity, tmp_path: Path) -> None:
    with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
        for piece in all_pieces(five):
            receiver.put(piece)
    with next(tmp_path.glob("*.part")).open("ab") as file:
        file.write(b"more")
    with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
        assert receiver.finish().read_bytes() == five.data


def hostile(five: Made, other: Made) -> dict[str, bytes]:
    pieces = all_pieces(five)
    proof = five.tree.proof(1)
    chunk = five.chunks[1]
    flipped = bytes([chunk[0] ^ 1]) + chunk[1:]
    return {
        "nothing": b"",
        "a head": pieces[1][:5],
        "another place": Piece(2, five.tree.proof(2), chunk).encode(),
        "another place with its proof": Piece(2, proof, chunk).encode(),
        "no such place": Piece(5, proof, chunk).encode(),
        "the last place there can be": Piece(2**32 - 1, proof, chunk).encode(),
        "a flipped bit": Piece(1, proof, flipped).encode(),
        "another file's chunk": Piece(1, proof, other.chunks[1]).encode(),
        "another file's chunk with its proof": Piece(1, other.tree.proof(1), other.chunks[1]).encode(),
        "a hash more": Piece(1, (*proof, bytes(32)), chunk).encode(),
        "a hash less": Piece(1, proof[:-1], chunk).encode(),
        "255 hashes": Piece(1, (bytes(32),) * 255, chunk).encode(),
        "a wrong hash": Piece(1, (bytes(32), *proof[1:]), chunk).encode(),
        "a byte more": pieces[1] + b"\0",
        "a byte less": pieces[1][:-1],
        "a chunk more": pieces[1] + chunk,
        "far too much": bytes(PIECE_LIMIT + 1),
        "a node as a chunk": Piece(4, five.tree.proof(4), b"\1" + bytes(100 + TAG - 1)).encode(),
    }


def test_pieces_that_are_not_of_this_container(
    five: Made, other: Made, lender: Identity, tmp_path: Path
) -> None:
    with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
        for what, data in hostile(five, other).items():
            with pytest.raises(CoterieError) as caught:
                receiver.put(data)
            assert caught.value.code == "CT-2212", what
        assert receiver.missing() == (range(5),)
    assert next(tmp_path.glob("*.leaves")).stat().st_size == 0


@given(st.binary(max_size=300))
def test_any_bytes_are_no_piece(five: Made, data: bytes) -> None:
    with pytest.raises(CoterieError, match="CT-2212"):
        Piece.parse(data, five.sealed.preamble)


def test_a_record_of_somebody_else(five: Made, mallory: Identity, lender: Identity, tmp_path: Path) -> None:
    with pytest.raises(CoterieError, match="CT-2208"):
        Receiver(tmp_path / "a", five.record, mallory.public, limit=LIMIT)
    forged = five.record.model_copy(update={"size": five.record.size + 1})
    with pytest.raises(CoterieError, match="CT-1101"):
        Receiver(tmp_path / "a", forged, lender.public, limit=LIMIT)
    assert not (tmp_path / "a").exists()


def huge(lender: Identity, size: int) -> DatasetRecord:
    header = Header.make(os.urandom(16), size, "lender/customers")
    return sign_record(lender, Sealed(Preamble(header, bytes(32)), bytes(32), bytes(32)))


def test_what_is_too_large_for_the_host_takes_nothing(lender: Identity, tmp_path: Path) -> None:
    record = huge(lender, LARGEST)
    with pytest.raises(CoterieError, match="CT-2205"):
        Receiver(tmp_path / "a", record, lender.public, limit=LIMIT)
    assert not (tmp_path / "a").exists()


def test_a_claim_alone_takes_no_space(lender: Identity, tmp_path: Path) -> None:
    """Where 4 TiB are allowed: 4 MiB of memory, and next to nothing of the disk, until they come."""
    record = huge(lender, LARGEST)
    tracemalloc.start()
    try:
        with Receiver(tmp_path, record, lender.public, limit=2 * LARGEST) as receiver:
            assert receiver.missing() == (range(1 << 22),)
            assert tracemalloc.get_traced_memory()[1] < 8 * CHUNK
    finally:
        tracemalloc.stop()
    assert sum(path.stat().st_blocks * 512 for path in tmp_path.iterdir()) < CHUNK


def test_one_receiver_at_a_time(five: Made, lender: Identity, tmp_path: Path) -> None:
    with (
        Receiver(tmp_path, five.record, lender.public, limit=LIMIT),
        pytest.raises(CoterieError, match="CT-2216"),
    ):
        Receiver(tmp_path, five.record, lender.public, limit=LIMIT)
    Receiver(tmp_path, five.record, lender.public, limit=LIMIT).close()


def test_a_disk_that_cannot_be_written(five: Made, lender: Identity, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CoterieError, match="CT-1121"):
        Receiver(tmp_path / "file", five.record, lender.public, limit=LIMIT)


def test_many_gaps_are_told_in_parts(five: Made, lender: Identity, tmp_path: Path) -> None:
    pieces = all_pieces(five)
    with Receiver(tmp_path, five.record, lender.public, limit=LIMIT) as receiver:
        receiver.put(pieces[1])
        receiver.put(pieces[3])
        assert receiver.missing(2) == (range(1), range(2, 3))
        assert receiver.missing() == (range(1), range(2, 3), range(4, 5))


def test_a_sender_sends_nothing_that_would_be_refused(five: Made, other: Made, tmp_path: Path) -> None:
    path = saved(five, tmp_path)
    with pytest.raises(CoterieError, match="CT-2208"):
        Sender(path, other.record)
    for data, code in (
        (five.data[:-1], "CT-2202"),
        (five.data + b"\0", "CT-2203"),
        (five.data[:-1] + b"\0", "CT-2203"),
    ):
        path.write_bytes(data if data != five.data else data[:-1] + b"\1")
        with pytest.raises(CoterieError, match=code):
            Sender(path, five.record)
    path.write_bytes(five.data)
    with Sender(path, five.record) as sender:
        assert list(sender.pieces([range(0), range(5, 9), range(-3, 0)])) == []
        path.write_bytes(five.data[: len(five.head)] + bytes(len(five.data) - len(five.head)))
        with pytest.raises(CoterieError, match="CT-2203"):
            sender.piece(0)
        path.write_bytes(five.head)
        with pytest.raises(CoterieError, match="CT-2202"):
            sender.piece(0)


def test_ranges_of_a_message() -> None:
    assert as_ranges([(0, 3), (5, 6)]) == (range(3), range(5, 6))
    for pairs in ([(3, 3)], [(-1, 2)], [(0, 2**32 + 1)], [(4, 2)]):
        with pytest.raises(CoterieError, match="CT-2212"):
            as_ranges(pairs)


def test_the_proofs_of_the_vectors_hold() -> None:
    case = vectors("container")["containers"][-1]
    root = bytes.fromhex(case["root"])
    for index, (leaf, proof) in enumerate(zip(case["leaves"], case["proofs"], strict=True)):
        path = [bytes.fromhex(one) for one in proof]
        assert proven(root, bytes.fromhex(leaf), index, len(case["leaves"]), path)
