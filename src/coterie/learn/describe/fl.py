"""Figures of the pooled rows, by sums over all parties, none of which tells of few rows of a party.

Each party counts its values in groups (see :mod:`coterie.learn.pooled.quantiles`), moves those among its own
largest and smallest, as others see them in other engines, and leaves out columns of which it has too few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie.fl import EXACT
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, Total
from coterie.learn.describe.clear import edges_of, figures_of, merged_cells, merged_rows, short, type_of
from coterie.learn.describe.params import DescribeParams
from coterie.learn.describe.record import MOST_CATEGORIES, Category, ColumnProfile, Quantile
from coterie.learn.pooled import (
    FL_UNFIT,
    WHOLE,
    Grouped,
    counted_texts,
    counted_values,
    enough_beside,
    frequent_texts,
    group_values,
    grouped_values,
    is_text,
    present_numbers,
    quantile_totals,
    quantiles,
    text_totals,
)
from coterie.learn.summed import SUMS, planned_sums

__all__ = ["pooled_needs", "pooled_profiles"]

COUNTED = (
    "how many rows there are, how many have a value of each column that is described, and of how many "
    "parties fewer rows than the smallest group have one, or have none"
)
MEANS = (
    "the sum over all rows of each column's values, of a party's largest and smallest moved to the next, and "
    "how many there are"
)
POWERS = (
    "the sums over all rows of second, third and fourth powers of their distance from the mean, and how many "
    "there are"
)
CELLS = (
    "how many of all rows are in each cell of each column's histogram, each party's in groups of no fewer "
    "than the smallest group"
)
ROUNDING = 1e-28
"""Variance of values that are all equal, at most, in units of the largest one's square."""

Floats = NDArray[np.float64]


def pooled_needs(
    context: PlanContext, shape: FrameShape, names: Sequence[str], params: DescribeParams
) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Errors: CT-3235."""
    enough_beside(context, shape)
    texts, numbers = _kinds(shape, names)
    totals = [
        Total(COUNTED, 2 * len(names) + 1, WHOLE, kind="profile"),
        *text_totals(len(texts), MOST_CATEGORIES),
    ]
    if numbers:
        totals += [
            *quantile_totals(len(numbers), len(_fractions(params))),
            Total(MEANS, 2 * len(numbers), EXACT, kind="profile"),
            Total(POWERS, 4 * len(numbers), EXACT, kind="profile"),
            Total(CELLS, params.bins * len(numbers), WHOLE, kind="profile"),
        ]
    return {**planned_sums(context, totals, at_most=True), "statement": SUMS}


def pooled_profiles(
    context: RunContext, shape: FrameShape, names: Sequence[str], params: DescribeParams
) -> list[ColumnProfile]:
    """Of each column, equal at all parties. Errors: CT-3028, CT-3236."""
    table, least, adding = (
        context.frames[params.frame].table,
        context.planning.min_group,
        context.sums().total,
    )
    counted = [number for name in names for number in _counted(table.column(name), least)]
    given = np.array([*counted, table.num_rows], np.float64)
    *told, rows = np.rint(adding(COUNTED, given, WHOLE)).astype(np.int64).tolist()
    pairs = zip(names, told[::2], told[1::2], strict=True)
    frames = {name: _Frame.of(table, name, rows, present, guarding) for name, present, guarding in pairs}
    texts, numbers = _kinds(shape, names)
    for name in names:
        if is_text(table.column(name).type) != (name in texts):
            raise FL_UNFIT(f"'{name}' came to be of another type in this job: describe it before")
    found = {}
    if texts:
        counts = [_texts(table.column(name), least) for name in texts]
        for name, rows in zip(texts, frequent_texts(adding, counts, MOST_CATEGORIES, least), strict=True):
            found[name] = _of_texts(frames[name], rows, least)
    if numbers:
        own = [_Own.of(present_numbers(table, name), table.num_rows, least) for name in numbers]
        for name, figures in zip(numbers, _figures(context, own, params), strict=True):
            found[name] = frames[name].profile(**figures)
    return [found[name] for name in names]


def _kinds(shape: FrameShape, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Texts, and numbers."""
    texts = [name for name in names if f"{EACH}.{name}" in shape.texts]
    return texts, [name for name in names if name not in texts]


def _fractions(params: DescribeParams) -> Floats:
    """With both ends."""
    return np.unique([0.0, *params.quantiles, 1.0])


def _counted(column: pa.ChunkedArray, least: int) -> tuple[int, int]:
    """Rows with a value, as this party counts them; 1 where that is not what there are."""
    present, missing = len(column) - column.null_count, column.null_count
    if 0 < present < least:
        return 0, 1
    return (len(column), 1) if 0 < missing < least else (present, 0)


@dataclass(frozen=True)
class _Frame:
    """What every profile of a column begins with."""

    column: str
    type: Literal["int", "float", "bool", "text"]
    rows: int
    present: int
    guarded: bool

    @staticmethod
    def of(table: pa.Table, name: str, rows: int, present: int, guarding: int) -> _Frame:
        return _Frame(name, type_of(table.column(name).type), rows, present, guarding > 0)

    def profile(self, **figures: Any) -> ColumnProfile:
        return ColumnProfile(
            party=EACH,
            column=self.column,
            type=self.type,
            whole=False,
            rows=self.rows,
            missing=None if self.guarded else self.rows - self.present,
            distinct=None,
            **figures,
        )


def _texts(column: pa.ChunkedArray, least: int) -> dict[str, int]:
    found = pc.value_counts(column.drop_null())
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    return counted_texts({str(text): rows for text, rows in pairs}, len(column), least)


def _of_texts(frame: _Frame, found: dict[str, int], least: int) -> ColumnProfile:
    pairs = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    shown, other = merged_rows([rows for _, rows in pairs], max(frame.present, sum(found.values())), least)
    categories = tuple(Category(name=name, rows=rows) for (name, _), rows in zip(pairs, shown, strict=False))
    return frame.profile(categories=categories, other=other)


@dataclass(frozen=True)
class _Own:
    """A column of numbers here."""

    grouped: Grouped
    moved: Floats
    """(rows,) with this party's smallest and largest ones moved to the next; none where it has too few."""

    @staticmethod
    def of(present: Floats, rows: int, least: int) -> _Own:
        values, group = np.sort(counted_values(present, rows, least)), max(1, least)
        if len(values) < 2 * group:
            values = values[:0]
        grouped, _ = grouped_values(values, least)
        return _Own(grouped, np.clip(values, values[group - 1], values[-group]) if len(values) else values)


def _figures(context: RunContext, own: Sequence[_Own], params: DescribeParams) -> list[dict[str, Any]]:
    adding, group = context.sums().total, max(1, context.planning.min_group)
    fractions = _fractions(params)
    found = quantiles(adding, [one.grouped for one in own], fractions)
    units = np.array([_unit(one.values) for one in found])
    small = [one.moved / unit for one, unit in zip(own, units, strict=True)]
    counts = [len(one) for one in small]
    told = adding(MEANS, np.array([[one.sum() for one in small], counts], np.float64).ravel(), EXACT)
    means = told[: len(own)] / np.maximum(told[len(own) :], 1)
    away = [one - mean for one, mean in zip(small, means, strict=True)]
    sums = np.array([[len(one), *(np.sum(one**power) for power in (2, 3, 4))] for one in away])
    told = adding(POWERS, sums.ravel(), EXACT).reshape(-1, 4)
    rows, powers = told[:, 0], told[:, 1:] / np.maximum(told[:, :1], 1)
    edges = [
        edges_of(short(one.values[0]), short(one.values[-1]), params.bins) if one.rows else None
        for one in found
    ]
    cells = np.array([_cells(one.grouped, at, params.bins) for one, at in zip(own, edges, strict=True)])
    in_cells_of = np.rint(adding(CELLS, cells.ravel().astype(np.float64), WHOLE)).astype(np.int64)
    result: list[dict[str, Any]] = []
    for number, in_cells in enumerate(in_cells_of.reshape(-1, params.bins)):
        one, at, n = found[number], edges[number], round(float(rows[number]))
        places = dict(zip(fractions.tolist(), one.values.tolist(), strict=True))
        figures: dict[str, Any] = {
            "quantiles": tuple(
                Quantile(share=share, value=short(places[share]) if _enough(n, share, group) else None)
                for share in params.quantiles
            )
        }
        if at is not None:
            three = tuple(powers[number].tolist())
            figures |= figures_of(
                n, float(units[number]), float(means[number]), three, varies=three[0] > ROUNDING
            )
            ends = np.cumsum(in_cells[: len(at) - 1]).tolist()
            figures["histogram"] = merged_cells(at, ends, group)
        result.append(figures)
    return result


def _unit(values: Floats) -> float:
    """A power of two not far below the largest magnitude; by its bits, so that all machines find the same."""
    largest = max(abs(float(values[0])), abs(float(values[-1])))
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest > 0 else 1.0  # NaN is not above 0


def _cells(own: Grouped, edges: Floats | None, bins: int) -> NDArray[np.int64]:
    """(bins,) rows of this party."""
    if edges is None or not len(own.codes):
        return np.zeros(bins, np.int64)
    place = np.searchsorted(edges[1:-1], group_values(own.codes), side="right")
    return np.bincount(place, own.counts, bins).astype(np.int64)


def _enough(rows: int, share: float, group: int) -> bool:
    """Whether as many rows lie on each side of a quantile."""
    place = (rows - 1) * share
    return rows > 0 and math.floor(place) + 1 >= group and rows - math.ceil(place) >= group
