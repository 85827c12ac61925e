"""CSV files to Arrow columns: Arrow's own reader, and a second look that says what is wrong and where."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from coterie.errors import CoterieError

from .checks import ARROW_TYPES, first_refused, kind_of_text, wrong_type
from .errors import (
    COLUMN_MISSING,
    COLUMN_TWICE,
    EMPTY_TABLE,
    HEADER_REPEATED,
    ROW_BROKEN,
    SOURCE_DAMAGED,
    TABLE_TOO_LARGE,
)
from .files import CheckedText, open_bytes
from .schema import Column, CsvSource
from .scratch import Scratch

__all__ = ["place_in_csv", "read_csv", "read_header", "text_batches"]

BLOCK = 1 << 22
HEADER_LIMIT = 1 << 22
LARGE = 32 << 20
"""Bytes from which on a file's table is not put together in memory."""

R = TypeVar("R")


def read_csv(
    source: CsvSource, path: Path, columns: Sequence[Column], scratch: Scratch | None = None
) -> pa.Table:
    """The declared columns, of the declared types, nulls as nulls. No other column is converted.

    :param scratch: where the table of a large file is put together, block by block.

    Raises CT-1410 to CT-1417, CT-1420, CT-1421, CT-1423, CT-1430; CT-1120, CT-1121 from ``scratch``.
    """
    _check_header(read_header(source, path), columns)
    place = scratch if path.stat().st_size >= LARGE else None
    with CheckedText(path) as text:
        table = _guarded(text, lambda: _arrow_csv(text, source, columns, place))
        odd_quotes = text.quotes % 2 == 1
    if table is None:
        raise _diagnosis(source, path, columns)
    if odd_quotes and (line := _open_quote(source, path)):
        # Arrow takes the rest of the file for the text of one cell.
        raise _quote_left_open(line)
    if table.num_rows == 0:
        raise EMPTY_TABLE(path.name)
    return table


def read_header(source: CsvSource, path: Path) -> list[str]:
    """The names in the header line (CT-1410 to CT-1416)."""
    with CheckedText(path) as text:
        start = text.read(HEADER_LIMIT)
        if not text.read(1) and start.strip() == b"":
            raise EMPTY_TABLE(f"{path.name}: the file is empty")
    # Text that was cut inside a character is only the tail, which is not the header.
    lines = io.StringIO(start.decode("utf-8-sig", errors="ignore"), newline="")
    header: list[str] | None = None
    with contextlib.suppress(csv.Error):
        header = next((record for record in csv.reader(lines, delimiter=source.delimiter) if record), None)
    if header is None or sum(map(len, header)) >= HEADER_LIMIT - 4:
        raise SOURCE_DAMAGED(f"{path.name}: no header line in the first {HEADER_LIMIT} bytes")
    return header


def text_batches(source: CsvSource, path: Path, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The named columns as text, block by block. Raises as :func:`read_csv`, less what concerns types."""
    with CheckedText(path) as text:
        reader = _Rows(text, source, names)
        yield from reader.batches()
    if reader.stopped:
        raise reader.explain(path)


def place_in_csv(source: CsvSource, path: Path) -> Callable[[int], str]:
    """Says on which line of the file row ``i`` starts; quoted line breaks and empty lines count too."""

    def place(row: int) -> str:
        line = _line_of(source, path, row)
        return f"row {row + 1}" if line is None else f"line {line}"

    return place


def _check_header(header: Sequence[str], columns: Sequence[Column]) -> None:
    folded = {name.strip().casefold() for name in header}
    for column in columns:
        count = header.count(column.name)
        if count > 1:
            raise COLUMN_TWICE(f"'{column.name}'")
        if count == 0:
            # Other names of the header are not told: they were not declared, and the first line may be data.
            hint = ""
            if column.name.strip().casefold() in folded:
                hint = "; the header has it with other capitals or with spaces"
            elif len(header) == 1:
                hint = "; the header has a single column: is the delimiter right?"
            raise COLUMN_MISSING(f"'{column.name}'{hint}")


def _guarded(text: CheckedText, read: Callable[[], R]) -> R | None:
    """The result, or None where Arrow refused the content.

    Arrow's messages quote cells, so they are dropped here and none is chained to an error of ours.
    """
    too_large = False
    result: R | None = None
    try:
        result = read()
    except (MemoryError, pa.ArrowMemoryError, pa.ArrowCapacityError):
        too_large = True
    except CoterieError:
        if text.failure is None:  # of the disk on which the table is put together
            raise
    except (pa.ArrowException, OSError, ValueError):
        pass
    if text.failure is not None:
        raise text.failure
    if too_large:
        raise TABLE_TOO_LARGE(text.name)
    return result


def _parse_options(
    source: CsvSource, on_broken: Callable[[pacsv.InvalidRow], str] | None = None
) -> pacsv.ParseOptions:
    return pacsv.ParseOptions(
        delimiter=source.delimiter, newlines_in_values=True, invalid_row_handler=on_broken
    )


def _convert_options(source: CsvSource, types: dict[str, pa.DataType]) -> pacsv.ConvertOptions:
    return pacsv.ConvertOptions(
        check_utf8=False,  # CheckedText has done it
        column_types=types,
        include_columns=list(types),
        null_values=list(source.nulls),
        strings_can_be_null=True,
    )


def _arrow_csv(
    text: CheckedText, source: CsvSource, columns: Sequence[Column], scratch: Scratch | None
) -> pa.Table:
    options = {
        "read_options": pacsv.ReadOptions(block_size=BLOCK),
        "parse_options": _parse_options(source),
        "convert_options": _convert_options(
            source, {column.name: ARROW_TYPES[column.type] for column in columns}
        ),
    }
    if scratch is None:
        return pacsv.read_csv(text, **options)
    with pacsv.open_csv(text, **options) as reader:
        return scratch.joined(reader.schema, reader)


class _Rows:
    """Columns as text, in order, remembering the first row of a wrong length."""

    def __init__(self, text: CheckedText, source: CsvSource, names: Sequence[str]) -> None:
        self._text = text
        self._source = source
        self._types = {name: pa.large_string() for name in names}
        self._broken: pacsv.InvalidRow | None = None
        self.stopped = False
        """Arrow refused the content before its end."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        reader = _guarded(self._text, self._open)
        self.stopped = reader is None
        if reader is None:
            return
        with reader:
            while (batch := _guarded(self._text, lambda: next(reader, _END))) is not _END:
                if batch is None:
                    self.stopped = True
                    return
                yield batch

    def _open(self) -> pacsv.CSVStreamingReader:
        return pacsv.open_csv(
            self._text,
            read_options=pacsv.ReadOptions(block_size=BLOCK, use_threads=False),  # rows are numbered only so
            parse_options=_parse_options(self._source, self._remember),
            convert_options=_convert_options(self._source, self._types),
        )

    def _remember(self, row: pacsv.InvalidRow) -> str:
        self._broken = self._broken or row
        return "error"

    def explain(self, path: Path) -> CoterieError:
        """Why Arrow stopped."""
        quote = _open_quote(self._source, path)
        row = self._broken
        line = None if row is None or not row.number else _line_of(self._source, path, row.number - 2)
        if quote is not None and (row is None or quote == line):
            return _quote_left_open(quote)
        if row is not None:
            where = "a row" if line is None else f"line {line}"
            return ROW_BROKEN(
                f"{where}: {row.actual_columns} cells where the header has {row.expected_columns}"
            )
        if _line_of(self._source, path, 0) is None:
            return EMPTY_TABLE(path.name)
        return SOURCE_DAMAGED(f"{path.name}: it cannot be read as CSV")


_END = object()


def _diagnosis(source: CsvSource, path: Path, columns: Sequence[Column]) -> CoterieError:
    """Read once more, as text and in order, to find the first value that does not convert."""
    with CheckedText(path) as text:
        rows = _Rows(text, source, [column.name for column in columns])
        before = 0
        for batch in rows.batches():
            found = [
                (row, column)
                for column in columns
                if (row := first_refused(pc.utf8_trim_whitespace(batch[column.name]), column.type))
                is not None
            ]
            if found:
                row, column = min(found, key=lambda one: one[0])
                where = place_in_csv(source, path)(before + row)
                cell = batch[column.name][row].as_py()
                if cell == column.name:
                    return HEADER_REPEATED(where)
                if "\n" in cell and (quote := _open_quote(source, path)) is not None:
                    return _quote_left_open(quote)
                return wrong_type(column, where, kind_of_text(cell))
            before += batch.num_rows
    return rows.explain(path)


_SENTINEL = "\0end"  # a zero byte cannot be in a CheckedText


def _records(source: CsvSource, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it starts on, the header first, and a sentinel after the last."""
    with io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(itertools.chain(text, ["\n", _SENTINEL]), delimiter=source.delimiter)
        start = 1
        for record in reader:
            if record:
                yield start, record
            start = reader.line_num + 1


def _line_of(source: CsvSource, path: Path, row: int) -> int | None:
    """The line on which data row ``row`` (from 0) starts; None where it cannot be told."""
    try:
        for number, (line, record) in enumerate(_records(source, path), start=-1):
            if number == row:
                return None if record == [_SENTINEL] else line
    except csv.Error:  # a cell of more than 128 KiB
        pass
    return None


def _open_quote(source: CsvSource, path: Path) -> int | None:
    """The line of a record whose quotation mark is still open at the end of the file."""
    last: tuple[int, list[str]] = (1, [])
    following = 1
    try:
        for last in _records(source, path):
            following = last[0] + 1
    except csv.Error:
        return following
    return None if last[1] == [_SENTINEL] else last[0]


def _quote_left_open(line: int) -> CoterieError:
    return ROW_BROKEN(f"a quotation mark is opened in line {line} and never closed")
