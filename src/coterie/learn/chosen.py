"""Columns that a parameter names, as ``party.column``, and which of a frame's features a step looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, StringConstraints

from coterie.learn.component import FrameShape, PlanContext
from coterie.learn.errors import COLUMN_NOT_THERE, FRAME_MISSING

__all__ = ["ColumnsOf", "FrameName", "Place", "chosen", "place_of", "shape_of"]

LONGEST_COLUMN = 128


def _of_a_column(place: str) -> str:
    if len(place.partition(".")[2]) > LONGEST_COLUMN:
        raise ValueError(f"a column's name has at most {LONGEST_COLUMN} characters")
    return place


# The length is no part of the pattern, which would be a hundred times as large in memory, in each use.
Place = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}\.[^\x00-\x1f\x7f-\x9f]+$"),
    AfterValidator(_of_a_column),
]
"""A column of one party, as ``party.column``."""
FrameName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
"""Of a frame, such as "train"."""

ColumnsOf: TypeAlias = dict[str, tuple[str, ...]]
"""By owner, in model order."""


def place_of(column: str) -> tuple[str, str]:
    """Owner and name of ``party.column``; names of parties have no full stop."""
    owner, _, name = column.partition(".")
    return owner, name


def shape_of(context: PlanContext, frame: str) -> FrameShape:
    """Errors: CT-3001 where no step before makes that frame."""
    if frame not in context.frames:
        raise FRAME_MISSING(f"'{frame}'", step=context.step)
    return context.frames[frame]


def chosen(shape: FrameShape, columns: Sequence[str] | None, step: str) -> ColumnsOf:
    """The features of those places by owner, in model order, whatever order they are named in.

    :param columns: None for all. Owners without any are left out.

    Errors: CT-3135 for one that is not among the frame's features.
    """
    wanted = None if columns is None else {place_of(column) for column in columns}
    for owner, name in sorted(wanted or ()):
        if name not in shape.columns.get(owner, ()):
            raise COLUMN_NOT_THERE(f"'{owner}.{name}'", step=step)
    kept = {
        owner: tuple(name for name in names if wanted is None or (owner, name) in wanted)
        for owner, names in shape.columns.items()
    }
    return {owner: names for owner, names in kept.items() if names}
