"""Values for what is missing, learnt from one party's own columns."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from coterie.learn.errors import COLUMN_ALL_NULL, FILL_VALUE_UNFIT, NOT_FINITE

from .errors import CATEGORY_TAKEN
from .params import FillChoice, FillParams

__all__ = ["Filler", "Value", "fit", "value_of"]

OWN_CATEGORY = "missing"

Value = bool | int | float | str


class Filler(BaseModel):
    """The learnt values by column. Private to the columns' owner."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    values: dict[str, Value]

    def apply(self, table: pa.Table) -> pa.Table:
        """The table with no null left in the learnt columns. Other columns stay as they are.

        A column of integers that takes a fraction becomes float64.
        """
        for name, column in self.filled(table):
            table = table.set_column(table.column_names.index(name), name, column)
        return table

    def filled(self, table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
        """The learnt columns in which something is missing, filled, one after another."""
        for name, value in self.values.items():
            column = table.column(name)
            if column.null_count:
                yield name, _filled(column, value)


def _filled(column: pa.ChunkedArray, value: Value) -> pa.ChunkedArray:
    if pa.types.is_integer(column.type) and isinstance(value, float) and not value.is_integer():
        column = column.cast(pa.float64())
    return pc.fill_null(column, pa.scalar(value).cast(column.type))


def fit(table: pa.Table, columns: tuple[str, ...], params: FillParams, owner: str = "") -> Filler:
    """Learn the value of each column from its values that are not null.

    :param table: training rows.
    :param owner: of the columns, by which the parameters may name them.
    :raises CoterieError: CT-3020 for a column without a value, CT-3021 for a constant that is no value of its
        column's type, CT-3028 where a mean is beyond float64, CT-3124 where the own category is another's.
    """
    return Filler(
        values={
            name: value_of(name, table.column(name), params.choice(f"{owner}.{name}"))
            for name in columns
            if f"{owner}.{name}" not in params.keep
        }
    )


def value_of(name: str, column: pa.ChunkedArray, choice: FillChoice, *, needed: bool = True) -> Value:
    """What one column's missing values become.

    :param needed: whether the column needs a value that is there; False for what the parameters alone say.

    Errors: those of :func:`fit`.
    """
    present = column.drop_null()
    if needed and not len(present):
        raise COLUMN_ALL_NULL(f"'{name}'")
    if pa.types.is_boolean(column.type):
        if choice.value is None:
            return bool(pc.mode(present)[0]["mode"].as_py())
        if choice.value not in (0, 1):
            raise FILL_VALUE_UNFIT(f"'{name}' is true or false: give 1 or 0")
        return bool(choice.value)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return _number(name, present, choice)
    return _text(name, present, choice)


def _text(name: str, present: pa.ChunkedArray, choice: FillChoice) -> str:
    if choice.text_method == "most_frequent":
        return _most_frequent(present)
    if choice.text_method == "constant":
        assert choice.text_value is not None  # the parameters' own rule
        return choice.text_value
    own = OWN_CATEGORY if choice.text_value is None else choice.text_value
    if pc.any(pc.equal(present, own)).as_py():
        raise CATEGORY_TAKEN(f"'{name}'")
    return own


def _number(name: str, present: pa.ChunkedArray, choice: FillChoice) -> int | float:
    value: int | float
    match choice.method:
        case "constant":
            assert choice.value is not None  # the parameters' own rule
            value = choice.value
        case "mode":
            value = pc.mode(present)[0]["mode"].as_py()  # the smallest of equally frequent ones
        case "mean":
            with np.errstate(over="ignore"):
                value = float(np.mean(present.to_numpy()))
        case "median":
            with np.errstate(over="ignore"):
                value = float(np.median(present.to_numpy()))
    if not math.isfinite(value):
        raise NOT_FINITE(f"the {choice.method} of '{name}' is beyond the range of float64")
    if choice.integers == "round" and pa.types.is_integer(present.type):
        return round(value)
    return value


def _most_frequent(present: pa.ChunkedArray) -> str:
    """The most frequent text, the first in code point order among equals."""
    counts = [(item["counts"].as_py(), item["values"].as_py()) for item in pc.value_counts(present)]
    return str(min(counts, key=lambda pair: (-pair[0], pair[1]))[1])
