"""The documents of ``describe``, and their planned length where one party sends them to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from coterie.crypto import canonical
from coterie.learn.describe.params import DescribeParams
from coterie.learn.documents import Document

__all__ = [
    "MOST_CATEGORIES",
    "Category",
    "ColumnProfile",
    "Histogram",
    "Profile",
    "Quantile",
    "number_count",
    "packed_size",
]

MOST_CATEGORIES = 50
"""Categories that are listed, the most frequent first; the others are counted together."""


class Quantile(Document):
    """The value that a share of the rows does not exceed, interpolated as NumPy does by default."""

    share: float = Field(ge=0, le=1)
    value: float | None
    """None where too few rows lie on one of its sides for the reader to be told."""


class Histogram(Document):
    """Counts between edges; a cell has its lower edge, the last one both."""

    edges: tuple[float, ...] = Field(min_length=2, max_length=101)
    counts: tuple[int, ...] = Field(min_length=1, max_length=100)


class Category(Document):
    """One category of a column of texts."""

    name: str | None
    """None for readers who do not own the column."""
    rows: int = Field(ge=1)


class ColumnProfile(Document):
    """Figures of one column. What is None does not apply, or is of groups too small for the reader."""

    party: str = Field(max_length=64)
    column: str = Field(max_length=128)
    type: Literal["int", "float", "bool", "text"]
    whole: bool
    """Whether this is all, as the column's owner sees it. Where not, moments are of values that are moved to
    the range of the histogram where they lie beyond it, and cells and categories of few rows are merged."""
    rows: int = Field(ge=0)
    missing: int | None = Field(ge=0)
    distinct: int | None = Field(ge=0)
    """Different values, missing ones not counted."""
    mean: float | None = None
    std: float | None = None
    """Of a sample: the sum of squares is divided by one less than the number of values."""
    min: float | None = None
    max: float | None = None
    skewness: float | None = None
    """Adjusted for the size of the sample, as pandas has it."""
    kurtosis: float | None = None
    """The excess over the normal distribution's, adjusted likewise."""
    quantiles: tuple[Quantile, ...] = Field((), max_length=99)
    histogram: Histogram | None = None
    categories: tuple[Category, ...] = Field((), max_length=MOST_CATEGORIES)
    other: int | None = Field(None, ge=0)
    """Of texts: rows of all other categories together."""


class Profile(Document):
    """Figures of columns, as one receiver may see them."""

    version: Literal[1] = 1
    frame: str = Field(max_length=64)
    min_group: int = Field(ge=1)
    """Fewest rows of a group that is told to who does not own the column."""
    columns: tuple[ColumnProfile, ...]


NUMBER = 26
"""Most bytes of a number with its comma."""
FIELDS = 512
"""Most bytes of a column's field names, marks and owner."""


def packed_size(columns: Sequence[str], params: DescribeParams) -> int:
    """Bytes of every record of these columns, whatever is in them."""
    numbers = 10 * NUMBER + (2 * params.bins + 2) * NUMBER + len(params.quantiles) * (2 * NUMBER + 20)
    column = FIELDS + numbers + MOST_CATEGORIES * (NUMBER + 24)
    return 256 + sum(column + len(canonical(name)) for name in columns)


def number_count(columns: Sequence[str], params: DescribeParams) -> int:
    """At most how many numbers such a record has."""
    return len(columns) * (8 + len(params.quantiles) + max(2 * params.bins + 1, MOST_CATEGORIES + 1))
