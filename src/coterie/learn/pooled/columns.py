"""Columns of a party's own rows, as sums take them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie.learn.component import RunContext
from coterie.learn.errors import NOT_FINITE
from coterie.learn.pooled.guarded import counted_values
from coterie.learn.pooled.quantiles import Quantiles, grouped_values, quantiles

__all__ = ["column_quantiles", "is_text", "present_numbers"]

Floats = NDArray[np.float64]


def is_text(kind: pa.DataType) -> bool:
    """Whether values are neither numbers nor true and false."""
    return not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind))


def present_numbers(table: pa.Table, name: str) -> Floats:
    """The values of a column that are there; none of a column of texts. Errors: CT-3028."""
    column = table.column(name).drop_null()
    if is_text(column.type):
        return np.zeros(0)
    plain = pc.cast(column, pa.int8()) if pa.types.is_boolean(column.type) else column
    values: Floats = pc.cast(plain, pa.float64(), safe=False).to_numpy()
    if not np.isfinite(values).all():
        raise NOT_FINITE(f"'{name}'")
    return values


def column_quantiles(
    context: RunContext, table: pa.Table, names: Sequence[str], fractions: Floats
) -> list[Quantiles]:
    """Of each column, over the rows of all parties that have a value. Planned with ``quantile_totals``.

    :param table: this party's rows.

    Errors: CT-3028.
    """
    least = context.planning.min_group
    columns = (counted_values(present_numbers(table, name), table.num_rows, least) for name in names)
    groups = [grouped_values(values, least)[0] for values in columns]
    return quantiles(context.sums().total, groups, fractions)
