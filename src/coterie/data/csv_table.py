"""CSV files to Arrow columns: Arrow's own reader, and a second look that says what is wrong and where."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from coterie.errors import CoterieError

from .checks import arrow_type, checked_values, first_refused, kind_of_text, wrong_type
from .errors import (
    COLUMN_MISSING,
    COLUMN_TWICE,
    EMPTY_TABLE,
    HEADER_REPEATED,
    PARTS_DIFFER,
    ROW_BROKEN,
    SOURCE_DAMAGED,
    TABLE_TOO_LARGE,
)
from .files import CheckedText, open_bytes
from .parts import Part, Places
from .schema import Column, CsvSource
from .scratch import Scratch
from .stored import Named

__all__ = ["StoredCsv", "check_headers", "place_in_csv", "read_header", "text_batches", "typed_batches"]

BLOCK = 1 << 24
HEADER_LIMIT = 1 << 22
LARGE = 32 << 20
"""Bytes from which on a file's table is not put together in memory."""

R = TypeVar("R")


class StoredCsv:
    """The files of a CSV source, whose cells come row by row: all that is asked for is converted at once,
    checked block by block, and kept; of large files on the disk.
    """

    def __init__(
        self, source: CsvSource, parts: Sequence[Part], columns: Sequence[Column], scratch: Scratch | None
    ) -> None:
        """Raises CT-1410 to CT-1417, CT-1420, CT-1421, CT-1423, CT-1425, CT-1430; CT-1120, CT-1121 from
        ``scratch``.
        """
        self._source, self._columns = source, {column.name: column for column in columns}
        self._refused: dict[str, CoterieError] = {}
        self._rows: list[int] = []
        self._parts = parts
        check_headers(source, parts, columns)
        schema = pa.schema([(column.name, arrow_type(column.type)) for column in columns])
        large = scratch is not None and sum(part.path.stat().st_size for part in parts) >= LARGE
        if scratch is not None and large:
            self._table = scratch.joined(schema, self._batches(stream=True))
        else:
            self._table = pa.Table.from_batches(self._batches(stream=False), schema)
        self.rows: int = self._table.num_rows
        if self.rows == 0:
            raise EMPTY_TABLE(parts[0].name if parts[0].alone else "all files of the folder")
        self.place = Places(parts, self._rows, self._line)

    def raw(self, column: Column) -> pa.ChunkedArray:
        """(rows,) one column of its declared type."""
        return self._table[column.name]

    def read(self, columns: Sequence[Column]) -> Iterator[Named]:
        """(rows,) of each column, checked; see :class:`Stored`."""
        self.settle(columns)
        for column in columns:
            yield column.name, self._table[column.name]

    def settle(self, columns: Sequence[Column]) -> None:
        """Raise what was found out of these columns' values while they were read (CT-1431, CT-1432)."""
        for column in columns:
            if (refused := self._refused.get(column.name)) is not None:
                raise refused

    def _line(self, part: Part, row: int) -> str:
        return place_in_csv(self._source, part)(row)

    def _batches(self, *, stream: bool) -> Iterator[pa.RecordBatch]:
        for part in self._parts:
            own = part.own(list(self._columns.values()))
            rows = 0
            for batch in typed_batches(self._source, part, own, stream=stream):
                yield self._checked(part, batch, rows)
                rows += batch.num_rows
            self._rows.append(rows)

    def _checked(self, part: Part, batch: pa.RecordBatch, before: int) -> pa.RecordBatch:
        """The block with NaN turned to null. What is wrong with a value is told when the ids are known."""
        made = []
        for column in self._columns.values():
            told = column.name in part.keys
            values = part.constant(column, batch.num_rows) if told else batch[column.name]
            try:
                made.append(values if column.role == "id" else self._values(part, values, column, before))
            except CoterieError as error:
                self._refused.setdefault(column.name, error)
                made.append(values)
        return pa.record_batch(made, list(self._columns))

    def _values(self, part: Part, values: pa.Array, column: Column, before: int) -> pa.Array:
        return checked_values(values, column, lambda row: part.at(self._line(part, before + row)))


def check_headers(source: CsvSource, parts: Sequence[Part], columns: Sequence[Column]) -> None:
    """Raise CT-1410 to CT-1416, CT-1420, CT-1421, CT-1425 where the files do not have these columns, each
    file the same.
    """
    headers = [read_header(source, part) for part in parts]
    for part, header in zip(parts, headers, strict=True):
        for column in columns:
            part.refuse_twice(column.name, header)
        _check_header(header, part.own(columns), part)
        if header != headers[0]:
            raise PARTS_DIFFER(f"{part.at('the header')} is not that of {parts[0].name}")


def typed_batches(
    source: CsvSource, part: Part, columns: Sequence[Column], *, stream: bool, block: int = BLOCK
) -> Iterator[pa.RecordBatch]:
    """The declared columns, of the declared types, nulls as nulls. No other column is converted.

    :param stream: block by block, or all of a small file at once, which is on all cores.
    :param block: bytes of a block. Arrow reads some 36 of them ahead of who takes them slowly.
    """
    with CheckedText(part.path, part.name) as text:
        reader = _guarded(text, lambda: _open_typed(text, source, columns, stream=stream, block=block))
        stopped = reader is None
        while reader is not None and (batch := _guarded(text, lambda: next(reader, _END))) is not _END:
            if batch is None:
                stopped = True
                break
            yield batch
        odd_quotes = text.quotes % 2 == 1
    if stopped:
        raise _diagnosis(source, part, columns)
    if odd_quotes and (line := _open_quote(source, part)):
        # Arrow takes the rest of the file for the text of one cell.
        raise _quote_left_open(line, part)


def read_header(source: CsvSource, part: Part) -> list[str]:
    """The names in the header line (CT-1410 to CT-1416)."""
    with CheckedText(part.path, part.name) as text:
        start = text.read(HEADER_LIMIT)
        if not text.read(1) and start.strip() == b"":
            raise EMPTY_TABLE(f"{part.name}: the file is empty")
    # Text that was cut inside a character is only the tail, which is not the header.
    lines = io.StringIO(start.decode("utf-8-sig", errors="ignore"), newline="")
    header: list[str] | None = None
    with contextlib.suppress(csv.Error):
        header = next((record for record in csv.reader(lines, delimiter=source.delimiter) if record), None)
    if header is None or sum(map(len, header)) >= HEADER_LIMIT - 4:
        raise SOURCE_DAMAGED(f"{part.name}: no header line in the first {HEADER_LIMIT} bytes")
    return header


def text_batches(source: CsvSource, part: Part, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The named columns as text, block by block. Raises as :class:`StoredCsv`, less what concerns types."""
    with CheckedText(part.path, part.name) as text:
        reader = _Rows(text, source, names)
        yield from reader.batches()
    if reader.stopped:
        raise reader.explain(part)


def place_in_csv(source: CsvSource, part: Part) -> Callable[[int], str]:
    """Says on which line of the file row ``i`` starts; quoted line breaks and empty lines count too."""

    def place(row: int) -> str:
        line = _line_of(source, part, row)
        return f"row {row + 1}" if line is None else f"line {line}"

    return place


def _check_header(header: Sequence[str], columns: Sequence[Column], part: Part) -> None:
    folded = {name.strip().casefold() for name in header}
    for column in columns:
        count = header.count(column.name)
        if count > 1:
            raise COLUMN_TWICE(part.at(f"'{column.name}'"))
        if count == 0:
            # Other names of the header are not told: they were not declared, and the first line may be data.
            hint = ""
            if column.name.strip().casefold() in folded:
                hint = "; the header has it with other capitals or with spaces"
            elif len(header) == 1:
                hint = "; the header has a single column: is the delimiter right?"
            raise COLUMN_MISSING(part.at(f"'{column.name}'") + hint)


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


def _open_typed(
    text: CheckedText, source: CsvSource, columns: Sequence[Column], *, stream: bool, block: int
) -> Iterator[pa.RecordBatch]:
    types = {column.name: arrow_type(column.type) for column in columns}
    options = {
        "read_options": pacsv.ReadOptions(block_size=block),
        "parse_options": _parse_options(source),
        "convert_options": _convert_options(source, types),
    }
    if stream:
        return iter(pacsv.open_csv(text, **options))
    return iter(pacsv.read_csv(text, **options).to_batches())


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

    def explain(self, part: Part) -> CoterieError:
        """Why Arrow stopped."""
        quote = _open_quote(self._source, part)
        row = self._broken
        line = None if row is None or not row.number else _line_of(self._source, part, row.number - 2)
        if quote is not None and (row is None or quote == line):
            return _quote_left_open(quote, part)
        if row is not None:
            where = part.at("a row" if line is None else f"line {line}")
            return ROW_BROKEN(
                f"{where}: {row.actual_columns} cells where the header has {row.expected_columns}"
            )
        if _line_of(self._source, part, 0) is None:
            return EMPTY_TABLE(part.name)
        return SOURCE_DAMAGED(f"{part.name}: it cannot be read as CSV")


_END = object()


def _diagnosis(source: CsvSource, part: Part, columns: Sequence[Column]) -> CoterieError:
    """Read once more, as text and in order, to find the first value that does not convert."""
    with CheckedText(part.path, part.name) as text:
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
                where = part.at(place_in_csv(source, part)(before + row))
                cell = batch[column.name][row].as_py()
                if cell == column.name:
                    return HEADER_REPEATED(where)
                if "\n" in cell and (quote := _open_quote(source, part)) is not None:
                    return _quote_left_open(quote, part)
                return wrong_type(column, where, kind_of_text(cell))
            before += batch.num_rows
    return rows.explain(part)


_SENTINEL = "\0end"  # a zero byte cannot be in a CheckedText


def _records(source: CsvSource, part: Part) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it starts on, the header first, and a sentinel after the last."""
    with io.TextIOWrapper(open_bytes(part.path), encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(itertools.chain(text, ["\n", _SENTINEL]), delimiter=source.delimiter)
        start = 1
        for record in reader:
            if record:
                yield start, record
            start = reader.line_num + 1


def _line_of(source: CsvSource, part: Part, row: int) -> int | None:
    """The line on which data row ``row`` (from 0) starts; None where it cannot be told."""
    try:
        for number, (line, record) in enumerate(_records(source, part), start=-1):
            if number == row:
                return None if record == [_SENTINEL] else line
    except csv.Error:  # a cell of more than 128 KiB
        pass
    return None


def _open_quote(source: CsvSource, part: Part) -> int | None:
    """The line of a record whose quotation mark is still open at the end of the file."""
    last: tuple[int, list[str]] = (1, [])
    following = 1
    try:
        for last in _records(source, part):
            following = last[0] + 1
    except csv.Error:
        return following
    return None if last[1] == [_SENTINEL] else last[0]


def _quote_left_open(line: int, part: Part) -> CoterieError:
    return ROW_BROKEN(f"a quotation mark is opened in {part.at(f'line {line}')} and never closed")
