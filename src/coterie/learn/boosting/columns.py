"""Columns of a frame as the learner takes them: numbers as they are, categories as codes, nothing filled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.boosting.errors import CATEGORIES_UNFIT, TEXT_UNNAMED
from coterie.learn.boosting.params import BoostingParams
from coterie.learn.errors import COLUMN_ALL_NULL, NOT_FINITE
from coterie.learn.linear import MODEL_MISMATCH, Floats, Place

__all__ = ["Categories", "Feature", "Matrix", "blocks", "features_of", "matrix"]

Matrix: TypeAlias = NDArray[np.float32]
"""(rows, width) in model order, NaN where a value is missing: what XGBoost makes of any numbers."""

Categories: TypeAlias = tuple[str, ...] | tuple[float, ...]

BLOCK = 1 << 16
"""Rows that one core makes at a time."""
CORES = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Feature:
    """One column of a model."""

    owner: str
    name: str
    categories: Categories | None = None
    """Ascending; a value's code is its place here. None for numbers."""

    @property
    def place(self) -> Place:
        """Owner and name."""
        return self.owner, self.name

    @property
    def kind(self) -> str:
        """XGBoost's name of the type: a quantity or a category."""
        return "q" if self.categories is None else "c"


def features_of(
    frame: VerticalFrame, places: Sequence[Place], params: BoostingParams, *, whole: bool = True
) -> tuple[Feature, ...]:
    """What the training rows say of each column.

    :param whole: whether these are all rows: only then must there be a value in each column.

    Errors: CT-3020 for a column without any value, CT-3090 for unfit categories, CT-3091 for text that is not
    named as categorical, CT-1422.
    """
    found = []
    for owner, name in places:
        column = frame.column(owner, name)
        if whole and column.null_count == frame.rows:
            raise COLUMN_ALL_NULL(f"'{name}'")
        categorical = f"{owner}.{name}" in params.categorical
        if not categorical and _is_text(column):
            raise TEXT_UNNAMED(f"'{owner}.{name}'")
        found.append(Feature(owner, name, _categories(frame, (owner, name), params) if categorical else None))
    return tuple(found)


def _categories(frame: VerticalFrame, place: Place, params: BoostingParams) -> Categories:
    values: Categories
    name, column = place[1], frame.column(*place)
    if _is_text(column):
        values = tuple(sorted(pc.unique(column).drop_null().to_pylist()))
    else:
        numbers = np.unique(frame.values([place])[:, 0])
        values = tuple(numbers[~np.isnan(numbers)].tolist())
        if values and max(abs(float(values[0])), abs(float(values[-1]))) >= 2**53:
            raise CATEGORIES_UNFIT(f"'{name}': numbers beyond 2^53 cannot be told apart")
    if len(values) > params.max_categories:
        raise CATEGORIES_UNFIT(f"'{name}': {len(values)} different values, {params.max_categories} may be")
    return values


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_large_string(column.type) or pa.types.is_string(column.type))


def matrix(frame: VerticalFrame, features: Sequence[Feature]) -> Matrix:
    """All rows. Errors: as :func:`blocks`."""
    whole = np.empty((frame.rows, len(features)), np.float32)
    starts = range(0, frame.rows, BLOCK)
    with ThreadPoolExecutor(CORES) as pool:
        for _ in pool.map(lambda start: _fill(frame, features, start, whole[start : start + BLOCK]), starts):
            pass
    return whole


def blocks(
    frame: VerticalFrame, features: Sequence[Feature], rows: int | None = None
) -> Iterator[tuple[int, Matrix]]:
    """First row and values of each block of rows. A category that training has not seen counts as missing.

    :param rows: only the first so many.

    Errors: CT-1422 for a column that is not there, CT-1433 for text where training had numbers, CT-3028 for a
    number beyond float32, CT-3054 where categories are texts here and were numbers there, or the reverse.
    """
    end = frame.rows if rows is None else min(rows, frame.rows)
    for start in range(0, end, BLOCK):
        block = np.empty((min(BLOCK, end - start), len(features)), np.float32)
        _fill(frame, features, start, block)
        yield start, block


def _fill(frame: VerticalFrame, features: Sequence[Feature], start: int, block: Matrix) -> None:
    """The rows from ``start`` on into ``block``."""
    part = frame.block(start, start + len(block))
    numbers = [place for place, one in enumerate(features) if one.categories is None]
    alone = len(numbers) == len(features)
    values = block if alone else np.empty((len(block), len(numbers)), np.float32)
    with np.errstate(over="ignore"):  # looked for below
        part.fill([features[place].place for place in numbers], values)
    if np.isinf(values).any():
        place = numbers[int(np.isinf(values).any(axis=0).argmax())]
        raise NOT_FINITE(f"'{features[place].name}' is beyond the range of float32")
    if not alone:
        block[:, numbers] = values
    for place, feature in enumerate(features):
        if feature.categories is not None:
            block[:, place] = _codes(part, feature)


def _codes(frame: VerticalFrame, feature: Feature) -> Floats:
    """(rows,) places among the categories; NaN for what is missing or not among them."""
    assert feature.categories is not None
    texts, column = isinstance(feature.categories[0], str), frame.column(*feature.place)
    if _is_text(column) != texts:
        raise MODEL_MISMATCH(f"'{feature.name}' holds {'numbers' if texts else 'texts'}")
    if texts:
        known = pa.array(feature.categories, pa.large_string())
        values = pc.cast(column, pa.large_string())
        places = pc.index_in(values, value_set=known)
        codes: Floats = pc.cast(places, pa.float64()).to_numpy(zero_copy_only=False)
        return codes
    numbers = frame.values([feature.place])[:, 0]
    among = np.asarray(feature.categories, np.float64)
    place = np.minimum(np.searchsorted(among, numbers), len(among) - 1)
    return np.where(among[place] == numbers, place, np.nan)
