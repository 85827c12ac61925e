"""Limits of columns, and values within them."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from coterie.learn.errors import COLUMN_ALL_NULL

from .errors import LIMITS_CROSSED
from .params import Limits

__all__ = ["Clipper", "Ends", "clipped", "fit", "is_number"]

_LONG = np.iinfo(np.int64)


class Ends(BaseModel):
    """Of one column; None where an end is open."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: float | None
    high: float | None


class Clipper(BaseModel):
    """The ends by column. Private to the columns' owner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, Ends]


def is_number(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))


def fit(name: str, column: pa.ChunkedArray, limits: Limits) -> Ends:
    """:param column: (n,) training values.

    Errors: CT-3020 for quantiles of a column without a value, CT-3120.
    """
    ends = [
        number if quantile is None else _quantile(name, column, quantile)
        for number, quantile in ((limits.low, limits.low_quantile), (limits.high, limits.high_quantile))
    ]
    low, high = ends
    if low is not None and high is not None:
        whole = pa.types.is_integer(column.type)
        if low > high or (whole and math.ceil(low) > math.floor(high)):
            raise LIMITS_CROSSED(f"'{name}'")
    return Ends(low=low, high=high)


def _quantile(name: str, column: pa.ChunkedArray, quantile: float) -> float:
    present = column.drop_null().to_numpy().astype(np.float64)
    if not len(present):
        raise COLUMN_ALL_NULL(f"'{name}'")
    return float(np.quantile(present, quantile))


def clipped(column: pa.ChunkedArray, ends: Ends) -> pa.ChunkedArray:
    """(n,) of the same type; nulls stay. Whole numbers stay so: ends with a fraction are rounded inwards."""
    if pa.types.is_integer(column.type):
        column = column.cast(pa.int64())
        if ends.low is not None and (low := math.ceil(ends.low)) > _LONG.min:
            column = _moved(column, pc.max_element_wise, min(low, _LONG.max))
        if ends.high is not None and (high := math.floor(ends.high)) < _LONG.max:
            column = _moved(column, pc.min_element_wise, max(high, _LONG.min))
        return column
    if ends.low is not None:
        column = _moved(column, pc.max_element_wise, ends.low)
    if ends.high is not None:
        column = _moved(column, pc.min_element_wise, ends.high)
    return column


def _moved(column: pa.ChunkedArray, extreme: pa.compute.Function, end: float) -> pa.ChunkedArray:
    return extreme(column, pa.scalar(end, column.type), skip_nulls=False)
