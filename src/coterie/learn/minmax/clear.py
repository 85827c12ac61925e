"""Columns brought to a range, as learnt from one owner's training rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from coterie.learn.errors import CONSTANT_FEATURE, NOT_FINITE, NULLS_LEFT

from .params import MinmaxParams

__all__ = ["Ends", "Ranges", "applied", "check", "fit"]

Column = NDArray[np.float64]


class Ends(BaseModel):
    """Least and largest training value of a column."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    least: float
    largest: float


class Ranges(BaseModel):
    """The ends by column. Private to the columns' owner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, Ends]


def fit(columns: Iterable[tuple[str, Column]]) -> Ranges:
    """:param columns: (n,) training values by name, NaN where null; asked for one after another.

    Errors: CT-3025 for a column with one value only, CT-3027, CT-3028.
    """
    found = {}
    for name, values in columns:
        check(name, values)
        least, largest = float(values.min()), float(values.max())
        if least == largest:
            raise CONSTANT_FEATURE(f"'{name}'")
        found[name] = Ends(least=least, largest=largest)
    return Ranges(columns=found)


def applied(name: str, values: Column, ends: Ends, params: MinmaxParams) -> Column:
    """(n,) values between ``low`` and ``high`` where they are between the ends.

    Errors: CT-3027 for a null (NaN), CT-3028 for an infinity.
    """
    check(name, values)
    # Halves: the distance between the ends need not be a float64.
    width = ends.largest / 2 - ends.least / 2
    with np.errstate(over="ignore"):  # what overflows is clipped, or refused
        part = (values / 2 - ends.least / 2) / width
        scaled = part * (params.high - params.low) + params.low
    if params.clip:
        return np.clip(scaled, params.low, params.high)
    if not np.isfinite(scaled).all():
        raise NOT_FINITE(f"'{name}', once it is scaled")
    return scaled


def check(name: str, values: Column) -> None:
    if np.isnan(values).any():
        raise NULLS_LEFT(f"'{name}'")
    if not np.isfinite(values).all():
        raise NOT_FINITE(f"'{name}'")
