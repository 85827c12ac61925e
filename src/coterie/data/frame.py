"""A table that is spread over parties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .errors import (
    COLUMN_UNDECLARED,
    FRAME_INVALID,
    LABEL_ELSEWHERE,
    LABEL_NOT_BINARY,
    LABEL_NULL,
    NOT_NUMERIC,
)
from .scratch import Scratch, in_memory

__all__ = ["VerticalFrame", "laid", "taken"]


@dataclass(frozen=True)
class VerticalFrame:
    """One party's part of a table: rows are the same at all parties, columns are spread over them."""

    rows: int
    columns: Mapping[str, tuple[str, ...]]
    """Feature columns of every party, in model order. Equal at all parties."""
    label_holder: str
    label: str
    table: pa.Table
    """The own columns: (rows, own features and, at its holder, the label), in the common row order."""
    keys: NDArray[np.uint8]
    """(rows, 32): keyed hashes of the common ids. Equal at all parties."""
    scratch: Scratch | None = field(default=None, repr=False, compare=False)
    """Where long tables that are made of this one lie; None for memory."""

    def __post_init__(self) -> None:
        if self.keys.shape != (self.rows, 32) or self.keys.dtype != np.uint8:
            raise FRAME_INVALID(
                f"{self.rows} rows, but keys of shape {self.keys.shape} and {self.keys.dtype}"
            )
        if self.table.num_rows != self.rows:
            raise FRAME_INVALID(f"{self.rows} rows, but a table of {self.table.num_rows}")

    def matrix(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Own columns as (rows, len(columns)) float64 in C order; a null becomes NaN, true and false 1 and 0.

        Raises CT-1422 for a column that is not in the own table and CT-1433 for text.
        """
        result = np.empty((self.rows, len(columns)), np.float64)
        for index, name in enumerate(columns):
            result[:, index] = _numbers(self._column(name), name)
        if self.scratch is not None:
            self.scratch.release()
        return result

    def target(self) -> NDArray[np.float64]:
        """The label as (rows,) numbers.

        Raises CT-1501 for a null, CT-1433 for text, CT-1503 where this party does not hold the label.
        """
        if self.label not in self.table.column_names:
            raise LABEL_ELSEWHERE(f"column '{self.label}' is at {self.label_holder}")
        if self.table[self.label].null_count:
            raise LABEL_NULL(f"column '{self.label}'")
        return self.matrix([self.label])[:, 0]

    def labels(self) -> NDArray[np.int8]:
        """The label as (rows,) int8 of zeros and ones.

        Raises CT-1501 for a null, CT-1502 for other values, CT-1503 where this party does not hold the label.
        """
        if self.label not in self.table.column_names:
            raise LABEL_ELSEWHERE(f"column '{self.label}' is at {self.label_holder}")
        values = self.table[self.label]
        if values.null_count:
            raise LABEL_NULL(f"column '{self.label}'")
        if pa.types.is_large_string(values.type):
            raise LABEL_NOT_BINARY(f"column '{self.label}' holds texts")
        numbers = _numbers(values, self.label)
        binary = (numbers == 0) | (numbers == 1)
        if not binary.all():
            different = len(np.unique(numbers))
            count = str(different) if different <= 10 else "more than 10"
            raise LABEL_NOT_BINARY(f"column '{self.label}' holds {count} different values")
        return numbers.astype(np.int8)

    def take(self, indices: NDArray[np.int64]) -> VerticalFrame:
        """The rows of those numbers, in that order."""
        table = taken(self.table, indices, self.scratch)
        return replace(self, rows=len(indices), table=table, keys=self.keys[indices])

    def with_columns(
        self, values: Mapping[str, NDArray[np.float64]] | Iterable[tuple[str, NDArray[np.float64]]]
    ) -> VerticalFrame:
        """The frame with those own columns replaced by (rows,) float64 each; NaN is stored as null.

        :param values: by name; or pairs, which are asked for one after another, so that long columns need not
            be in memory together.

        Raises CT-1422 for a column that is not in the own table, CT-1504 for an array of another shape.
        """

        def columns() -> Iterator[tuple[str, pa.ChunkedArray]]:
            for name, numbers in values.items() if isinstance(values, Mapping) else values:
                if numbers.shape != (self.rows,):
                    raise FRAME_INVALID(f"column '{name}' of shape {numbers.shape} for {self.rows} rows")
                yield name, pa.chunked_array([pa.array(numbers, pa.float64(), from_pandas=True)])

        return self.replaced(columns())

    def replaced(self, columns: Iterable[tuple[str, pa.ChunkedArray]]) -> VerticalFrame:
        """The frame with those own columns replaced, by name; they are asked for one after another.

        Raises CT-1422 for a column that is not in the own table; CT-1120, CT-1121.
        """

        def checked() -> Iterator[tuple[str, pa.ChunkedArray]]:
            for name, column in columns:
                self._column(name)
                yield name, column

        new = laid(checked(), self.rows, self.scratch)
        table = self.table
        for name in new.column_names:
            table = table.set_column(table.column_names.index(name), name, new.column(name))
        return replace(self, table=table)

    def _column(self, name: str) -> pa.ChunkedArray:
        if name not in self.table.column_names:
            raise COLUMN_UNDECLARED(f"'{name}' is not among this party's columns")
        return self.table[name]


def taken(table: pa.Table, indices: NDArray[np.int64], scratch: Scratch | None) -> pa.Table:
    """The rows of those numbers, in that order, column by column. Raises CT-1120, CT-1121."""
    rows = pa.array(indices)
    if not table.column_names:
        return table.take(rows)
    columns = ((name, table.column(name).take(rows)) for name in table.column_names)
    return laid(columns, len(indices), scratch)


def laid(columns: Iterable[tuple[str, pa.ChunkedArray]], rows: int, scratch: Scratch | None) -> pa.Table:
    """A table of these columns, on disk where it is long and there is a place. Raises CT-1120, CT-1121."""
    return in_memory(columns) if scratch is None else scratch.table(columns, rows)


def _numbers(values: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    kind = values.type
    if pa.types.is_boolean(kind):
        values = pc.cast(values, pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise NOT_NUMERIC(f"column '{name}'")
    numbers: NDArray[np.float64] = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers
