"""An owner's rows in groups, by its own columns alone: before any label is looked at.

Every column has as many *slots*, so that a plan tells nothing of it. Of numbers they are, in this order:
missing, special values, quantiles or ranges from low to high, and empty ones. Of texts: categories from the
most frequent one, all others, empty ones, special values, missing. Groups that are too small are merged along
this order: those with too few rows here, those with too few goods or bads on shares, see
:mod:`coterie.learn.binning.merging`.

Where a merged group ends is told to the owner, and it ends where enough is together. Were a single row
counted at a slot of its own, an end there would show that row's label.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coterie.learn.errors import NOT_FINITE

from .errors import SPECIAL_UNFIT
from .params import BinParams
from .record import Kind, Special, coded, is_number, numbers_of

__all__ = ["Groups", "grouped"]

Floats = NDArray[np.float64]
Slots = NDArray[np.uint8]


@dataclass(frozen=True)
class Groups:
    """One column, of one owner."""

    name: str
    kind: Kind
    slots: Slots
    """(rows,) at which slot each row is counted: its own, or where that has too few rows a neighbour's."""
    rows: NDArray[np.int64]
    """(slots,) how many rows each has itself."""
    missing: int
    """Its slot."""
    special: tuple[tuple[Special, int], ...]
    """Values with their slots."""
    first: int
    """Slot of the lowest numbers, or of the most frequent category."""
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    """In the order of their slots."""
    other: int | None = None
    """Slot of all other categories, where there are any."""

    @cached_property
    def counted(self) -> NDArray[np.int64]:
        """(slots,) how many rows are counted at each: none, or enough, where all together are."""
        return np.bincount(self.slots, minlength=len(self.rows))

    @property
    def apart(self) -> NDArray[np.bool_]:
        """(slots,) whether it is for missing or special values."""
        result = np.zeros(len(self.rows), np.bool_)
        result[[self.missing, *(slot for _, slot in self.special)]] = True
        return result


def grouped(
    name: str, column: pa.ChunkedArray, params: BinParams, special: tuple[Special, ...], least: int
) -> Groups:
    """The groups of one column.

    :param least: rows of a category that is told apart, and rows that are counted at one slot, at least.

    Errors: CT-3028 for an infinite number, CT-3104 for a special value of another type.
    """
    if is_number(column.type):
        if any(isinstance(value, str) for value in special):
            raise SPECIAL_UNFIT(f"'{name}' has numbers")
        numbers = tuple(float(value) for value in special)
        return _together(_of_numbers(name, numbers_of(column), params, numbers), least)
    if any(not isinstance(value, str) for value in special):
        raise SPECIAL_UNFIT(f"'{name}' has texts")
    return _together(_of_texts(name, column, params, special, least), least)


def _together(groups: Groups, least: int) -> Groups:
    """With slots of too few rows counted at the next one that has enough with them; at the last such one
    where none follows."""
    places = np.arange(len(groups.rows), dtype=np.uint8)
    start = seen = 0
    end = len(places) - 1
    for slot, rows in enumerate(groups.rows.tolist()):
        seen += rows
        if seen >= least:
            places[start : slot + 1] = slot
            start, seen, end = slot + 1, 0, slot
    if seen:
        places[start:] = end
    return replace(groups, slots=places[groups.slots])


def _of_numbers(name: str, values: Floats, params: BinParams, special: tuple[float, ...]) -> Groups:
    if np.isinf(values).any():
        raise NOT_FINITE(f"'{name}'")
    first = 1 + params.specials
    absent = np.isnan(values)
    apart = absent | np.isin(values, special) if special else absent
    edges = _edges(values[~apart], params)
    slots = (np.searchsorted(edges, values, side="right") + first).astype(np.uint8)
    for slot, value in enumerate(special, 1):
        slots[values == value] = slot
    slots[absent] = 0
    return Groups(
        name=name,
        kind="number",
        slots=slots,
        rows=np.bincount(slots, minlength=params.slots),
        missing=0,
        special=tuple((value, slot) for slot, value in enumerate(special, 1)),
        first=first,
        edges=tuple(edges.tolist()),
    )


def _edges(values: Floats, params: BinParams) -> Floats:
    """Inner ones, ascending; each has values on both sides."""
    count = params.prebins if params.searches else params.most
    if not values.size:
        return np.zeros(0)
    low, high = values.min(), values.max()
    if params.method == "width":
        edges = low + (high / count - low / count) * np.arange(1, count)
    else:
        values = np.sort(values)
        changes = np.flatnonzero(values[1:] > values[:-1]) + 1
        few = changes.size < count
        edges = values[changes] if few else np.quantile(values, np.arange(1, count) / count)
    edges = np.unique(edges)
    return np.asarray(edges[(edges > low) & (edges <= high)])


def _of_texts(
    name: str, column: pa.ChunkedArray, params: BinParams, special: tuple[Special, ...], least: int
) -> Groups:
    codes, names = coded(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    slot_of = np.zeros(len(names) + 1, np.uint8)
    missing = slot_of[-1] = params.slots - 1
    places = {value: params.regular + place for place, value in enumerate(special)}
    usual = [code for code, text in enumerate(names) if counts[code] and text not in places]
    usual.sort(key=lambda code: (-counts[code], names[code]))
    shown = [code for code in usual if counts[code] >= least]
    if len(shown) < len(usual) or len(shown) > params.categories:
        shown = shown[: params.categories - 1]
    other = len(shown) if len(shown) < len(usual) else None
    slot_of[usual] = len(shown)
    slot_of[shown] = np.arange(len(shown))
    for code, text in enumerate(names):
        if text in places:
            slot_of[code] = places[text]
    slots = slot_of[codes]
    return Groups(
        name=name,
        kind="category",
        slots=slots,
        rows=np.bincount(slots, minlength=params.slots),
        missing=int(missing),
        special=tuple(places.items()),
        first=0,
        categories=tuple(names[code] for code in shown),
        other=other,
    )
