"""Columns that are too long for memory: on disk for as long as a job runs, read as if they were in memory.

A job makes new tables of its rows several times over: aligned, filled, split, scaled. Where those are long,
their columns are written to a file one after another, and the file is mapped. What is read of it may be taken
out of memory at any time (:meth:`Scratch.release`); it is read again when it is asked for.
"""

from __future__ import annotations

import contextlib
import mmap
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from coterie.crypto import write_error

__all__ = ["LONG", "Scratch", "in_memory", "table_needs"]

LONG = 1 << 17
"""Rows from which on a table goes to the disk: a column of a megabyte."""
_ALIGNMENT = 64


class Scratch:
    """A job's place for its tables. The files have no names and mode 0600: they are gone with their tables,
    and with the process, however that ends.
    """

    def __init__(self, folder: Path, rows: int | None = None) -> None:
        """:param folder: made where it is missing.
        :param rows: tables of so many rows go to the disk, shorter ones stay in memory (:data:`LONG`).
        """
        self.folder = folder
        self._long = LONG if rows is None else rows
        self._maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()

    def table(self, columns: Iterable[tuple[str, pa.ChunkedArray]], rows: int) -> pa.Table:
        """A table of these columns, one chunk each, made one after another. Errors: CT-1120, CT-1121.

        :param rows: of every column.
        """
        if rows < self._long:
            return in_memory(columns)
        with self._file() as file:
            places = list(self._written(file, columns))
            file.flush()
            return self._mapped(file, places)

    def joined(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
        """A table of these rows, a chunk for each batch. Errors: CT-1120, CT-1121."""
        with self._file() as file:
            with pa.ipc.new_stream(file, schema) as stream:
                for batch in batches:
                    stream.write_batch(batch)
            file.flush()
            return pa.ipc.open_stream(pa.BufferReader(self._map(file))).read_all()

    @contextlib.contextmanager
    def _file(self) -> Iterator[BinaryIO]:
        """A file without a name. Errors: CT-1120, CT-1121."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as file:
                yield file
        except OSError as error:
            raise write_error(self.folder / "table", error) from error

    def _map(self, file: BinaryIO) -> pa.Buffer:
        mapped = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        self._maps.add(mapped)
        return pa.py_buffer(mapped)

    def _mapped(self, file: BinaryIO, places: list[tuple[str, int]]) -> pa.Table:
        if not places:
            return pa.table({})
        whole = self._map(file)
        columns = {}
        for name, start in places:
            stream = pa.ipc.open_stream(pa.BufferReader(whole.slice(start)))
            columns[name] = stream.read_all().column(0)
        return pa.table(columns)

    def release(self) -> None:
        """Let go of what is in memory of all tables. They stay as they are."""
        for mapped in list(self._maps):
            mapped.madvise(mmap.MADV_DONTNEED)

    def _written(
        self, file: BinaryIO, columns: Iterable[tuple[str, pa.ChunkedArray]]
    ) -> Iterator[tuple[str, int]]:
        """Write each column as an Arrow stream of its own; its name and where it begins."""
        for name, column in columns:
            file.write(bytes(-file.tell() % _ALIGNMENT))
            start = file.tell()
            part = pa.table({"values": _one_chunk(column)})
            with pa.ipc.new_stream(file, part.schema) as stream:
                stream.write_table(part)
            self.release()
            yield name, start


def table_needs(rows: int, columns: int) -> tuple[int, int]:
    """Bytes of memory and of disk that a table of numbers takes."""
    size, column = 8 * rows * columns, 8 * rows
    return (size, 0) if rows < LONG else (column, size)


def in_memory(columns: Iterable[tuple[str, pa.ChunkedArray]]) -> pa.Table:
    """The same, in memory."""
    return pa.table({name: _one_chunk(column) for name, column in columns})


def _one_chunk(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray:
    """Rows are taken by number, which is slow across chunks."""
    if isinstance(column, pa.Array):
        return pa.chunked_array([column])
    if column.num_chunks == 1:
        return column
    return pa.chunked_array([column.combine_chunks()], column.type)
