"""A table that is spread over parties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

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
from .scratch import Scratch
from .stored import laid, taken

__all__ = ["HiddenRows", "VerticalFrame"]

_ROWS = 1 << 16
"""Rows of a column that are numbers in memory at once."""
_TILE = 1 << 12
"""Rows whose values, of some fifty columns, stay in a core's own cache while columns become rows."""


@dataclass(frozen=True)
class HiddenRows:
    """A party's shares, modulo 2^64, of what nobody knows of a frame's rows."""

    member: NDArray[np.uint64]
    """(rows,): of 1 where the row is common, of 0 elsewhere."""
    columns: NDArray[np.uint64]
    """(rows, columns): of the other party's columns where the row is common, of 0 elsewhere."""
    units: NDArray[np.float64] | None = field(default=None, repr=False)
    """At the other party, (2, columns): mean and deviation of its own columns, in which they are shared."""

    def at(self, rows: NDArray[np.int64] | slice) -> HiddenRows:
        """Of these rows alone."""
        return replace(self, member=self.member[rows], columns=self.columns[rows])


@dataclass(frozen=True)
class VerticalFrame:
    """What one participant holds of a table: rows are the same at all parties, columns are spread over them.

    A party holds its own columns; a participant that is trusted with several owners' columns holds a part for
    each of them.
    """

    rows: int
    columns: Mapping[str, tuple[str, ...]]
    """Feature columns of every party, in model order. Equal at all parties."""
    label_holder: str
    label: str
    parts: Mapping[str, pa.Table]
    """Columns here, by owner: (rows, features and, of its holder, the label), in the common row order."""
    keys: NDArray[np.uint8]
    """(rows, 32): keyed hashes of the common ids; of rows that not all parties have, bytes that tell nobody
    of the ids. All different, and equal at all parties."""
    places: Mapping[str, NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)
    """(rows,) by owner whose columns are here: the row's number in the owner's dataset; -1 where it has no
    such row, and its columns are null."""
    common: NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)
    """(rows,) whether all parties have the row; None where they have every row. Equal at all parties."""
    repeats: bool = False
    """Whether several rows can be of one id: their keys are equal but for the last 8 bytes then."""
    hidden: HiddenRows | None = field(default=None, repr=False, compare=False)
    """Where nobody knows which rows are common. The rows are those of one party then, among empty ones."""
    scratch: Scratch | None = field(default=None, repr=False, compare=False)
    """Where long tables that are made of this one lie; None for memory."""

    def __post_init__(self) -> None:
        if self.keys.shape != (self.rows, 32) or self.keys.dtype != np.uint8:
            raise FRAME_INVALID(
                f"{self.rows} rows, but keys of shape {self.keys.shape} and {self.keys.dtype}"
            )
        for table in self.parts.values():
            if table.num_rows != self.rows:
                raise FRAME_INVALID(f"{self.rows} rows, but a table of {table.num_rows}")
        for array in (*self.places.values(), *([] if self.common is None else [self.common])):
            if array.shape != (self.rows,):
                raise FRAME_INVALID(f"{self.rows} rows, but places of shape {array.shape}")

    @property
    def common_rows(self) -> int:
        """How many of the rows all parties have; of rows of one id one counts."""
        if not self.repeats:
            return self.rows if self.common is None else int(self.common.sum())
        keys = self.keys if self.common is None else self.keys[self.common]
        return len(np.unique(np.ascontiguousarray(keys[:, :8]).view(np.uint64)))

    @property
    def id_keys(self) -> NDArray[np.uint8]:
        """(rows, 32) keys that are equal for rows of one id."""
        if not self.repeats:
            return self.keys
        keys = self.keys.copy()
        keys[:, -8:] = 0
        return keys

    @property
    def owner(self) -> str:
        """Whose columns are here, where they are one owner's. Raises CT-1504 where they are several's."""
        if len(self.parts) != 1:
            raise FRAME_INVALID(f"columns of {len(self.parts)} owners: name one of them")
        return next(iter(self.parts))

    @property
    def table(self) -> pa.Table:
        """The columns of the one owner whose columns are here. Raises CT-1504 where they are several's."""
        return self.parts[self.owner]

    def part(self, owner: str) -> VerticalFrame:
        """The frame with that owner's columns alone. Raises CT-1422 where they are not here."""
        return replace(self, parts={owner: self._part(owner)})

    def with_part(self, part: VerticalFrame) -> VerticalFrame:
        """The frame with the columns of ``part`` in place of the same owners' columns."""
        return replace(self, parts={**self.parts, **part.parts})

    def column(self, owner: str, name: str) -> pa.ChunkedArray:
        """(rows,) one column. Raises CT-1422 where it is not here."""
        table = self._part(owner)
        place = table.schema.get_field_index(name)
        if place < 0:
            raise COLUMN_UNDECLARED(f"'{name}' is not among the columns of {owner} that are here")
        return table.column(place)

    def matrix(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Columns of the one owner whose columns are here, as :meth:`values` gives them."""
        return self.values([(self.owner, name) for name in columns])

    def values(self, places: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """(rows, len(places)) float64 in C order; a null becomes NaN, true and false 1 and 0.

        :param places: owner and name of each column.

        Raises CT-1422 for a column that is not here and CT-1433 for text.
        """
        result = np.empty((self.rows, len(places)), np.float64)
        self.fill(places, result)
        return result

    def fill(self, places: Sequence[tuple[str, str]], target: NDArray[np.floating[Any]]) -> None:
        """The same into (rows, len(places)) floats of any size, to which the values are rounded."""
        columns = [(self.column(owner, name), name) for owner, name in places]
        for start in range(0, max(1, self.rows), _ROWS):
            block = target[start : start + _ROWS]
            numbers = [_numbers(column.slice(start, _ROWS), name) for column, name in columns]
            for row in range(0, len(block), _TILE):
                for index, values in enumerate(numbers):
                    block[row : row + _TILE, index] = values[row : row + _TILE]
        if self.scratch is not None:
            self.scratch.release()

    def block(self, start: int, stop: int) -> VerticalFrame:
        """The rows from ``start`` up to ``stop``, without a copy."""
        parts = {owner: table.slice(start, stop - start) for owner, table in self.parts.items()}
        keys = self.keys[start:stop]
        places = {owner: rows[start:stop] for owner, rows in self.places.items()}
        common = None if self.common is None else self.common[start:stop]
        hidden = None if self.hidden is None else self.hidden.at(slice(start, stop))
        return replace(
            self, rows=len(keys), parts=parts, keys=keys, places=places, common=common, hidden=hidden
        )

    def target(self) -> NDArray[np.float64]:
        """The label as (rows,) numbers.

        Raises CT-1501 for a null, CT-1433 for text, CT-1503 where the label is not here.
        """
        self._complete_label()
        return self.values([(self.label_holder, self.label)])[:, 0]

    def labels(self) -> NDArray[np.int8]:
        """The label as (rows,) int8 of zeros and ones.

        Raises CT-1501 for a null, CT-1502 for other values, CT-1503 where the label is not here.
        """
        values = self._complete_label()
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
        parts = {owner: taken(table, indices, self.scratch) for owner, table in self.parts.items()}
        keys = self.keys.take(indices, axis=0)
        places = {owner: rows.take(indices) for owner, rows in self.places.items()}
        common = None if self.common is None else self.common.take(indices)
        hidden = None if self.hidden is None else self.hidden.at(indices)
        return replace(
            self, rows=len(indices), parts=parts, keys=keys, places=places, common=common, hidden=hidden
        )

    def with_columns(
        self, values: Mapping[str, NDArray[np.float64]] | Iterable[tuple[str, NDArray[np.float64]]]
    ) -> VerticalFrame:
        """The frame with those columns of its one owner replaced by (rows,) float64 each; NaN is stored as
        null.

        :param values: by name; or pairs, which are asked for one after another, so that long columns need not
            be in memory together.

        Raises CT-1422 for a column that is not here, CT-1504 for an array of another shape.
        """

        def columns() -> Iterator[tuple[str, pa.ChunkedArray]]:
            for name, numbers in values.items() if isinstance(values, Mapping) else values:
                if numbers.shape != (self.rows,):
                    raise FRAME_INVALID(f"column '{name}' of shape {numbers.shape} for {self.rows} rows")
                yield name, pa.chunked_array([pa.array(numbers, pa.float64(), from_pandas=True)])

        return self.replaced(columns())

    def replaced(self, columns: Iterable[tuple[str, pa.ChunkedArray]]) -> VerticalFrame:
        """The frame with those columns of its one owner replaced, by name; they are asked for one after
        another.

        Raises CT-1422 for a column that is not here; CT-1120, CT-1121.
        """
        owner, table = self.owner, self.table

        def checked() -> Iterator[tuple[str, pa.ChunkedArray]]:
            for name, column in columns:
                self.column(owner, name)
                yield name, column

        new = laid(checked(), self.rows, self.scratch)
        if not new.column_names:
            return self  # a table made of no columns would have no rows either
        found = dict(zip(table.column_names, table.columns, strict=True))
        found |= dict(zip(new.column_names, new.columns, strict=True))
        return replace(self, parts={owner: pa.table(found)})

    def reshaped(self, table: pa.Table, features: Sequence[str]) -> VerticalFrame:
        """The frame with another table of its one owner: with other columns, or other names.

        :param table: (rows, any) with every column of ``features``, and the label where it is here.
        :param features: the owner's feature columns from now on, in model order.

        Raises CT-1422 where a column is not in the table, CT-1504 for a table of other rows.
        """
        owner = self.owner
        here = owner == self.label_holder and self.label in self.table.column_names
        needed = (*features, self.label) if here else tuple(features)
        known = set(table.column_names)  # made anew whenever it is asked for
        for name in needed:
            if name not in known:
                raise COLUMN_UNDECLARED(f"'{name}' is not among the new columns of {owner}")
        return replace(self, parts={owner: table}, columns={**self.columns, owner: tuple(features)})

    def with_columns_of(self, columns: Mapping[str, tuple[str, ...]]) -> VerticalFrame:
        """The frame with other feature columns in public, by party: those that are here are here already.

        Raises CT-1422 where one of an owner's columns that are here is not.
        """
        for owner, table in self.parts.items():
            known = set(table.column_names)
            for name in columns.get(owner, ()):
                if name not in known:
                    raise COLUMN_UNDECLARED(f"'{name}' is not among the columns of {owner} that are here")
        return replace(self, columns=dict(columns))

    def _part(self, owner: str) -> pa.Table:
        if owner not in self.parts:
            raise COLUMN_UNDECLARED(f"no column of {owner} is here")
        return self.parts[owner]

    def _complete_label(self) -> pa.ChunkedArray:
        held = self.parts.get(self.label_holder)
        if held is None or self.label not in held.column_names:
            raise LABEL_ELSEWHERE(f"column '{self.label}' is at {self.label_holder}")
        values = self.column(self.label_holder, self.label)
        if values.null_count:
            raise LABEL_NULL(f"column '{self.label}'")
        return values


def _numbers(values: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    kind = values.type
    if pa.types.is_boolean(kind):
        values = pc.cast(values, pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise NOT_NUMERIC(f"column '{name}'")
    numbers: NDArray[np.float64] = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers
