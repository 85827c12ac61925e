"""Categories of the pooled rows, by sums over all parties: those that enough rows of a party have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coterie.data import VerticalFrame
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, Total
from coterie.learn.places import owned
from coterie.learn.pooled import WHOLE, counted_texts, enough_beside, frequent_texts, text_totals

from .clear import Category, Encoder, categories_of, chosen
from .params import OnehotParams

__all__ = ["pooled_fit", "pooled_totals"]

ROWS = "number of training rows, of all parties together"
MISSING = ""
"""How a missing value is counted. Others begin with a sign."""


def pooled_totals(context: PlanContext, shape: FrameShape, params: OnehotParams) -> Sequence[Total]:
    """What :func:`pooled_fit` takes. Errors: CT-3235."""
    enough_beside(context, shape)
    return (*text_totals(len(params.columns), _most(params)), Total(ROWS, 1, WHOLE))


def pooled_fit(context: RunContext, training: VerticalFrame, params: OnehotParams) -> Encoder:
    """Equal at all parties.

    :param training: this party's rows.

    Errors: CT-3020, CT-3027, CT-3121 for own values; CT-3122.
    """
    names, least = owned(params.columns, EACH), context.planning.min_group
    columns = [categories_of(name, training.column(EACH, name), params) for name in names]
    own = [counted_texts(_counts(column), len(column), least) for column in columns]
    found = frequent_texts(context.sums().total, own, _most(params), least)
    # After the categories: rows of a party that is lost before they are counted are none of another category.
    told_rows = context.sums().total(ROWS, np.array([float(training.rows)]), WHOLE)
    rows = round(float(told_rows[0]))
    learnt = {}
    for name, column, told in zip(names, columns, found, strict=True):
        counts = {_category(text, column.type): rows for text, rows in told.items()}
        whole = max(rows, sum(counts.values()))
        if params.missing == "zeros":
            whole -= counts.pop(None, 0)
        learnt[name] = chosen(name, counts, whole, params, least)
    return Encoder(columns=learnt)


def _most(params: OnehotParams) -> int:
    """With missing values."""
    return params.categories + 1


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    counts = {}
    for item in pc.value_counts(column):
        value = item["values"].as_py()
        counts[MISSING if value is None else f"={value}"] = item["counts"].as_py()
    return counts


def _category(text: str, kind: pa.DataType) -> Category | None:
    if text == MISSING:
        return None
    if pa.types.is_boolean(kind):
        return text == "=True"
    return int(text[1:]) if pa.types.is_integer(kind) else text[1:]
