"""What binning leaves: bins of a column, what an owner keeps of all of them, and what others are told."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field, model_validator

from coterie.learn.documents import Document

from .errors import COLUMN_CHANGED

__all__ = ["NOWHERE", "Bin", "Bins", "ColumnBins", "ColumnIv", "IvTable", "iv_size"]

Kind: TypeAlias = Literal["number", "category"]
Special: TypeAlias = float | str
Indices: TypeAlias = NDArray[np.int16]

TOLD = 4
"""Decimals of information values that others than a column's owner are told."""
NOWHERE = -1
"""The bin of a value that has none: nothing like it was among the training rows."""


class Bin(Document):
    """Training rows whose values are told apart from others, and their labels: 0 is good, 1 is bad."""

    label: str
    """What is in it: "[0.1, 0.4)", "A, B", "missing"."""
    rows: int = Field(ge=0)
    goods: int = Field(ge=0)
    bads: int = Field(ge=0)
    rate: float
    """Of bads."""
    woe: float
    """Weight of evidence: ln of (share of all goods / share of all bads) that are in the bin. Positive where
    the risk is below average."""
    iv: float
    """What the bin adds to the information value: (share of goods - share of bads) x woe."""


class ColumnBins(Document):
    """The bins of one column, numbered from 0: those of values in their order, special ones, missing ones.

    Private to the column's owner.
    """

    version: Literal[1] = 1
    name: str
    kind: Kind
    method: str
    edges: tuple[float, ...] = ()
    """Of numbers: bin i has ``edges[i - 1] <= value < edges[i]``."""
    categories: dict[str, int] = Field(default_factory=dict)
    """Of texts: the bin of each category that is told apart."""
    other: int = NOWHERE
    """Bin of all other categories."""
    special: tuple[tuple[Special, int], ...] = ()
    """Special values with their bins."""
    missing: int = NOWHERE
    """Bin of what is missing."""
    valued: bool
    """Whether any training row had a value that is neither missing nor special."""
    rows: int
    missing_rows: int
    bins: tuple[Bin, ...] = Field(min_length=1)
    iv: float
    """Information value: the sum over the bins."""

    @model_validator(mode="after")
    def _names_its_bins(self) -> Self:
        named = [self.other, self.missing, *self.categories.values(), *(index for _, index in self.special)]
        if min(named) < NOWHERE or max(named) >= len(self.bins) or len(self.edges) >= len(self.bins):
            raise ValueError("there are fewer bins than are named")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges ascend")
        return self

    @property
    def iv_told(self) -> float:
        """What others are told of it: of all its digits, counts of few bins could be guessed."""
        return round(self.iv, TOLD)

    @property
    def woes(self) -> NDArray[np.float64]:
        """(bins + 1,): of each bin, and 0 at the end, which is where :data:`NOWHERE` points to."""
        return np.array([*(one.woe for one in self.bins), 0.0])

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(one.label for one in self.bins)

    def assign(self, values: pa.ChunkedArray | pa.Array) -> Indices:
        """(rows,) int16: the bin of each value, or :data:`NOWHERE`.

        Errors: CT-3105 for values of another type than in training.
        """
        values = pa.chunked_array([values]) if isinstance(values, pa.Array) else values
        if is_number(values.type) != (self.kind == "number"):
            raise COLUMN_CHANGED(f"'{self.name}' was a {self.kind}, and is of type {values.type}")
        return self._numbers(values) if self.kind == "number" else self._texts(values)

    def _numbers(self, values: pa.ChunkedArray) -> Indices:
        numbers = numbers_of(values)
        if self.valued:
            found = np.searchsorted(np.array(self.edges), numbers, side="right").astype(np.int16)
        else:
            found = np.full(len(numbers), NOWHERE, np.int16)
        for value, index in self.special:
            found[numbers == value] = index
        found[np.isnan(numbers)] = self.missing
        return found

    def _texts(self, values: pa.ChunkedArray) -> Indices:
        codes, names = coded(values)
        places = self.categories | {str(value): index for value, index in self.special}
        table = np.array([*(places.get(name, self.other) for name in names), self.missing], np.int16)
        return table[codes]


class Bins(Document):
    """What one owner's columns became. Private to the owner."""

    version: Literal[1] = 1
    columns: tuple[ColumnBins, ...]

    def of(self, name: str) -> ColumnBins | None:
        """Of the column of that name, if it has bins."""
        return next((one for one in self.columns if one.name == name), None)


class ColumnIv(Document):
    """What others are told of a column."""

    party: str
    column: str
    iv: float
    """To four decimals."""
    bins: int
    missing_rate: float | None
    """Null where fewer rows are missing, or are there, than the smallest group that may be shown."""


class IvTable(Document):
    """Information values, the highest first."""

    version: Literal[1] = 1
    step: str
    min_group: int
    columns: tuple[ColumnIv, ...]


_NUMBER = len("-1.2345678901234567e-308")
_ROW = len('{"bins":,"column":"","iv":,"missing_rate":,"party":""},') + 3 * _NUMBER
_FRAME = len('{"columns":[],"min_group":,"step":"","version":1}') + _NUMBER


def iv_size(step: str, party: str, columns: tuple[str, ...]) -> int:
    """Bytes of the table of one party's columns at most: what it is padded to."""
    names = sum(_length(name) + _length(party) for name in columns)
    return _FRAME + _length(step) + names + _ROW * len(columns)


def _length(text: str) -> int:
    """As JSON, escapes included."""
    return 2 * len(text.encode()) + 4 * sum(ord(letter) < 32 for letter in text)


def is_number(kind: pa.DataType) -> bool:
    """Whether values are binned by size: numbers, true and false. A column without any value is one, too."""
    types = pa.types
    return bool(
        types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)
    )


def numbers_of(values: pa.ChunkedArray) -> NDArray[np.float64]:
    """float64, NaN where nothing is."""
    if pa.types.is_boolean(values.type):
        values = pc.cast(values, pa.int8())
    return np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def coded(values: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[str]]:
    """Texts as places in a list of the different ones, -1 where nothing is."""
    plain = values.combine_chunks()
    if not pa.types.is_dictionary(plain.type):
        plain = plain.dictionary_encode()
    names = [str(name) for name in plain.dictionary.to_pylist()]
    codes = pc.fill_null(plain.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, np.int32), names
