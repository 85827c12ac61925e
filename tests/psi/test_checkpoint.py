"""What is kept of an intersection: its bytes, what is read of them where they are cut or altered."""

from __future__ import annotations

import hashlib
import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.psi.checkpoint import Progressed

SESSION, PURPOSE = bytes(range(16)), bytes(range(32))
FOUND = [[5, 0, 9], [], [7]]
ROWS, COUNT = 10, 4


class Place:
    """Keeps bytes, and how they came."""

    def __init__(self) -> None:
        self.data = b""
        self.ways: list[str] = []

    def load(self) -> bytes | None:
        return self.data

    def used(self) -> None:
        raise AssertionError

    def clear(self) -> None:
        raise AssertionError

    def save(self, data: bytes) -> None:
        self.data = data
        self.ways.append("saved")

    def add(self, data: bytes) -> None:
        self.data += data
        self.ways.append("added")


def rows_of(numbers: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def kept(found: list[list[int]] = FOUND) -> Place:
    place, state = Place(), Progressed(SESSION, PURPOSE, COUNT)
    for numbers in found:
        state.keep(rows_of(numbers), place)
    return place


def read(data: bytes | None, rows: int = ROWS, count: int = COUNT) -> list[list[int]] | None:
    state = Progressed.read(data, PURPOSE, rows, count)
    if state is None:
        return None
    assert (state.session, state.purpose, state.count) == (SESSION, PURPOSE, count)
    return [one.tolist() for one in state.found]


def written(found: list[tuple[int, list[int]]]) -> bytes:
    """The format, written down a second time."""
    head = b"coterie psi v2\n\0" + SESSION + PURPOSE + struct.pack("<I", COUNT)
    data = check = hashlib.sha256(head).digest()
    data = head + check
    for number, rows in found:
        record = struct.pack(f"<IQ{len(rows)}Q", number, len(rows), *rows)
        check = hashlib.sha256(check + record).digest()
        data += record + check
    return data


def test_the_bytes_are_as_described_and_each_is_written_once() -> None:
    place = kept()
    assert place.data == written(list(enumerate(FOUND)))
    assert place.ways == ["saved", "added", "added"]
    assert read(place.data) == FOUND


def test_who_goes_on_writes_what_is_left_of_it_anew() -> None:
    place = kept()
    state = Progressed.read(place.data + b"part of a record", PURPOSE, ROWS, COUNT)
    assert state is not None
    del state.found[1:]  # another party is not as far
    for numbers in ([3], [4]):
        state.keep(rows_of(numbers), place)
    assert place.ways == ["saved", "added", "added", "saved", "added"]
    assert place.data == kept([FOUND[0], [3], [4]]).data


def test_of_one_bucket_nothing_is_kept() -> None:
    place = Place()
    Progressed(SESSION, PURPOSE, 1).keep(rows_of([1]), place)
    assert not place.ways


def test_cut_anywhere_the_whole_records_are_left() -> None:
    whole = kept().data
    ends = [len(kept(FOUND[:done]).data) for done in range(1, 4)]
    for end in range(len(whole)):
        found = read(whole[:end])
        if end < 16 + 16 + 32 + 4 + 32:
            assert found is None
        else:
            assert found == FOUND[: sum(end >= one for one in ends)]


@given(st.data())
def test_an_altered_byte_leaves_what_stands_before_it(data: st.DataObject) -> None:
    whole = kept().data
    at = data.draw(st.integers(0, len(whole) - 1))
    altered = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    found = read(altered)
    ends = [len(kept(FOUND[:done]).data) for done in range(1, 4)]
    assert found == (None if at < 100 else FOUND[: sum(at >= one for one in ends)])


@pytest.mark.parametrize("more", [bytes(200), random.Random(1).randbytes(200), b"\xff" * 200])
def test_what_follows_and_is_no_record_is_not_there(more: bytes) -> None:
    assert read(kept().data + more) == FOUND


def test_records_of_another_file_or_in_another_order_are_none() -> None:
    other = Progressed(bytes(16), PURPOSE, COUNT)
    place = Place()
    for numbers in FOUND:
        other.keep(rows_of(numbers), place)
    assert read(kept(FOUND[:1]).data + place.data[len(kept(FOUND[:1]).data) :]) == FOUND[:1]
    first, second = (written([(0, [1])]), written([(0, [1]), (1, [2])])[len(written([(0, [1])])) :])
    assert read(first + second) == [[1], [2]]
    assert read(first[:100] + second + first[100:]) == []


@pytest.mark.parametrize(
    "records",
    [[(1, [1])], [(0, [1]), (0, [2])], [(0, [10])], [(n, []) for n in range(5)], [(0, [2**63])]],
    ids=["number", "again", "row", "too many", "sign"],
)
def test_whole_records_that_no_run_writes_make_all_of_it_nothing(
    records: list[tuple[int, list[int]]],
) -> None:
    assert read(written(records)) is None


def test_a_length_beyond_the_file_is_not_taken() -> None:
    data = written([]) + struct.pack("<IQ", 0, 2**61) + bytes(64)
    assert read(data, rows=2**62) == []


def test_it_is_for_these_rows_and_buckets_alone() -> None:
    data = kept().data
    assert read(data, count=5) is None
    assert Progressed.read(data, bytes(32), ROWS, COUNT) is None
    assert read(None) is None
    assert read(b"coterie psi v1" + data[14:]) is None
