"""Columns of the label holder that are looked at beside the score, as its dataset has them."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from coterie.learn.chosen import place_of
from coterie.learn.component import PlanContext, RunContext

from .errors import COLUMN_ELSEWHERE

__all__ = ["check_own", "own_column"]


def check_own(context: PlanContext, frame: str, places: Iterable[str]) -> None:
    """Raises CT-3167 for one that is no column of the label holder."""
    holder = context.label_holder
    known = {*context.columns.get(holder, ()), *context.frames[frame].columns.get(holder, ())}
    for place in places:
        owner, name = place_of(place)
        if owner != holder or name not in known:
            raise COLUMN_ELSEWHERE(f"'{place}'", step=context.step)


def own_column(context: RunContext, frame: str, place: str) -> pa.ChunkedArray:
    """(rows,) as the dataset has it, whatever steps have made of it; what a step has made anew, as it is."""
    owner, name = place_of(place)
    rows, dataset = context.frames[frame], context.datasets[owner]
    if name not in dataset.column_names:
        return rows.column(owner, name)
    return dataset.gather(rows.places[owner], context.scratch, [name]).column(name)
