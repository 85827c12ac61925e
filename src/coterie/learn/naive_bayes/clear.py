"""Naive Bayes from totals over all contributors: as scikit-learn's ``GaussianNB`` and ``CategoricalNB`` have
it of the rows in one place, one for the numbers and one for the categories, with their evidence added up.

Categories are counted by label where a contributor has enough rows of each label value in them. Its other
rows count as "others", where these are enough together, and else in its most frequent category: no count, and
no difference of two, is of few of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie.learn.component import Total
from coterie.learn.errors import CONSTANT_FEATURE, ONE_CLASS
from coterie.learn.linear import Floats
from coterie.learn.naive_bayes.errors import NO_VARIANCE, NOT_CATEGORIES, TOO_FEW_OF_LABEL
from coterie.learn.naive_bayes.params import NaiveBayesParams
from coterie.learn.naive_bayes.statement import CELLS, LABELS, MEANS, SPREADS
from coterie.learn.pooled import (
    TOO_FEW_BESIDE,
    WHOLE,
    Adding,
    Moments,
    frequent_texts,
    moment_totals,
    pooled_moments,
    text_totals,
)

__all__ = ["Categories", "Fitted", "Numbers", "Own", "Texts", "fit", "places_in", "texts_of", "totals"]

Integers = NDArray[np.int64]
Texts: TypeAlias = "pa.ChunkedArray"


@dataclass(frozen=True)
class Own:
    """One contributor's rows."""

    labels: Integers
    """(rows,) from 0."""
    numbers: Floats
    """(rows, numbers) complete."""
    texts: Sequence[pa.ChunkedArray]
    """(rows,) of each column of categories, as :func:`texts_of` has them."""
    names: tuple[str, ...]
    """Of the numbers, for messages."""


@dataclass(frozen=True)
class Numbers:
    """Normal distributions, by label value."""

    means: Floats
    """(values of the label, numbers)"""
    variances: Floats
    """(values of the label, numbers), with what was added to them."""


@dataclass(frozen=True)
class Categories:
    """Of one column."""

    known: tuple[str, ...]
    """The most frequent first."""
    shares: Floats
    """(values of the label, known + 1) of each among the rows with that value, with ``alpha``; the last is
    that of all others."""


@dataclass(frozen=True)
class Fitted:
    """Equal at all contributors."""

    rows: tuple[int, ...]
    """With each label value."""
    numbers: Numbers
    categories: tuple[Categories, ...]


def totals(numbers: int, categorical: int, params: NaiveBayesParams) -> tuple[Total, ...]:
    """What :func:`fit` takes."""
    found = [Total(LABELS, params.values, WHOLE)]
    if numbers:
        found += moment_totals(numbers, params.values, (MEANS, SPREADS), "coefficients")
    if categorical:
        found += text_totals(categorical, params.categories)
        cells = params.values * categorical * (params.categories + 1)
        found.append(Total(CELLS, cells, WHOLE, kind="coefficients"))
    return tuple(found)


def fit(
    adding: Adding,
    own: Own,
    params: NaiveBayesParams,
    least: int,
    counted: Callable[[], bool] | None = None,
) -> Fitted:
    """Learn from all contributors' rows.

    :param least: fewest rows of a label value in a group that is told of.
    :param counted: where others have rows, too, whether one's own are in the last total: there have to be
        enough of each label value beside them.

    Errors: CT-3016, CT-3025, CT-3028, CT-3235, CT-3286, CT-3287; those of the sums.
    """
    mine = np.bincount(own.labels, minlength=params.values)
    told = adding(LABELS, mine.astype(np.float64), WHOLE)
    counts = np.rint(told).astype(np.int64)
    if counts.min() <= 0:
        raise ONE_CLASS("of the training rows")
    if counts.min() < least:
        raise TOO_FEW_OF_LABEL(f"{counts.min()}, and the agreement says {least}")
    if counted is not None and counted() and (counts - mine).min() < least:
        raise TOO_FEW_BESIDE(f"fewer than {least} rows with one of the label values")
    numbers = Numbers(np.zeros((params.values, 0)), np.zeros((params.values, 0)))
    if own.names:
        found = pooled_moments(adding, own.numbers, own.labels, params.values, (MEANS, SPREADS))
        if found.rows.min() <= 0:  # of who is there still
            raise ONE_CLASS("of the training rows")
        numbers = _normal(found, own.names, params)
    categories: tuple[Categories, ...] = ()
    if own.texts:
        held = [_counted(texts) for texts in own.texts]
        known = [_ordered(one) for one in frequent_texts(adding, held, params.categories, least)]
        categories = _shares(adding, own, known, params, least)
    return Fitted(tuple(counts.tolist()), numbers, categories)


def _normal(found: Moments, names: tuple[str, ...], params: NaiveBayesParams) -> Numbers:
    rows = found.rows[:, None].astype(np.float64)
    mean = (rows * found.means).sum(axis=0) / rows.sum()
    spread = found.deviations**2 + (found.means - mean) ** 2
    largest = float(((rows * spread).sum(axis=0) / rows.sum()).max())
    if not largest > 0:
        raise CONSTANT_FEATURE("none of the numbers varies")
    variances = found.deviations**2 + params.smoothing * largest
    for number, name in enumerate(names):
        if not variances[:, number].min() > 0:
            raise NO_VARIANCE(f"'{name}'")
    return Numbers(found.means, variances)


def texts_of(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """(rows,) categories as texts. Errors: CT-3285 for decimal numbers."""
    if pa.types.is_floating(column.type):
        raise NOT_CATEGORIES(f"'{name}'")
    return pc.cast(column, pa.large_string())


def _counted(texts: pa.ChunkedArray) -> dict[str, int]:
    return {str(item["values"]): item["counts"].as_py() for item in pc.value_counts(texts.drop_null())}


def _ordered(known: Mapping[str, int]) -> tuple[str, ...]:
    """The most frequent first, equally frequent ones as texts are ordered."""
    return tuple(sorted(known, key=lambda text: (-known[text], text)))


def places_in(texts: pa.ChunkedArray, known: Sequence[str]) -> Integers:
    """(rows,) places of categories; that of all others is the last, and missing ones are among these."""
    found = pc.index_in(texts, value_set=pa.array(known, pa.large_string()), skip_nulls=True)
    places: Integers = pc.fill_null(found, len(known)).to_numpy().astype(np.int64)
    return places


def _shares(
    adding: Adding, own: Own, known: Sequence[tuple[str, ...]], params: NaiveBayesParams, least: int
) -> tuple[Categories, ...]:
    width = params.categories + 1
    cells = np.zeros((len(known), params.values, width), np.int64)
    for number, (texts, names) in enumerate(zip(own.texts, known, strict=True)):
        cells[number, :, : len(names) + 1] = merged(_cells(texts, names, own.labels, params.values), least)
    told = adding(CELLS, cells.ravel().astype(np.float64), WHOLE).reshape(cells.shape)
    told = np.maximum(np.rint(told), 0.0)  # whatever others add
    found = []
    for names, counts in zip(known, told, strict=True):
        # Where nobody had enough rows of each label value a category is one of the others.
        kept = [place for place in range(len(names)) if counts[:, place].sum() > 0]
        taken = counts[:, [*kept, len(names)]]
        smoothed = taken + params.alpha
        shares = smoothed / smoothed.sum(axis=1, keepdims=True)
        found.append(Categories(tuple(names[place] for place in kept), shares))
    return tuple(found)


def _cells(texts: pa.ChunkedArray, known: Sequence[str], labels: Integers, values: int) -> Integers:
    """(values, known + 1) rows by label and category."""
    places = places_in(texts, known)
    width = len(known) + 1
    return np.bincount(labels * width + places, minlength=values * width).reshape(values, width)


def merged(cells: Integers, least: int) -> Integers:
    """The same rows, none or enough of each label value in each category.

    :param cells: (values of the label, categories) of which the last is of all others.
    """
    least = least if least > 1 else 0
    enough = cells.min(axis=0) >= least
    enough[-1] = True
    result = np.where(enough, cells, 0)
    result[:, -1] += cells[:, ~enough].sum(axis=1)
    if result[:, -1].sum() and result[:, -1].min() < least:
        home = int(np.argmax(result[:, :-1].sum(axis=0))) if result.shape[1] > 1 else -1
        left = result[:, -1].copy()
        result[:, -1] = 0
        if home >= 0 and result[:, home].sum():
            result[:, home] += left
    return result
