"""Bins of the pooled rows, and labels counted by bin, by sums over all parties, none of them of few rows.

Cut points are quantiles of the pooled rows, and categories their frequent texts, found in groups of each
party's rows (see :mod:`coterie.learn.pooled`); a row is counted where its group is. Then each party merges
its own counts along the order of slots, as :mod:`coterie.learn.binning.merging` does with all rows, so that
it counts at a slot no row or enough with either label. What is merged is counted at that of its slots which
has most of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import canonical
from coterie.data import VerticalFrame
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, Total
from coterie.learn.errors import NOT_FINITE
from coterie.learn.pooled import (
    AGREED,
    FL_UNFIT,
    WHOLE,
    Grouped,
    counted_values,
    enough_beside,
    frequent_texts,
    group_values,
    grouped_values,
    need_equal,
    quantile_totals,
    quantiles,
    text_totals,
)
from coterie.learn.summed import SUMS, planned_sums

from .errors import LABELS_TOO_FEW, SPECIAL_UNFIT
from .groups import Groups
from .merging import Merged, merge
from .params import BinParams
from .record import Bins, coded, is_number, numbers_of

__all__ = ["need_equal_bins", "pooled_needs", "pooled_slots"]

COUNTS = (
    "how many of all rows with each label are in each slot of each binned column, of which bins are made; of "
    "each party none or no fewer than the smallest group with either label"
)
FINER = 4
"""Quantiles that are looked at for each bin: of few different values each is met."""

Integers = NDArray[np.int64]


def pooled_needs(
    context: PlanContext, shape: FrameShape, names: Sequence[str], params: BinParams
) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Errors: CT-3235."""
    texts = [name for name in names if f"{EACH}.{name}" in shape.texts]
    numbers = len(names) - len(texts)
    enough_beside(context, shape)
    totals = [
        *(quantile_totals(numbers, len(_fractions(params))) if numbers else ()),
        *text_totals(len(texts), params.categories),
        Total(COUNTS, 2 * params.slots * len(names), WHOLE, kind="bins"),
        AGREED,
    ]
    return {**planned_sums(context, totals, at_most=True), "statement": SUMS}


def need_equal_bins(context: RunContext, bins: Bins) -> None:
    """That all parties have chosen the same ones. Errors: CT-3237."""
    chosen = bins.model_dump(
        mode="json",
        include={
            "columns": {
                "__all__": {
                    "name": True,
                    "edges": True,
                    "categories": True,
                    "other": True,
                    "special": True,
                    "missing": True,
                    "bins": {"__all__": {"goods", "bads"}},
                }
            }
        },
    )
    sums = context.sums()
    need_equal(sums.total, canonical(chosen), lambda: len(sums.counted))


@dataclass(frozen=True)
class _Own:
    """One column here, before others are asked: which rows are of values, and their groups."""

    name: str
    valued: NDArray[np.bool_]
    """(rows,): neither missing nor special."""
    grouped: Grouped
    places: NDArray[np.uint64]
    """Codes of the groups of the rows with values; empty where these are too few."""
    values: Any
    """(rows,) numbers; or texts as places in ``names``."""
    names: Sequence[str] = ()


def pooled_slots(
    context: RunContext, shape: FrameShape, frame: VerticalFrame, names: Sequence[str], params: BinParams
) -> list[tuple[Groups, Merged]]:
    """Each column's slots with the pooled counts, equal at all parties.

    :param frame: this party's training rows.

    Errors: CT-3028, CT-3104, CT-3236 for a column whose type is another than was known; CT-3101 where no
    party has enough rows of both labels; CT-1501, CT-1502.
    """
    least, adding, labels = context.planning.min_group, context.sums().total, frame.labels()
    texts = [name for name in names if f"{EACH}.{name}" in shape.texts]
    numbers = [name for name in names if name not in texts]
    special = {name: tuple(params.special.get(f"{EACH}.{name}", ())) for name in names}
    made: dict[str, tuple[Groups, Integers]] = {}
    if numbers:
        own = [_of_numbers(frame, name, special[name], least) for name in numbers]
        found = quantiles(adding, [one.grouped for one in own], _fractions(params))
        for one, told in zip(own, found, strict=True):
            made[one.name] = _number_slots(one, _edges(told.values, params), special[one.name], params)
    if texts:
        held = [_of_texts(frame, name, special[name]) for name in texts]
        counts = [_text_counts(one) for one in held]
        for one, frequent in zip(held, frequent_texts(adding, counts, params.categories, least), strict=True):
            made[one.name] = _text_slots(one, frequent, special[one.name], params)
    whole = np.concatenate([_counts(made[name][1], labels, params.slots, least) for name in names])
    told_counts = np.rint(adding(COUNTS, whole.ravel().astype(np.float64), WHOLE)).astype(np.int64)
    result = []
    for name, (goods, bads) in zip(names, told_counts.reshape(-1, 2, params.slots), strict=True):
        if not goods.sum() or not bads.sum():
            raise LABELS_TOO_FEW(f"fewer than {least} of the training rows of each party")
        groups = replace(made[name][0], rows=goods + bads)
        result.append((groups, merge(goods + bads, bads, least)))
    return result


def _fractions(params: BinParams) -> NDArray[np.float64]:
    steps = FINER * (params.prebins if params.searches else params.most)
    return np.arange(steps + 1) / steps


def _of_numbers(frame: VerticalFrame, name: str, special: Sequence[float | str], least: int) -> _Own:
    column = frame.column(EACH, name)
    if not is_number(column.type):
        raise FL_UNFIT(f"'{name}' came to be text in this job")
    if any(isinstance(value, str) for value in special):
        raise SPECIAL_UNFIT(f"'{name}' has numbers")
    values = numbers_of(column)
    if np.isinf(values).any():
        raise NOT_FINITE(f"'{name}'")
    valued = ~np.isnan(values) & ~np.isin(values, [float(value) for value in special])
    # Rows without a value that are too few to tell of count in the middle; their slots are counted apart.
    grouped, places = grouped_values(counted_values(values[valued], len(values), least), least)
    return _Own(name, valued, grouped, places[: int(valued.sum())], values)


def _edges(quantile: NDArray[np.float64], params: BinParams) -> NDArray[np.float64]:
    """Inner ones, ascending, as of all rows; none where no party has enough values."""
    count = params.prebins if params.searches else params.most
    low, high = quantile[0], quantile[-1]
    if np.isnan(low):
        return np.zeros(0)
    if params.method == "width":
        edges = low + (high / count - low / count) * np.arange(1, count)
    else:
        different = np.unique(quantile)
        edges = different if len(different) <= count else quantile[FINER:-1:FINER]
    edges = np.unique(edges)
    return np.asarray(edges[(edges > low) & (edges <= high)])


def _number_slots(
    own: _Own, edges: NDArray[np.float64], special: Sequence[float | str], params: BinParams
) -> tuple[Groups, Integers]:
    """The column's groups, and (rows,) slots; -1 of rows that are not counted."""
    values, first = tuple(float(value) for value in special), 1 + params.specials
    slots = np.full(len(own.valued), -1)
    slots[np.isnan(own.values)] = 0
    for slot, value in enumerate(values, 1):
        slots[own.values == value] = slot
    if len(own.places):
        slots[own.valued] = np.searchsorted(edges, group_values(own.places), side="right") + first
    groups = Groups(
        name=own.name,
        kind="number",
        slots=np.zeros(0, np.uint8),
        rows=np.zeros(params.slots, np.int64),
        missing=0,
        special=tuple((value, slot) for slot, value in enumerate(values, 1)),
        first=first,
        edges=tuple(edges.tolist()),
    )
    return groups, slots


def _of_texts(frame: VerticalFrame, name: str, special: Sequence[float | str]) -> _Own:
    column = frame.column(EACH, name)
    if is_number(column.type):
        raise FL_UNFIT(f"'{name}' came to be of numbers in this job")
    if any(not isinstance(value, str) for value in special):
        raise SPECIAL_UNFIT(f"'{name}' has texts")
    codes, names = coded(column)
    apart = np.array([text in special for text in names] + [True])
    none = Grouped(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    return _Own(name, ~apart[codes], none, none.codes, codes, names)


def _text_counts(own: _Own) -> dict[str, int]:
    counts = np.bincount(own.values[own.valued], minlength=len(own.names)).tolist()
    return dict(zip(own.names, counts, strict=True))


def _text_slots(
    own: _Own, frequent: Mapping[str, int], special: Sequence[float | str], params: BinParams
) -> tuple[Groups, Integers]:
    shown = sorted(frequent, key=lambda text: (-frequent[text], text))[: params.categories - 1]
    places = {str(value): params.regular + place for place, value in enumerate(special)}
    slot_of = {**{text: place for place, text in enumerate(shown)}, **places}
    missing = params.slots - 1
    table = np.array([*(slot_of.get(text, len(shown)) for text in own.names), missing])
    groups = Groups(
        name=own.name,
        kind="category",
        slots=np.zeros(0, np.uint8),
        rows=np.zeros(params.slots, np.int64),
        missing=missing,
        special=tuple(places.items()),
        first=0,
        categories=tuple(shown),
        other=len(shown),
    )
    return groups, table[own.values]


def _counts(slots: Integers, labels: NDArray[np.int8], width: int, least: int) -> Integers:
    """(1, 2, slots) of goods and bads that this party counts."""
    counted = slots >= 0
    both = [np.bincount(slots[counted & (labels == label)], minlength=width) for label in (0, 1)]
    goods, bads = both
    merged = merge(goods + bads, bads, least)
    result = np.zeros((1, 2, width), np.int64)
    for span, good, bad in zip(merged.spans, merged.goods.tolist(), merged.bads.tolist(), strict=True):
        if min(good, bad) >= max(1, least):
            home = span.start + int(np.argmax((goods + bads)[span.start : span.stop]))
            result[0, :, home] = good, bad
    return result
