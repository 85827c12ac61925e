"""Categories of one owner's columns, and their columns of 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr

from coterie.learn.errors import COLUMN_ALL_NULL, NULLS_LEFT

from .errors import NOT_CATEGORICAL, ONE_GROUP
from .params import OnehotParams

__all__ = ["Categories", "Category", "Encoder", "categories_of", "chosen", "encoded", "fit"]

Category = StrictBool | StrictInt | StrictStr


class Categories(BaseModel):
    """What was learnt of one column. The position of a category is its number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    known: tuple[Category | None, ...]
    """Those with a number of their own, the most frequent first; None is a missing value."""
    rows: tuple[int, ...]
    """Training rows of each, and of all further ones together."""
    distinct: int
    """Different categories of the training rows."""
    first: int
    """Number of the first that has a column: 1 where the most frequent one is dropped."""
    other: bool
    """Whether all others share a last column."""

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.known) - self.first + self.other


class Encoder(BaseModel):
    """The categories by column. Private to the columns' owner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, Categories]


def fit(name: str, column: pa.ChunkedArray, params: OnehotParams, fewest: int) -> Categories:
    """The most frequent categories, equally frequent ones in ascending order.

    :param column: (n,) training values.
    :param fewest: rows of a category that gets a column, and of all others together.

    Errors: CT-3020 for a column without a value, CT-3027 for missing values where they are errors, CT-3121
    for decimal numbers, CT-3122 for fewer than two groups.
    """
    values = categories_of(name, column, params)
    if values.null_count == len(values):
        raise COLUMN_ALL_NULL(f"'{name}'")
    if params.missing != "category":
        values = values.drop_null()
    counts = {item["values"].as_py(): item["counts"].as_py() for item in pc.value_counts(values)}
    return chosen(name, counts, sum(counts.values()), params, fewest)


def chosen(
    name: str, counts: Mapping[Category | None, int], whole: int, params: OnehotParams, fewest: int
) -> Categories:
    """As :func:`fit`.

    :param counts: training rows by category. :param whole: of all categories, those not counted among them.

    Errors: CT-3122.
    """
    counted = sorted(
        counts.items(), key=lambda pair: (-pair[1], pair[0] is None, pair[0] if pair[0] is not None else 0)
    )
    kept = [(one, rows) for one, rows in counted[: params.categories] if rows >= fewest]
    rest = whole - sum(rows for _, rows in kept)
    while params.other and kept and 0 < rest < fewest:
        rest += kept.pop()[1]
    other = params.other and rest > 0
    first = int(params.drop == "first")
    if not kept or len(kept) + (rest > 0) < 2 or len(kept) - first + other < 1:
        raise ONE_GROUP(f"'{name}', with groups of at least {fewest} rows")
    return Categories(
        known=tuple(one for one, _ in kept),
        rows=(*(rows for _, rows in kept), rest),
        distinct=len(counted),
        first=first,
        other=other,
    )


def categories_of(name: str, column: pa.ChunkedArray, params: OnehotParams) -> pa.ChunkedArray:
    """Truth values, whole numbers or texts. Errors: CT-3020, CT-3027, CT-3121."""
    kind = column.type
    if pa.types.is_null(kind):
        raise COLUMN_ALL_NULL(f"'{name}'")
    if column.null_count and params.missing == "error":
        raise NULLS_LEFT(f"'{name}'")
    if pa.types.is_floating(kind):
        raise NOT_CATEGORICAL(f"'{name}'")
    if pa.types.is_boolean(kind):
        return column
    return column.cast(pa.int64() if pa.types.is_integer(kind) else pa.large_string())


def encoded(
    name: str, column: pa.ChunkedArray, learnt: Categories, params: OnehotParams
) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """(rows,) int64 of 0 and 1 for each column of a column's categories, by name.

    Errors: CT-3027, CT-3121 as in training; also where the values are of another type than they were.
    """
    values = categories_of(name, column, params)
    try:
        known = pa.array(learnt.known, values.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise NOT_CATEGORICAL(
            f"'{name}': its values are of another type than those of the training"
        ) from None
    found = pc.index_in(values, value_set=known, skip_nulls=params.missing != "category")
    numbers = pc.fill_null(found, len(learnt.known)).to_numpy().astype(np.int32)
    if params.missing == "zeros" and values.null_count:
        numbers[pc.is_null(values).to_numpy()] = -1
    last = len(learnt.known) + learnt.other
    for place, number in enumerate(range(learnt.first, last), start=1):
        yield f"{name}#{place}", pa.chunked_array([pa.array((numbers == number).astype(np.int64))])
