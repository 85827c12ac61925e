"""The ids of a table some at a time, for tables whose ids are too many for memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from .checks import Place
from .csv_table import check_headers, place_in_csv, typed_batches
from .errors import EMPTY_TABLE, ID_DUPLICATE, ID_NONE, ROWS_DIFFER, ROWS_NOT_TAKEN, SOURCE_CHANGED
from .ids import Policy, column_words, id_tags, present
from .parquet_table import StoredParquet
from .parts import Part, parts_of, stamp_of
from .schema import Column, CsvSource, DatasetFacts, DatasetSpec, SqlSource

__all__ = ["Counted", "check_repeats", "counted", "id_batches"]

BLOCK = 1 << 22
"""Bytes of CSV in one block. Arrow reads up to 36 blocks ahead: 150 MB."""


def id_batches(spec: DatasetSpec, *, rows: int = 1 << 20) -> Generator[pa.LargeStringArray, None, int]:
    """(at most ``rows``,) ids as :func:`coterie.data.load` gives them, in the order of the source:
    normalised, rows without an id refused or left out as the spec declares. Where a row repeats an id, that
    comes again: who has counted the different ones asks :func:`check_repeats`.

    Returns, when all are given, how many rows were read.

    Memory: a batch of ids and what is read ahead, however long the source is.

    Raises as ``load`` of the id columns, for the first thing that is wrong, less CT-1440; CT-1413 also for a
    row of CSV of more than 4 MiB; CT-1451 where the source has changed since the first batch.
    """
    if isinstance(spec.source, SqlSource):
        raise ROWS_NOT_TAKEN("a query is no file")
    path = Path(spec.source.path)
    stamp, policy = stamp_of(path), Policy.of(spec)
    parts = parts_of(path)
    if isinstance(spec.source, CsvSource):
        pieces = _of_csv(spec.source, parts, spec.id_columns, rows)
    else:
        pieces = StoredParquet(parts, spec.id_columns).pieces(spec.id_columns, rows)
    read = given = 0
    for raw, place in pieces:
        ids, _ = present(raw, policy, place)
        read, given = read + len(raw[0]), given + len(ids)
        if len(ids):
            yield ids
    if stamp_of(path) != stamp:
        raise SOURCE_CHANGED(path.name)
    if not read:
        raise EMPTY_TABLE(parts[0].name if parts[0].alone else "all files of the folder")
    if not given:
        raise ID_NONE(f"in {read} rows")
    return read


class Counted(NamedTuple):
    """What a table is that has ids alone, all different."""

    rows: int
    """With an id."""
    without_id: int


def counted(spec: DatasetSpec) -> Counted | None:
    """The numbers of a table whose only columns are its ids; None where two of them are equal, or seem to be
    by a chance of n^2 / 2^65.

    Memory: 16 bytes for each id, and what :func:`id_batches` takes. Raises as that.
    """
    batches, tags, read = id_batches(spec), [], None
    while read is None:
        try:
            tags.append(id_tags(next(batches)))
        except StopIteration as end:
            read = int(end.value)
    words = np.concatenate(tags)
    tags.clear()
    words.sort()
    if (words[1:] == words[:-1]).any():
        return None
    return Counted(len(words), read - len(words))


def _of_csv(
    source: CsvSource, parts: Sequence[Part], columns: Sequence[Column], rows: int
) -> Iterator[tuple[list[pa.ChunkedArray], Place]]:
    """(at most ``rows``,) of each column, of one file, and where row ``i`` of these is."""
    check_headers(source, parts, columns)
    for part in parts:
        start = 0
        for block in typed_batches(source, part, part.own(columns), stream=True, block=BLOCK):
            for at in range(0, block.num_rows, rows):
                piece = block.slice(at, rows)
                raw = [
                    part.constant(column, len(piece)) if column.name in part.keys else piece[column.name]
                    for column in columns
                ]
                yield (
                    [pa.chunked_array([values]) for values in raw],
                    partial(_place, source, part, start + at),
                )
            start += block.num_rows


def _place(source: CsvSource, part: Part, start: int, row: int) -> str:
    return part.at(place_in_csv(source, part)(start + row))


def check_repeats(spec: DatasetSpec, facts: DatasetFacts, given: int, different: int) -> None:
    """Refuse what :func:`id_batches` has given where ids repeat that must not, or the different ones are not
    as many as there were when the table was registered.

    Raises CT-1440, without the rows: they are not known; CT-1450.
    """
    if spec.duplicates == "refuse" and different < given:
        what = f"{column_words(spec.id_columns)}, {given - different} of {given} rows"
        raise ID_DUPLICATE(f"{what}, compared by the id rule")
    if different != facts.distinct:
        raise ROWS_DIFFER(f"{different} different ids in '{spec.name}', and not {facts.distinct}")
