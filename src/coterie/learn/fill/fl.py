"""Values for what is missing, learnt from the pooled rows by sums over all parties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coterie.data import VerticalFrame
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, Total
from coterie.learn.errors import COLUMN_ALL_NULL
from coterie.learn.pooled import (
    DIGITS,
    FL_UNFIT,
    WHOLE,
    column_quantiles,
    enough_beside,
    frequent_texts,
    is_text,
    present_numbers,
    quantile_totals,
    text_totals,
    wide_total,
)

from .clear import Filler, Value, value_of
from .params import FillChoice, FillParams

__all__ = ["pooled_fit", "pooled_totals"]

MEANS = (
    "the sum over all rows of each column's values, and how many there are; fewer missing or present ones of "
    "a party than the smallest group are not told apart"
)
MEDIAN = np.array([0.5])


class _Task:
    """Which columns need which sums: by parameters and by what is known of their types."""

    def __init__(self, context: PlanContext, shape: FrameShape, params: FillParams) -> None:
        kept = frozenset(params.keep)
        choices = {
            name: params.choice(f"{EACH}.{name}")
            for name in shape.columns[EACH]
            if f"{EACH}.{name}" not in kept
        }
        texts = {name for name in choices if f"{EACH}.{name}" in shape.texts}
        self.choices: Mapping[str, FillChoice] = choices
        numbers = {name: one for name, one in choices.items() if name not in texts}
        types = context.types.get(EACH, {})
        self.means = [
            name
            for name, one in numbers.items()
            if one.method == "mean" or (one.method != "constant" and types.get(name) == "bool")
        ]
        """Columns of true and false take their mode by it."""
        self.medians = [name for name, one in numbers.items() if one.method == "median"]
        modes = [name for name, one in numbers.items() if one.method == "mode"]
        self.frequent = modes + [name for name in texts if choices[name].text_method == "most_frequent"]
        self.frequent.sort()

    def totals(self) -> Sequence[Total]:
        means = [Total(MEANS, DIGITS * 2 * len(self.means), WHOLE, digits=DIGITS)] if self.means else []
        medians = quantile_totals(len(self.medians), 1) if self.medians else ()
        return (*means, *medians, *text_totals(len(self.frequent), 1))


def pooled_totals(context: PlanContext, shape: FrameShape, params: FillParams) -> Sequence[Total]:
    """What :func:`pooled_fit` takes. Errors: CT-3235."""
    totals = _Task(context, shape, params).totals()
    if totals:
        enough_beside(context, shape)
    return totals


def pooled_fit(context: RunContext, shape: FrameShape, training: VerticalFrame, params: FillParams) -> Filler:
    """The values, equal at all parties.

    :param training: this party's rows.

    Errors: those of ``clear.fit``, where "any training row" is one of a party that has enough of them.
    """
    task, least = _Task(context.planning, shape, params), context.planning.min_group
    table = training.table
    adding = context.sums().total if task.totals() else None
    found: dict[str, Value | None] = {}
    if adding is not None:
        means = _means(table, task.means, least)
        told = wide_total(adding, MEANS, means.ravel()).reshape(-1, 2) if task.means else means
        for name, (total, rows) in zip(task.means, told.tolist(), strict=True):
            found[name] = total / rows if rows else None
        booleans = {name for name in task.choices if pa.types.is_boolean(table.column(name).type)}
        if task.medians:
            medians = column_quantiles(context, table, task.medians, MEDIAN)
            for name, one in zip(task.medians, medians, strict=True):
                if name not in booleans:
                    found[name] = float(one.values[0]) if one.rows else None
        if task.frequent:
            counts = [_counts(table, name) for name in task.frequent]
            for name, texts in zip(task.frequent, frequent_texts(adding, counts, 1, least), strict=True):
                if name not in booleans:
                    found[name] = _most(table, name, texts)
        for name in booleans.intersection(task.means):
            rate = found[name]
            found[name] = rate > 0.5 if isinstance(rate, float) else None
    return Filler(values={name: _value(table, name, one, found) for name, one in task.choices.items()})


def _value(table: pa.Table, name: str, choice: FillChoice, found: Mapping[str, Value | None]) -> Value:
    column = table.column(name)
    constant = choice.text_method != "most_frequent" if is_text(column.type) else choice.method == "constant"
    if constant:
        return value_of(name, column, choice, needed=False)
    if name not in found or (is_text(column.type) and not isinstance(found[name], str)):
        raise FL_UNFIT(f"'{name}' came to be of another type in this job: fill it before, or by a constant")
    value = found[name]
    if value is None:
        raise COLUMN_ALL_NULL(f"'{name}' of all parties, but for fewer rows of each than the smallest group")
    if choice.integers == "round" and pa.types.is_integer(column.type) and isinstance(value, float):
        return round(value)
    return value


def _means(
    table: pa.Table, names: Sequence[str], least: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(columns, 2): sum and number of values, each of none or of enough rows; a few missing ones count as the
    party's own mean."""
    result = np.zeros((len(names), 2))
    for place, name in enumerate(names):
        values, rows = present_numbers(table, name), table.num_rows
        if len(values) and len(values) >= least:
            whole = rows if rows - len(values) < least else len(values)
            result[place] = values.mean() * whole, whole
    return result


def _counts(table: pa.Table, name: str) -> dict[str, int]:
    """Rows by text; by number, as a text that keeps all its bits."""
    column = table.column(name).drop_null()
    if is_text(column.type):
        pairs = ((str(one["values"].as_py()), one["counts"].as_py()) for one in pc.value_counts(column))
        return dict(pairs)
    values, counts = np.unique(present_numbers(table, name) + 0.0, return_counts=True)
    return {value.hex(): rows for value, rows in zip(values.tolist(), counts.tolist(), strict=True)}


def _most(table: pa.Table, name: str, texts: Mapping[str, int]) -> Value | None:
    for text in texts:
        if is_text(table.column(name).type):
            return text
        value = float.fromhex(text)
        return int(value) if pa.types.is_integer(table.column(name).type) else value
    return None
