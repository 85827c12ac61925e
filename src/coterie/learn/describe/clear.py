"""Figures of one column: all of them, as its owner sees them, and those that tell others of no few rows.

Conventions are those of pandas: ``std`` of a sample, ``skew`` and ``kurt`` adjusted for its size, quantiles
interpolated between rows.

What others see is of groups of at least ``group`` rows. Values among the ``group - 1`` largest or smallest
are moved to the next one (they are *winsorised*), so that neither a mean nor a kurtosis tells of a few rows
far out, nor the mean of a truth value of a few that have it; a quantile is told where so many rows lie on
each of its sides; cells and categories of fewer are merged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie.learn.describe.params import DescribeParams
from coterie.learn.describe.record import MOST_CATEGORIES, Category, ColumnProfile, Histogram, Quantile
from coterie.learn.errors import NOT_FINITE

__all__ = [
    "edges_of",
    "figures_of",
    "guarded_profile",
    "merged_cells",
    "merged_rows",
    "short",
    "type_of",
    "whole_profile",
]

DIGITS = 4
"""Significant ones, of values that others than the owner are told."""
_MOST = 1.797e308
"""The largest float64 of so many."""

Floats = NDArray[np.float64]
TypeName = Literal["int", "float", "bool", "text"]


@dataclass(frozen=True)
class _Place:
    """What every profile of a column begins with."""

    party: str
    column: str
    type: TypeName
    rows: int
    missing: int

    def profile(self, *, whole: bool, missing: int | None, **figures: Any) -> ColumnProfile:
        return ColumnProfile(
            party=self.party,
            column=self.column,
            type=self.type,
            whole=whole,
            rows=self.rows,
            missing=missing,
            **figures,
        )


def whole_profile(party: str, name: str, values: pa.ChunkedArray, params: DescribeParams) -> ColumnProfile:
    """For the owner of the column. Errors: CT-3028 where a number is not finite."""
    place = _place(party, name, values)
    if place.type == "text":
        found = _counts(values)
        shown = tuple(Category(name=text, rows=rows) for text, rows in found[:MOST_CATEGORIES])
        other = sum(rows for _, rows in found[MOST_CATEGORIES:])
        figures: dict[str, Any] = {"distinct": len(found), "categories": shown, "other": other}
        return place.profile(whole=True, missing=place.missing, **figures)
    numbers = _numbers(name, values)
    figures = {"distinct": _distinct(numbers), **_moments(numbers)}
    figures["quantiles"] = _quantiles(numbers, params.quantiles, 1)
    if len(numbers):
        figures |= {"min": float(numbers[0]), "max": float(numbers[-1])}
        figures["histogram"] = _histogram(numbers, params.bins, 0)
    return place.profile(whole=True, missing=place.missing, **figures)


def guarded_profile(
    party: str, name: str, values: pa.ChunkedArray, params: DescribeParams, group: int
) -> ColumnProfile:
    """For everybody else. Errors: CT-3028."""
    place = _place(party, name, values)
    present = place.rows - place.missing
    missing = None if 0 < place.missing < group or 0 < present < group else place.missing
    if place.type == "text":
        found = _counts(values) if present >= group else []
        shown, other = _merged_categories(found, group)
        figures: dict[str, Any] = {
            "distinct": len(found) if found else None,
            "categories": tuple(Category(name=None, rows=rows) for rows in shown),
            "other": other if found else None,
        }
        return place.profile(whole=False, missing=missing, **figures)
    numbers = _numbers(name, values)
    if present < 2 * group:  # nothing lies so far from both ends
        told = tuple(Quantile(share=share, value=None) for share in params.quantiles)
        return place.profile(whole=False, missing=missing, distinct=None, quantiles=told)
    moved = np.clip(numbers, numbers[group - 1], numbers[present - group])
    return place.profile(
        whole=False,
        missing=missing,
        distinct=_distinct(numbers) if _varies(numbers, group) else None,
        **_moments(moved),
        quantiles=tuple(_short_of(one) for one in _quantiles(numbers, params.quantiles, group)),
        histogram=_histogram(moved, params.bins, group, (short(moved[0]), short(moved[-1]))),
    )


def _varies(numbers: Floats, group: int) -> bool:
    """Whether none, or enough rows have another value than the most frequent one: how many different ones
    there are would else tell that some do."""
    ends = np.flatnonzero(np.diff(numbers, append=np.inf))
    others = len(numbers) - int(np.diff(ends, prepend=-1).max())
    return others == 0 or others >= group


def short(value: float) -> float:
    """What others are told of a value: a quantile to the last digit is the value of a row."""
    return min(max(float(f"{value:.{DIGITS}g}"), -_MOST), _MOST)


def _short_of(told: Quantile) -> Quantile:
    return told if told.value is None else Quantile(share=told.share, value=short(told.value))


def _place(party: str, name: str, values: pa.ChunkedArray) -> _Place:
    return _Place(party, name, type_of(values.type), len(values), values.null_count)


def type_of(kind: pa.DataType) -> TypeName:
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int"
    return "float" if pa.types.is_floating(kind) else "text"


def _numbers(name: str, values: pa.ChunkedArray) -> Floats:
    """Those that are there, in ascending order."""
    present = values.drop_null()
    if pa.types.is_boolean(present.type):
        present = pc.cast(present, pa.int8())
    numbers = np.sort(pc.cast(present, pa.float64(), safe=False).to_numpy())
    if len(numbers) and not np.isfinite(numbers[[0, -1]]).all():  # NaN is sorted to the end
        raise NOT_FINITE(f"'{name}'")
    return numbers


def _counts(values: pa.ChunkedArray) -> list[tuple[str, int]]:
    """Categories with their rows, the most frequent first, equals in code point order."""
    found = pc.value_counts(values.drop_null())
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    return sorted(((str(name), int(rows)) for name, rows in pairs), key=lambda pair: (-pair[1], pair[0]))


def _merged_categories(found: Sequence[tuple[str, int]], group: int) -> tuple[list[int], int]:
    """Rows of the categories that are shown, and of all others, which are none or enough."""
    shown = [rows for _, rows in found if rows >= group][:MOST_CATEGORIES]
    return merged_rows(shown, sum(rows for _, rows in found), group)


def merged_rows(shown: Sequence[int], whole: int, group: int) -> tuple[list[int], int]:
    """The first of these rows, and so many of the whole besides as are none or enough."""
    left, other = list(shown), whole - sum(shown)
    while 0 < other < group and left:
        other += left.pop()
    return left, other


def _distinct(numbers: Floats) -> int:
    return int(np.count_nonzero(np.diff(numbers))) + 1 if len(numbers) else 0


def _moments(numbers: Floats) -> dict[str, float | None]:
    """In units of the largest magnitude, so that no power of a value leaves float64."""
    names = ("mean", "std", "skewness", "kurtosis")
    n = len(numbers)
    if not n:
        return dict.fromkeys(names)
    unit = float(np.abs(numbers).max()) or 1.0
    small = numbers / unit
    mean = float(small.mean())
    away = small - mean
    squares = away * away
    powers = float(squares.mean()), float((squares * away).mean()), float(squares @ squares) / n
    return figures_of(n, unit, mean, powers, varies=bool(numbers[0] < numbers[-1]) and powers[0] > 0)


def figures_of(
    n: int, unit: float, mean: float, powers: tuple[float, float, float], *, varies: bool
) -> dict[str, float | None]:
    """Moments of n values.

    :param mean: in units. :param powers: means of second, third and fourth powers of the distances from it.
    :param varies: whether the values differ by more than rounding.
    """
    second, third, fourth = powers
    found: dict[str, float | None] = {"mean": mean * unit, "std": None, "skewness": None, "kurtosis": None}
    if n > 1:
        found["std"] = math.sqrt(second * n / (n - 1)) * unit if varies else 0.0
    if n > 2 and varies:
        found["skewness"] = math.sqrt(n * (n - 1)) / (n - 2) * third / second**1.5
    if n > 3 and varies:
        excess = (n + 1) * (fourth / second**2) - 3 * (n - 1)
        found["kurtosis"] = (n - 1) / ((n - 2) * (n - 3)) * excess
    return {name: value if value is None or math.isfinite(value) else None for name, value in found.items()}


def _quantiles(numbers: Floats, shares: Sequence[float], group: int) -> tuple[Quantile, ...]:
    """None for those with fewer than ``group`` rows up to them, or from them on."""
    n, told = len(numbers), []
    for share in shares:
        place = (n - 1) * share
        enough = n > 0 and math.floor(place) + 1 >= group and n - math.ceil(place) >= group
        told.append(Quantile(share=share, value=_between(numbers, place) if enough else None))
    return tuple(told)


def _between(numbers: Floats, place: float) -> float:
    low, part = math.floor(place), place - math.floor(place)
    left = float(numbers[low])
    if not part:
        return left
    return left * (1 - part) + float(numbers[low + 1]) * part  # no difference, which could leave float64


def _histogram(
    numbers: Floats, bins: int, group: int, ends_at: tuple[float, float] | None = None
) -> Histogram:
    """Of sorted numbers. Neighbouring cells are merged until each has ``group`` rows at least.

    :param ends_at: the outermost edges, where they are not the smallest and the largest number.
    """
    low, high = ends_at or (float(numbers[0]), float(numbers[-1]))
    edges = edges_of(low, high, bins)
    ends = [*np.searchsorted(numbers, edges[1:-1], side="left").tolist(), len(numbers)]
    return merged_cells(edges, ends, group)


def edges_of(low: float, high: float, bins: int) -> Floats:
    """(cells + 1,) of cells of equal width, as many as float64 tells apart."""
    parts = np.linspace(0, 1, bins + 1)
    edges = np.unique(np.clip(low * (1 - parts) + high * parts, low, high))
    return edges if len(edges) > 1 else np.array([low, high])


def merged_cells(edges: Floats, ends: Sequence[int], group: int) -> Histogram:
    """:param ends: (cells,) of rows in a cell and all before it."""
    kept = list(_enough(ends, group))
    inner = tuple(float(edges[cell + 1]) for cell in kept[:-1])
    counts = np.diff([0, *(ends[cell] for cell in kept)]).tolist()
    return Histogram(edges=(float(edges[0]), *inner, float(edges[-1])), counts=tuple(counts))


def _enough(ends: Sequence[int], group: int) -> Iterator[int]:
    """Last cells of the merged ones, by where each cell ends among the rows."""
    begin, whole = 0, ends[-1]
    for cell, end in enumerate(ends[:-1]):
        if end - begin >= group and whole - end >= group:
            yield cell
            begin = end
    yield len(ends) - 1
