"""Parquet files to Arrow columns of the declared types."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .checks import WORDS, Place, arrow_type, checked_values, first_refused, wrong_type
from .errors import (
    COLUMN_MISSING,
    COLUMN_TWICE,
    EMPTY_TABLE,
    NOT_UTF8,
    PARTS_DIFFER,
    SOURCE_CHANGED,
    SOURCE_DAMAGED,
    TABLE_TOO_LARGE,
    WRONG_TYPE,
)
from .files import check_path
from .parts import Part, Places
from .schema import Column, ColumnType
from .stored import Named, no_columns

__all__ = ["StoredParquet", "StoredTable", "converted", "may_be", "parquet_types"]

R = TypeVar("R")
PIECE = 1 << 20
"""Bytes of a column that are read at once where its rows are taken some at a time."""
MOST_OPEN = 64
"""Files of a folder that stay open from the first look at them to the last."""


class _Opened:
    """One Parquet file. While it stays open, another file may take its place; what is read is of this one."""

    def __init__(self, part: Part, source: pa.NativeFile | None, *, keep: bool) -> None:
        self.part = part
        source = _open(part) if source is None else source
        with _guarded(part.name, lambda: pq.ParquetFile(source)) as file:
            self.schema: pa.Schema = file.schema_arrow
            self.rows: int = file.metadata.num_rows
            self._metadata = file.metadata if keep else None
        self._stamp = _stamp(source)
        self._kept = source if keep else None
        if not keep:
            source.close()

    def read(self, names: Sequence[str]) -> pa.Table:
        """The columns of those names, on one core (CT-1413, CT-1417, CT-1451). Several threads may do so."""
        source = self._kept or _open(self.part)
        try:
            if _stamp(source) != self._stamp:
                raise SOURCE_CHANGED(self.part.name)
            table = self._read(source, list(names))
            if _stamp(source) != self._stamp or table.num_rows != self.rows:
                raise SOURCE_CHANGED(self.part.name)
            return table
        finally:
            if self._kept is None:
                source.close()

    def pieces(self, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """The same, so many rows at a time, however long the file's row groups are."""
        source = self._kept or _open(self.part)
        try:
            if _stamp(source) != self._stamp:
                raise SOURCE_CHANGED(self.part.name)
            # With pre_buffer, Arrow would read all of a row group's column at once.
            opened = partial(pq.ParquetFile, source, buffer_size=PIECE, pre_buffer=False)
            with _guarded(self.part.name, opened) as file:
                batches = file.iter_batches(batch_size=rows, columns=list(names), use_threads=False)
                read = 0
                while (batch := _guarded(self.part.name, lambda: next(batches, None))) is not None:
                    read += batch.num_rows
                    yield pa.Table.from_batches([batch])
            if _stamp(source) != self._stamp or read != self.rows:
                raise SOURCE_CHANGED(self.part.name)
        finally:
            if self._kept is None:
                source.close()

    def _read(self, source: pa.NativeFile, names: list[str]) -> pa.Table:
        # Positions of a file that several threads read are theirs: each reads where it says.
        with _guarded(self.part.name, lambda: pq.ParquetFile(source, metadata=self._metadata)) as file:
            # Equal column names of nested fields can bring in more than was asked for.
            return _guarded(self.part.name, partial(file.read, columns=names, use_threads=False))


class StoredParquet:
    """The files of a Parquet source. Numbers may be stored in another type that holds the same."""

    def __init__(
        self, parts: Sequence[Part], columns: Sequence[Column], content: pa.Buffer | None = None
    ) -> None:
        """Look at what is in the files' own tables of content, and at no value.

        :param content: of the only file, where that is in memory.

        Raises CT-1410 to CT-1417, CT-1420, CT-1421, CT-1425, CT-1430.
        """
        source = None if content is None else pa.BufferReader(content)
        self._files = [_Opened(part, source, keep=len(parts) <= MOST_OPEN) for part in parts]
        for file in self._files:
            self._check(file, columns)
        self.rows = sum(file.rows for file in self._files)
        if self.rows == 0:
            raise EMPTY_TABLE(parts[0].name if parts[0].alone else "all files of the folder")
        self.place = Places(parts, [file.rows for file in self._files], lambda _, row: place_in_parquet(row))

    def _check(self, file: _Opened, columns: Sequence[Column]) -> None:
        first, names = self._files[0].schema, file.schema.names
        for column in columns:
            file.part.refuse_twice(column.name, names)
        for column in file.part.own(columns):
            _check_column(file.schema, column, file.part.at)
            if file.schema.field(column.name).type != first.field(column.name).type:
                raise PARTS_DIFFER(f"column '{column.name}' has another type in {file.part.name}")

    def raw(self, column: Column) -> pa.ChunkedArray:
        """(rows,) one column of its declared type."""
        return next(self._columns([column]))[1]

    def read(self, columns: Sequence[Column]) -> Iterator[Named]:
        """(rows,) of each column, checked; see :class:`Stored`."""
        for (name, values), column in zip(self._columns(columns), columns, strict=True):
            yield name, checked_values(values, column, self.place)

    def settle(self, columns: Sequence[Column]) -> None:
        """Nothing is known of values."""

    def _columns(self, columns: Sequence[Column]) -> Iterator[Named]:
        own = [column.name for column in self._files[0].part.own(columns)]
        tables = [file.read(own) if own else None for file in self._files]
        for column in columns:
            chunks: list[pa.Array] = []
            start = 0
            for file, table in zip(self._files, tables, strict=True):
                if table is None or column.name in file.part.keys:
                    chunks.append(file.part.constant(column, file.rows))
                else:
                    place = partial(self._place_after, start)
                    chunks.extend(converted(table[column.name], column, place).chunks)
                start += file.rows
            yield column.name, pa.chunked_array(chunks, arrow_type(column.type))

    def pieces(self, columns: Sequence[Column], rows: int) -> Iterator[tuple[list[pa.ChunkedArray], Place]]:
        """(at most ``rows``,) of each column as :meth:`raw` gives it, of one file, and where row ``i`` of
        these is. Raises as :meth:`raw`."""
        start = 0
        for file in self._files:
            own = [column.name for column in file.part.own(columns)]
            # Where the folders' names tell all, there is still the number of rows.
            tables = file.pieces(own, rows) if own else _no_columns(file.rows, rows)
            for table in tables:
                place = partial(self._place_after, start)
                yield [_piece(file.part, table, column, place) for column in columns], place
                start += table.num_rows

    def _place_after(self, start: int, row: int) -> str:
        return self.place(start + row)


def _no_columns(count: int, rows: int) -> Iterator[pa.Table]:
    for start in range(0, count, rows):
        yield no_columns(min(rows, count - start))


def _piece(part: Part, table: pa.Table, column: Column, place: Place) -> pa.ChunkedArray:
    if column.name in part.keys:
        return pa.chunked_array([part.constant(column, table.num_rows)])
    return converted(table[column.name], column, place)


class StoredTable:
    """A table in memory, as Parquet would hold it."""

    def __init__(self, table: pa.Table, name: str, columns: Sequence[Column]) -> None:
        """Raises CT-1416, CT-1420, CT-1421, CT-1430."""
        for column in columns:
            _check_column(table.schema, column)
        if table.num_rows == 0:
            raise EMPTY_TABLE(name)
        self._table = table
        self.rows: int = table.num_rows

    def place(self, row: int) -> str:
        return place_in_parquet(row)

    def raw(self, column: Column) -> pa.ChunkedArray:
        """(rows,) one column of its declared type."""
        return converted(self._table[column.name], column, self.place)

    def read(self, columns: Sequence[Column]) -> Iterator[Named]:
        """(rows,) of each column, checked; see :class:`Stored`."""
        for column in columns:
            yield column.name, checked_values(self.raw(column), column, self.place)

    def settle(self, columns: Sequence[Column]) -> None:
        """Nothing is known of values."""


def _open(part: Part) -> pa.NativeFile:
    check_path(part.path)
    return _guarded(part.name, lambda: pa.OSFile(str(part.path), "rb"))


def _stamp(source: pa.NativeFile) -> tuple[int, ...]:
    """Of the file that is open, whatever its name is by now."""
    with contextlib.suppress(AttributeError, OSError, pa.ArrowException):
        status = os.fstat(source.fileno())
        return (status.st_ino, status.st_size, status.st_mtime_ns)
    return ()


def parquet_types(part: Part) -> dict[str, ColumnType | None]:
    """The column type that fits each stored column; None where none does."""
    check_path(part.path)
    with _guarded(part.name, lambda: pq.ParquetFile(part.path)) as file:
        schema = file.schema_arrow
    return {
        field.name: next((kind for kind in _FITTING if _fits(field.type, kind)), None) for field in schema
    }


def place_in_parquet(row: int) -> str:
    return f"row {row + 1}"


_FITTING: tuple[ColumnType, ...] = ("bool", "int", "float", "text")


def _guarded(name: str, read: Callable[[], R]) -> R:
    problem = SOURCE_DAMAGED(f"{name}: it cannot be read as Parquet")
    try:
        return read()
    except (MemoryError, pa.ArrowMemoryError, pa.ArrowCapacityError):
        problem = TABLE_TOO_LARGE(name)
    except (pa.ArrowException, OSError, ValueError):
        pass
    raise problem


def _check_column(stored: pa.Schema, column: Column, at: Callable[[str], str] = str) -> None:
    count = stored.names.count(column.name)
    if count == 0:
        raise COLUMN_MISSING(at(f"'{column.name}'"))
    if count > 1:
        raise COLUMN_TWICE(at(f"'{column.name}'"))
    kind = stored.field(column.name).type
    if not may_be(kind, column):
        where = at(f"column '{column.name}'")
        raise WRONG_TYPE(f"{where}: stored as {kind} where {WORDS[column.type]} is declared")


def may_be(stored: pa.DataType, column: Column) -> bool:
    """Whether values of that type can be such a column's, one by one."""
    return _fits(stored, column.type) or _may_convert(stored, column.type)


def _fits(stored: pa.DataType, kind: ColumnType) -> bool:
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if kind == "int":
        return bool(pa.types.is_integer(stored))
    if kind == "float":
        return bool(pa.types.is_floating(stored) or pa.types.is_decimal(stored))
    if kind == "bool":
        return bool(pa.types.is_boolean(stored))
    return bool(
        pa.types.is_string(stored) or pa.types.is_large_string(stored) or pa.types.is_string_view(stored)
    )


def _may_convert(stored: pa.DataType, kind: ColumnType) -> bool:
    """Whole numbers with gaps are often stored as floats, and floats without fractions as whole numbers."""
    number = pa.types.is_integer(stored) or pa.types.is_floating(stored) or pa.types.is_decimal(stored)
    return bool(pa.types.is_null(stored) or (number and kind in ("int", "float")))


def converted(values: pa.ChunkedArray, column: Column, place: Place) -> pa.ChunkedArray:
    """The values in the declared type, none changed (CT-1414, CT-1430)."""
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if column.type in ("text", "category") and not _valid_utf8(values):
        raise NOT_UTF8(f"column '{column.name}'")
    if column.type == "int" and pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    start = 0
    for chunk in values.chunks:
        if (row := first_refused(chunk, column.type)) is not None:
            raise wrong_type(column, place(start + row), "a number that would change")
        start += len(chunk)
    return pc.cast(values, arrow_type(column.type))


def _valid_utf8(values: pa.ChunkedArray) -> bool:
    try:
        values.validate(full=True)
    except pa.ArrowException:
        return False
    return True
