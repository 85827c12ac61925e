"""From merged counts to a column's final bins: at the column's owner, the same in every engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .groups import Groups
from .merging import Merged, merge
from .params import BinParams
from .record import NOWHERE, Bin, ColumnBins
from .search import Limits, chimerge, optimal

__all__ = ["counted", "final", "values_of"]

Integers = NDArray[np.int64]
_SHOWN = 64
"""Characters of a category's name in a bin's label."""


def counted(groups: Groups, labels: NDArray[np.int8], least: int) -> Merged:
    """The counts of a column's groups, where labels and column are in one place."""
    bads = np.bincount(groups.slots[labels == 1], minlength=len(groups.rows))
    return merge(groups.counted, bads, least)


def values_of(goods: Integers, bads: Integers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of evidence, and what each bin adds to the information value.

    :param goods: (bins,) of all bins of a column. 0 and 0 where a bin has none of one label value, which only
        is where all rows together have not enough to show.
    """
    share = goods / max(1, int(goods.sum()))
    other = bads / max(1, int(bads.sum()))
    both = (goods > 0) & (bads > 0)
    woe = np.log(np.divide(share, other, where=both, out=np.ones(len(goods))))
    return woe, (share - other) * woe * both


def final(groups: Groups, merged: Merged, params: BinParams) -> ColumnBins:
    """The bins of a column, of counts of which each may be shown to its owner."""
    parts = _final_parts(groups, merged, params)
    goods = np.array([sum(int(merged.goods[g]) for g in part) for part in parts])
    bads = np.array([sum(int(merged.bads[g]) for g in part) for part in parts])
    woe, iv = values_of(goods, bads)
    place = np.full(len(groups.rows), NOWHERE)
    for number, part in enumerate(parts):
        for group in part:
            place[merged.spans[group]] = number
    edges, labels = _cuts(groups, place), _labels(groups, place, len(parts))
    bins = tuple(
        Bin(label=label, rows=int(g + b), goods=int(g), bads=int(b), rate=float(b / max(1, g + b)), **values)
        for label, g, b, values in zip(
            labels,
            goods,
            bads,
            ({"woe": float(w), "iv": float(v)} for w, v in zip(woe, iv, strict=True)),
            strict=True,
        )
    )

    def seen(slot: int) -> int:
        return int(place[slot]) if groups.rows[slot] else NOWHERE

    return ColumnBins(
        name=groups.name,
        kind=groups.kind,
        method=params.method,
        edges=edges,
        categories={name: seen(slot) for slot, name in enumerate(groups.categories)},
        other=NOWHERE if groups.other is None else seen(groups.other),
        special=tuple((value, seen(slot)) for value, slot in groups.special),
        missing=seen(groups.missing),
        valued=bool(groups.rows[~groups.apart].any()),
        rows=int(groups.rows.sum()),
        missing_rows=int(groups.rows[groups.missing]),
        bins=bins,
        iv=math.fsum(iv),
    )


def _final_parts(groups: Groups, merged: Merged, params: BinParams) -> list[list[int]]:
    """Merged groups by final bin: those of values first; then, each alone, special and missing ones."""
    valued = groups.rows.astype(np.bool_) & ~groups.apart
    has_values = [bool(valued[span].any()) for span in merged.spans]
    usual = [number for number, has in enumerate(has_values) if has]
    apart = [[number] for number, has in enumerate(has_values) if not has]
    if groups.kind == "number":  # missing ones come first among slots, and last among bins
        apart.reverse()
    if params.searches and len(usual) > 1:
        if groups.kind == "category":
            usual.sort(key=lambda number: merged.bads[number] / merged.rows[number])
        starts = _starts(groups, merged, usual, params)
        return [*(usual[a:b] for a, b in zip(starts, [*starts[1:], len(usual)], strict=True)), *apart]
    return [*([number] for number in usual), *apart]


def _starts(groups: Groups, merged: Merged, usual: Sequence[int], params: BinParams) -> list[int]:
    goods, bads = merged.goods[usual], merged.bads[usual]
    limits = Limits(params.most, math.ceil(params.min_share * int(groups.rows.sum())))
    if params.method == "chimerge":
        return chimerge(goods, bads, limits, params.confidence)
    trend = params.trend if groups.kind == "number" else "ascending"  # which is how they are sorted
    return optimal(goods, bads, limits, trend)


def _cuts(groups: Groups, place: Integers) -> tuple[float, ...]:
    """Edges between slots of different bins."""
    if groups.kind != "number":
        return ()
    of = place[groups.first : groups.first + len(groups.edges) + 1]
    return tuple(edge for edge, a, b in zip(groups.edges, of, of[1:], strict=False) if a != b)


def _labels(groups: Groups, place: Integers, count: int) -> list[str]:
    """What is in each bin, in words."""
    texts: list[list[str]] = [[] for _ in range(count)]
    if groups.kind == "number":
        has_values = bool(groups.rows[groups.first :].any())
        edges = [-math.inf, *_cuts(groups, place), math.inf] if has_values else []
        for number, (low, high) in enumerate(pairwise(edges)):
            texts[number].append(f"{'(' if low == -math.inf else '['}{low:.6g}, {high:.6g})")
    for slot, name in enumerate(groups.categories):
        texts[place[slot]].append(name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…")
    if groups.other is not None:
        texts[place[groups.other]].append("(other)")
    for value, slot in groups.special:
        if groups.rows[slot]:
            texts[place[slot]].append(value if isinstance(value, str) else f"{value:.6g}")
    if groups.rows[groups.missing]:
        texts[place[groups.missing]].append("(missing)")
    return [", ".join(parts) for parts in texts]
