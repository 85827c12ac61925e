"""Columns that stay where they are until the rows are known, and are then read once, some at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .schema import Column
from .scratch import Scratch, in_memory

__all__ = ["Named", "Stored", "Unread", "gathered", "laid", "no_columns", "taken"]

_CORES = min(8, os.cpu_count() or 1)
_TOGETHER = 8 << 20
"""Bytes of numbers that a core reads at once: more do not make it faster."""
_AT_ONCE = 512 << 20
"""Bytes of numbers, as they are read and as they are taken, that all cores have in memory together."""
_MOST_CHUNKS = 16
"""Rows are taken by number, and looked for in every chunk."""

Named: TypeAlias = "tuple[str, pa.ChunkedArray]"
T = TypeVar("T")
R = TypeVar("R")


class Stored(Protocol):
    """A source that has been opened: it has the columns that were asked for, of types that may fit."""

    @property
    def rows(self) -> int: ...

    def place(self, row: int) -> str:
        """Where row ``row`` (from 0) is in the source, in words."""
        ...

    def raw(self, column: Column) -> pa.ChunkedArray:
        """(rows,) one column of the declared type, whatever its values are: for ids."""
        ...

    def read(self, columns: Sequence[Column]) -> Iterator[Named]:
        """(rows,) of each column, checked, in their order. Several threads MAY do so at once.

        Raises CT-1413, CT-1414, CT-1417, CT-1430, CT-1431, CT-1432; CT-1451 where the source is another one
        than was opened.
        """
        ...

    def settle(self, columns: Sequence[Column]) -> None:
        """Raise what opening has found out of these columns' values (CT-1431, CT-1432)."""
        ...


@dataclass(frozen=True)
class Unread:
    """Columns of a source, none of which has been looked at."""

    stored: Stored
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def num_rows(self) -> int:
        return self.stored.rows

    def select(self, names: Sequence[str]) -> Unread:
        """Those of the columns, in that order."""
        known = {column.name: column for column in self.columns}
        return Unread(self.stored, tuple(known[name] for name in names))

    def values(self) -> Iterator[Named]:
        """(rows,) of each column, checked, in their order, read on all cores; see :meth:`Stored.read`."""
        for group in _in_order(lambda columns: list(self.stored.read(columns)), self.groups(), self.num_rows):
            yield from group

    def groups(self) -> list[tuple[Column, ...]]:
        """The columns, as many together as a core reads at once."""
        together = max(1, _TOGETHER // max(1, 8 * self.stored.rows))
        together = min(together, -(-len(self.columns) // _CORES))
        return [self.columns[at : at + together] for at in range(0, len(self.columns), max(1, together))]


def gathered(source: pa.Table | Unread, rows: NDArray[np.int64] | None, scratch: Scratch | None) -> pa.Table:
    """The rows of those numbers, in that order; all in their order if None. Each column is read once, on all
    cores; a few columns for each core are in memory beside what is kept. A negative number stands for a row
    without values.

    Values are checked in all rows, not in those alone that are taken: what an error says is told to the other
    parties, and which rows are common must not hang on it.

    Raises as :meth:`Stored.read`; CT-1120, CT-1121 from ``scratch``.
    """
    count = source.num_rows if rows is None else len(rows)
    if not source.column_names:
        return no_columns(count)
    wanted = None if rows is None else _numbers(rows, source.num_rows)
    if isinstance(source, Unread):
        stored = source.stored

        def read(columns: tuple[Column, ...]) -> list[Named]:
            return [(name, _taken(values, wanted)) for name, values in stored.read(columns)]

        found = _in_order(read, source.groups(), source.num_rows)
    else:
        table = source

        def take(name: str) -> list[Named]:
            return [(name, _taken(table.column(name), wanted))]

        found = _in_order(take, table.column_names, source.num_rows)
    made = laid((one for group in found for one in group), count, scratch)
    pa.default_memory_pool().release_unused()
    return made


def taken(table: pa.Table, indices: NDArray[np.int64], scratch: Scratch | None) -> pa.Table:
    """The rows of those numbers, in that order. Raises CT-1120, CT-1121."""
    return gathered(table, indices, scratch)


def no_columns(rows: int) -> pa.Table:
    """A table of rows without a column; Arrow would forget how many."""
    return pa.table({"rows": pa.nulls(rows)}).select([])


def laid(columns: Iterable[Named], rows: int, scratch: Scratch | None) -> pa.Table:
    """A table of these columns, on disk where it is long and there is a place. Raises CT-1120, CT-1121."""
    return in_memory(columns) if scratch is None else scratch.table(columns, rows)


def _numbers(rows: NDArray[np.int64], of: int) -> pa.Array:
    """Row numbers as Arrow takes them fastest; null, which takes a null, for negative ones."""
    none = rows < 0
    return pa.array(rows.astype(np.int32) if of < 2**31 else rows, mask=none if none.any() else None)


def _taken(values: pa.ChunkedArray, rows: pa.Array | None) -> pa.ChunkedArray:
    if values.num_chunks > _MOST_CHUNKS:
        values = pa.chunked_array([values.combine_chunks()], values.type)
    return values if rows is None else values.take(rows)


def _in_order(work: Callable[[T], R], items: Sequence[T], rows: int) -> Iterator[R]:
    """What becomes of the items, in their order, on as many cores as there is memory for."""
    cores = min(_CORES, len(items), max(1, _AT_ONCE // max(1, 16 * rows)))
    if cores < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(cores) as pool:
        under_way: deque[Future[R]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                if len(under_way) > cores:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for one in under_way:
                one.cancel()
