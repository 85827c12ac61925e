"""Features of one scale, learnt from one party's own columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from coterie.learn.errors import CONSTANT_FEATURE, NOT_FINITE, NULLS_LEFT

from .params import StandardizeParams

__all__ = ["ColumnScale", "Standardizer", "check", "fit", "ranks"]

Column = NDArray[np.float64]


class ColumnScale(BaseModel):
    """What was learnt of one column."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    quantiles: tuple[float, ...] | None
    """Ascending training quantiles at even steps from 0 to 1; None where values are taken as they are."""
    mean: float
    deviation: float
    """Of the training values, after ranking where there is one; divided by n, not n - 1."""

    def apply(self, values: Column, clip: float) -> Column:
        """(n,) in standard deviations from the mean, within [-clip, clip]."""
        if self.quantiles is not None:
            values = ranks(values, np.array(self.quantiles))
        with np.errstate(over="ignore"):  # what overflows is clipped
            return np.clip((values - self.mean) / self.deviation, -clip, clip)


class Standardizer(BaseModel):
    """The learnt scales by column. Private to the columns' owner."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    clip: float
    columns: dict[str, ColumnScale]

    def apply(self, name: str, values: Column, *, strict: bool = True) -> Column:
        """(n,) values of a column on its scale; NaN for what has none, where it is not ``strict``.

        :raises CoterieError: CT-3027 for a null (NaN), CT-3028 for an infinity.
        """
        if strict:
            check(name, values)
        else:
            values = np.where(np.isfinite(values), values, np.nan)
        return self.columns[name].apply(values, self.clip)


def fit(
    columns: Mapping[str, Column] | Iterable[tuple[str, Column]], params: StandardizeParams
) -> Standardizer:
    """Learn the scale of each column.

    :param columns: (n,) training values by name, NaN where null; or pairs, which are asked for one after
        another.
    :raises CoterieError: CT-3025 for a column with one value only, CT-3027, CT-3028.
    """
    pairs = columns.items() if isinstance(columns, Mapping) else columns
    return Standardizer(
        clip=params.clip, columns={name: _scale(name, values, params) for name, values in pairs}
    )


def _scale(name: str, values: Column, params: StandardizeParams) -> ColumnScale:
    check(name, values)
    if values.min() == values.max():
        raise CONSTANT_FEATURE(f"'{name}'")
    quantiles = None
    if params.method == "quantile":
        knots = _quantiles(values, min(params.knots, len(values)))
        values = ranks(values, knots)
        quantiles = tuple(knots.tolist())
    mean, deviation = _moments(values)
    if not deviation > 0:
        raise CONSTANT_FEATURE(f"'{name}', but for differences too small for float64")
    return ColumnScale(quantiles=quantiles, mean=mean, deviation=deviation)


def _quantiles(values: Column, count: int) -> Column:
    """(count,) quantiles at even steps from the least to the largest value, by linear interpolation.

    Positions are integers and remainders, so that a value that is many quantiles is so to the last bit.
    """
    ordered = np.sort(values)
    position, remainder = np.divmod(np.arange(count, dtype=np.int64) * (len(values) - 1), count - 1)
    low, high = ordered[position], ordered[np.minimum(position + 1, len(values) - 1)]
    part = remainder / (count - 1)
    between = np.where(low == high, low, low * (1 - part) + high * part)
    return np.asarray(np.maximum.accumulate(between), dtype=np.float64)


def _moments(values: Column) -> tuple[float, float]:
    """Mean and deviation. Scaled by the largest magnitude, so that no square overflows or vanishes."""
    largest = float(np.abs(values).max())
    scaled = values / largest
    return float(scaled.mean()) * largest, float(scaled.std()) * largest


def ranks(values: Column, quantiles: Column) -> Column:
    """Rank in [0, 1] by linear interpolation between quantiles; between the lowest and the highest rank of a
    value that is several quantiles at once, the middle."""
    steps = np.linspace(0, 1, len(quantiles))
    low = np.interp(values, quantiles, steps)
    high = np.interp(-values, -quantiles[::-1], steps)
    return np.asarray((low + 1.0 - high) / 2, dtype=np.float64)


def check(name: str, values: Column) -> None:
    if np.isnan(values).any():
        raise NULLS_LEFT(f"'{name}'")
    if not np.isfinite(values).all():
        raise NOT_FINITE(f"'{name}'")
