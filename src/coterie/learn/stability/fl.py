"""Both samples of all parties, bin by bin, by sums over them, none of which tells of few rows of a party.

Bins are of the pooled base: quantiles found in groups of each party's values (see
:mod:`coterie.learn.pooled`), frequent texts, or those of an earlier step. Each party counts a bin's rows, or
none where they are too few: these count in a neighbouring bin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie.learn.binning import BinsFacts, ColumnBins
from coterie.learn.chosen import shape_of
from coterie.learn.component import EACH, PlanContext, RunContext, Total
from coterie.learn.errors import NOT_FINITE
from coterie.learn.pooled import (
    FL_UNFIT,
    WHOLE,
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
from coterie.learn.summed import planned_sums

from .clear import CATEGORIES, DIFFERENT, MISSING, OTHER, Counted, labels_of, merged
from .features import bins_of, step_of
from .params import StabilityParams

__all__ = ["pooled_counts", "pooled_needs"]

BASE = (
    "how many rows of the base are in each bin of each compared column and of the score; of each party none "
    "or no fewer than the smallest group, spread over bins that are too small"
)
OTHER_FRAME = "the same of the frame that is compared"
FEWEST = 80
"""Quantiles that are looked at, at least: of few different values each is met."""
SCORE = ""
"""Stands for the score among names of columns."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Samples = tuple[Floats, Floats]


@dataclass(frozen=True)
class _Slots:
    """Bins of a column, or parts of them, with this party's rows."""

    labels: Sequence[str]
    counts: Integers
    """(2, slots) of either frame."""
    weights: Integers
    """(slots,) how a party's few rows are spread over neighbouring slots: public, and more where there are
    more of the base."""


@dataclass(frozen=True)
class _Task:
    """Which columns are counted how: public."""

    binned: Mapping[str, int]
    """With the bins of an earlier step: how many slots each has."""
    texts: Sequence[str]
    numbers: Sequence[str]
    """The score among them."""

    @staticmethod
    def of(context: PlanContext, params: StabilityParams, *, score: bool) -> _Task:
        shape = shape_of(context, params.base)
        names = shape.columns.get(EACH, ()) if params.features else ()
        binned = {}
        for name in names:
            step = step_of(context, EACH, name)
            if step is not None:
                facts: BinsFacts = context.models[step]
                binned[name] = facts.slots + 1
        texts = [name for name in names if name not in binned and f"{EACH}.{name}" in shape.texts]
        numbers = [name for name in names if name not in binned and name not in texts]
        return _Task(binned, texts, [*numbers, SCORE] if score else numbers)

    def widths(self, params: StabilityParams) -> dict[str, int]:
        """Slots of each column, in the order in which they are counted."""
        numbers = dict.fromkeys(self.numbers, max(params.bins, DIFFERENT) + 1)
        return {**self.binned, **dict.fromkeys(self.texts, CATEGORIES + 2), **numbers}


def pooled_needs(context: PlanContext, params: StabilityParams, *, score: bool) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Errors: CT-3235."""
    task = _Task.of(context, params, score=score)
    for frame in (params.base, params.frame):
        enough_beside(context, shape_of(context, frame))
    numbers = quantile_totals(len(task.numbers), _looks(params) + 1) if task.numbers else ()
    width = sum(task.widths(params).values())
    counts = (Total(what, width, WHOLE, kind="metrics") for what in (BASE, OTHER_FRAME))
    return planned_sums(context, [*numbers, *text_totals(len(task.texts), CATEGORIES), *counts], at_most=True)


def pooled_counts(context: RunContext, params: StabilityParams, scores: Samples | None) -> dict[str, Counted]:
    """Of each column, and of the score as that of :data:`SCORE`; equal at all parties.

    :param scores: of this party's rows, of either frame.

    Errors: CT-3028, CT-3105, CT-3236.
    """
    task = _Task.of(context.planning, params, score=scores is not None)
    tables = tuple(context.frames[frame].table for frame in (params.base, params.frame))
    least, adding = context.planning.min_group, context.sums().total
    rows = [table.num_rows for table in tables]
    slots: dict[str, _Slots] = {}
    for name in task.binned:
        bins = bins_of(context, EACH, name)
        assert bins is not None  # as the plan has it
        slots[name] = _of_bins(bins, [one.column(name) for one in tables])
    if task.texts:
        for name in task.texts:
            _check(name, tables[0], text=True)
        own = [counted_texts(_counts(tables[0], name), rows[0], least) for name in task.texts]
        for name, told in zip(task.texts, frequent_texts(adding, own, CATEGORIES, least), strict=True):
            slots[name] = _of_texts(told, [_counts(one, name) for one in tables], rows, least)
    if task.numbers:
        samples = [scores if name is SCORE else _numbers(tables, name) for name in task.numbers]
        counted = [_counted(one, rows, least) for one in samples if one is not None]
        looks = _looks(params)
        groups = [grouped_values(values[0], least)[0] for values, _ in counted]
        found = quantiles(adding, groups, np.arange(looks + 1) / looks)
        for name, cuts, (values, gone) in zip(task.numbers, found, counted, strict=True):
            slots[name] = _of_numbers(_edges(cuts.values, params), values, gone)
    return _added(context, task.widths(params), slots, least)


def _added(
    context: RunContext, widths: Mapping[str, int], slots: Mapping[str, _Slots], least: int
) -> dict[str, Counted]:
    told: dict[str, list[Integers]] = {name: [] for name in widths}
    for sample, what in enumerate((BASE, OTHER_FRAME)):
        own = []
        for name, width in widths.items():
            one = slots[name]
            weights = told[name][0] if sample else one.weights
            guarded = _guarded(one.counts[sample], least, weights, apart=one.labels[-1] == MISSING)
            own.append(np.pad(guarded, (0, width - len(weights))))
        given = np.concatenate(own).astype(np.float64)
        sums, start = np.rint(context.sums().total(what, given, WHOLE)).astype(np.int64), 0
        for name, width in widths.items():
            told[name].append(sums[start : start + len(slots[name].labels)])
            start += width
    return {name: _merged(slots[name].labels, told[name][0], told[name][1], least) for name in widths}


def _merged(labels: Sequence[str], base: Integers, other: Integers, least: int) -> Counted:
    """What is missing is the last slot, where it is one of its own."""
    missing = (0, 0)
    if labels[-1] == MISSING:
        missing, labels = (int(base[-1]), int(other[-1])), labels[:-1]
        base, other = base[:-1], other[:-1]
    kept = (base > 0) | (other > 0)
    kept[0] |= not kept.any()
    names = [label for label, stays in zip(labels, kept, strict=True) if stays]
    return merged(names, base[kept], other[kept], missing, least)


def _looks(params: StabilityParams) -> int:
    """Quantiles, less one: a multiple of the bins."""
    return params.bins * -(-FEWEST // params.bins)


def _check(name: str, table: pa.Table, *, text: bool) -> None:
    if is_text(table.column(name).type) != text:
        raise FL_UNFIT(f"'{name}' came to be of another type in this job: compare it before, or bin it")


def _counts(table: pa.Table, name: str) -> dict[str, int]:
    found = pc.value_counts(table.column(name).drop_null())
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    return {str(text): rows for text, rows in pairs}


def _numbers(tables: Sequence[pa.Table], name: str) -> Samples:
    assert name is not None
    for table in tables:
        _check(name, table, text=False)
    return present_numbers(tables[0], name), present_numbers(tables[1], name)


def _counted(samples: Samples, rows: Sequence[int], least: int) -> tuple[list[Floats], list[int]]:
    """Values of both samples, rounded as quantiles are, and how many are missing, as they count."""
    for values in samples:
        if not np.isfinite(values).all():
            raise NOT_FINITE("among the scores")
    counted = [counted_values(values, count, least) for values, count in zip(samples, rows, strict=True)]
    gone = [count - len(values) for count, values in zip(rows, samples, strict=True)]
    return [group_values(grouped_values(one, 1)[1]) for one in counted], [
        one if one >= least else 0 for one in gone
    ]


def _edges(values: Floats, params: StabilityParams) -> Floats:
    """Inner ones, ascending, as of all rows; none where no party has enough values."""
    if np.isnan(values[0]):
        return np.zeros(0)
    different = np.unique(values)
    if len(different) <= max(params.bins, DIFFERENT):
        return different[1:]
    step = _looks(params) // params.bins
    edges = np.unique(values[step:-1:step])
    return np.asarray(edges[edges > values[0]])


def _of_numbers(edges: Floats, samples: Sequence[Floats], gone: Sequence[int]) -> _Slots:
    counts = np.zeros((2, len(edges) + 2), np.int64)
    for row, values, missing in zip(counts, samples, gone, strict=True):
        row[:-1] = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        row[-1] = missing
    return _Slots([*labels_of(edges), MISSING], counts, np.ones(len(edges) + 2, np.int64))


def _of_texts(
    told: Mapping[str, int], own: Sequence[Mapping[str, int]], rows: Sequence[int], least: int
) -> _Slots:
    ordered = sorted(told, key=lambda text: (-told[text], text))
    counts = np.zeros((2, len(ordered) + 2), np.int64)
    for row, one, whole in zip(counts, own, rows, strict=True):
        row[: len(ordered)] = [one.get(text, 0) for text in ordered]
        missing = whole - sum(one.values())
        row[-1] = missing if missing >= least else 0
        row[-2] = whole - row.sum()
    return _Slots([*ordered, OTHER, MISSING], counts, np.array([*(told[one] for one in ordered), 0, 0]))


def _of_bins(bins: ColumnBins, columns: Sequence[pa.ChunkedArray]) -> _Slots:
    labels = [*bins.labels, "new"]
    codes = [bins.assign(column).astype(np.int64) for column in columns]
    counts = [np.bincount(np.where(one < 0, len(bins.labels), one), minlength=len(labels)) for one in codes]
    return _Slots(labels, np.array(counts), np.array([*(one.rows for one in bins.bins), 0]))


def _guarded(counts: Integers, least: int, weights: Integers, *, apart: bool) -> Integers:
    """(slots,) Slots with fewer rows than the smallest group, and any, are put together with their
    neighbours, and share the rows of all by their weights; none where all together are too few.

    :param apart: whether the last slot stands alone, and is large enough, or empty.
    """
    if apart:
        return np.append(_guarded(counts[:-1], least, weights[:-1], apart=False), counts[-1])
    result = np.zeros_like(counts)
    if counts.sum() < least:
        return result
    ends: list[int] = []
    seen = 0
    for slot, rows in enumerate(counts.tolist()):
        seen += rows
        if seen >= max(1, least):
            ends.append(slot + 1)
            seen = 0
    if seen:
        ends[-1] = len(counts)
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        by = weights[start:end] if weights[start:end].any() else np.ones(end - start, np.int64)
        until = np.cumsum(by) * counts[start:end].sum() // by.sum()
        result[start:end] = np.diff(until, prepend=0)
    return result
