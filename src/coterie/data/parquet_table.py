"""Parquet files to Arrow columns of the declared types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .checks import ARROW_TYPES, WORDS, first_refused, wrong_type
from .errors import (
    COLUMN_MISSING,
    COLUMN_TWICE,
    EMPTY_TABLE,
    NOT_UTF8,
    SOURCE_DAMAGED,
    TABLE_TOO_LARGE,
    WRONG_TYPE,
)
from .files import check_path
from .schema import Column, ColumnType

__all__ = ["opened_parquet", "parquet_types", "place_in_parquet", "read_parquet", "table_columns"]

R = TypeVar("R")
TOGETHER = 8
"""Columns of a file in memory that are read at once, on all cores."""
Columns: TypeAlias = Iterator[tuple[str, pa.ChunkedArray]]


def read_parquet(path: Path, columns: Sequence[Column]) -> Columns:
    """The declared columns, one after another, so that no more than one need be in memory. Numbers may be
    stored in another type that holds the same values exactly.

    Raises CT-1410 to CT-1417, CT-1420, CT-1421, CT-1430: all that the file's schema shows before the first
    column.
    """
    check_path(path)
    yield from _columns(path, path.name, columns)


def opened_parquet(content: pa.Buffer, name: str, columns: Sequence[Column]) -> Columns:
    """The same of a Parquet file in memory, which is ``name`` in errors. Raises CT-1413 and the codes after
    it."""
    yield from _columns(pa.BufferReader(content), name, columns, TOGETHER)


def table_columns(table: pa.Table, name: str, columns: Sequence[Column]) -> Columns:
    """The same of a table in memory, as Parquet would hold it.

    Raises CT-1416, CT-1420, CT-1421, CT-1430.
    """
    for column in columns:
        _check_column(table.schema, column)
    if table.num_rows == 0:
        raise EMPTY_TABLE(name)
    for column in columns:
        yield column.name, _converted(table[column.name], column)


def _columns(
    source: Path | pa.BufferReader, name: str, columns: Sequence[Column], together: int = 1
) -> Columns:
    with _guarded(name, lambda: pq.ParquetFile(source)) as file:
        stored = file.schema_arrow
        for column in columns:
            _check_column(stored, column)
        if file.metadata.num_rows == 0:
            raise EMPTY_TABLE(name)
        for start in range(0, len(columns), together):
            group = columns[start : start + together]
            table = _guarded(name, partial(file.read, columns=[column.name for column in group]))
            for column in group:
                # Equal column names of nested fields can bring in more than was asked for.
                yield column.name, _converted(table[column.name], column)


def parquet_types(path: Path) -> dict[str, ColumnType | None]:
    """The column type that fits each stored column; None where none does."""
    check_path(path)
    with _guarded(path.name, lambda: pq.ParquetFile(path)) as file:
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


def _check_column(stored: pa.Schema, column: Column) -> None:
    count = stored.names.count(column.name)
    if count == 0:
        raise COLUMN_MISSING(f"'{column.name}'")
    if count > 1:
        raise COLUMN_TWICE(f"'{column.name}'")
    kind = stored.field(column.name).type
    if not (_fits(kind, column.type) or _may_convert(kind, column.type)):
        raise WRONG_TYPE(f"column '{column.name}': stored as {kind} where {WORDS[column.type]} is declared")


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


def _converted(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if column.type in ("text", "category") and not _valid_utf8(values):
        raise NOT_UTF8(f"column '{column.name}'")
    if column.type == "int" and pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    start = 0
    for chunk in values.chunks:
        if (row := first_refused(chunk, column.type)) is not None:
            raise wrong_type(column, place_in_parquet(start + row), "a number that would change")
        start += len(chunk)
    return pc.cast(values, ARROW_TYPES[column.type])


def _valid_utf8(values: pa.ChunkedArray) -> bool:
    try:
        values.validate(full=True)
    except pa.ArrowException:
        return False
    return True
