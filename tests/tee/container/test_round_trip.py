"""What was sealed comes out again: sizes around the chunk, odd sources, random access, Parquet; memory is
constant.
"""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.tee.container.chunks import root_of
from coterie.tee.container.header import CHUNK
from coterie.tee.container.memory import private_memory
from coterie.tee.container.opening import OpenContainer, open_in_memory, open_stream
from coterie.tee.container.sealing import Sealed, seal
from tests.tee.container.conftest import Made
from tests.tee.container.oracle import pattern

SIZES = (0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK, 3 * CHUNK + 77)


class Trickle(io.RawIOBase):
    """A pipe: it gives a little at a time and cannot be sought in."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__()
        self._data, self._most = io.BytesIO(data), most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(memoryview(buffer)[: self._most])


class OnlyReads:
    """A file-like object that knows nothing but ``read``."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, count: int) -> bytes:
        return self._data.read(min(count, 70_000))


class Zeros(io.RawIOBase):
    """As many zeros as are asked for, up to a size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(self._left, len(buffer))
        memoryview(buffer)[:count] = bytes(count)
        self._left -= count
        return count


def sealed(plain: bytes, source: Any = None) -> tuple[Sealed, bytes]:
    target = io.BytesIO()
    made = seal(source or io.BytesIO(plain), target.write, size=len(plain), dataset="lender/customers")
    return made, target.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_every_way_of_opening(size: int) -> None:
    plain = pattern(size)
    made, data = sealed(plain)
    assert root_of(io.BytesIO(data)) == (made.preamble, made.root)
    for root in (None, made.root):
        target = io.BytesIO()
        assert open_stream(io.BytesIO(data), target.write, made.key, root=root) == made.preamble
        assert target.getvalue() == plain
        assert open_in_memory(io.BytesIO(data), made.key, root=root)[1] == plain
        with OpenContainer(io.BytesIO(data), made.key, root=root) as opened:
            assert opened.read() == plain


@pytest.mark.parametrize("wrap", [lambda data: Trickle(data, 99_999), OnlyReads])
def test_sources_that_give_a_little_at_a_time(wrap: Callable[[bytes], Any]) -> None:
    plain = pattern(2 * CHUNK + 5)
    made, data = sealed(plain, wrap(plain))
    target = io.BytesIO()
    open_stream(wrap(data), target.write, made.key, root=made.root)
    assert target.getvalue() == plain


@given(st.lists(st.tuples(st.integers(0, 3 * CHUNK), st.integers(0, 2 * CHUNK)), max_size=6))
@settings(max_examples=30)
def test_reading_here_and_there(three: Made, places: list[tuple[int, int]]) -> None:
    with OpenContainer(io.BytesIO(three.data), three.sealed.key) as opened:
        for place, count in places:
            assert opened.seek(place) == opened.tell() == place
            assert opened.read(count) == three.plain[place : place + count]
        assert opened.seek(-5, io.SEEK_END) == len(three.plain) - 5
        assert opened.seek(2, io.SEEK_CUR) == len(three.plain) - 3
        assert opened.read() == three.plain[-3:]
        opened.seek(len(three.plain) + 9)
        assert opened.read(1) == b""
        with pytest.raises(ValueError, match="before the beginning"):
            opened.seek(-1)


@given(st.binary(max_size=300))
def test_any_short_content(plain: bytes) -> None:
    made, data = sealed(plain)
    assert open_in_memory(io.BytesIO(data), made.key, root=made.root)[1] == plain


def test_parquet_is_read_from_the_container() -> None:
    table = pa.table({"id": pa.array(range(200_000)), "x": pa.array([os.urandom(8) for _ in range(200_000)])})
    stored = io.BytesIO()
    pq.write_table(table, stored, row_group_size=50_000)
    made, data = sealed(stored.getvalue())
    with OpenContainer(io.BytesIO(data), made.key) as opened:
        assert pq.read_table(opened, columns=["id"])["id"].equals(table["id"])
    with OpenContainer(io.BytesIO(data), made.key) as opened:
        assert pq.ParquetFile(opened).read_row_group(2).equals(table.slice(100_000, 50_000))


def test_no_two_sealings_have_anything_in_common() -> None:
    (one, first), (two, second) = sealed(b"the same"), sealed(b"the same")
    assert one.key != two.key
    assert one.preamble.header.file_id != two.preamble.header.file_id
    assert one.preamble.commitment != two.preamble.commitment
    assert first[-24:] != second[-24:]


def test_a_key_is_not_shown(three: Made) -> None:
    assert three.sealed.key.hex() not in repr(three.sealed)
    assert repr(three.sealed.key) not in repr(three.sealed)


@pytest.mark.parametrize("size", [0, 5, CHUNK, CHUNK + 5])
def test_a_source_that_is_not_as_long_as_it_was(size: int) -> None:
    for found in {max(0, size - 1), size + 1, size + CHUNK} - {size}:
        with pytest.raises(CoterieError, match="CT-2206"):
            seal(io.BytesIO(pattern(found)), lambda data: None, size=size, dataset="a/b")


def test_memory_is_constant() -> None:
    """48 chunks go through in the space of a few."""
    size = 48 * CHUNK
    whole = io.BytesIO()
    made = seal(Zeros(size), whole.write, size=size, dataset="a/b")
    whole.seek(0)
    tracemalloc.start()
    try:
        open_stream(whole, lambda data: None, made.key, root=made.root)
        whole.seek(0)
        root_of(whole)
        seal(Zeros(size), lambda data: None, size=size, dataset="a/b")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * CHUNK


def test_content_beyond_the_limit_is_not_taken_into_memory(three: Made) -> None:
    with pytest.raises(CoterieError, match="CT-2205"):
        open_in_memory(io.BytesIO(three.data), three.sealed.key, limit=3 * CHUNK - 1)
    assert len(open_in_memory(io.BytesIO(three.data), three.sealed.key, limit=3 * CHUNK)[1]) == 3 * CHUNK


def test_memory_that_there_is_not() -> None:
    with pytest.raises(CoterieError, match="CT-2205"):
        private_memory(1 << 62)
    assert private_memory(0) == b""
    assert private_memory(5) == bytes(5)
