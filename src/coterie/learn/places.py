"""Columns that a step takes, makes and leaves, as ``party.column``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from coterie.data import NOT_NUMERIC, VerticalFrame, laid
from coterie.learn.chosen import place_of, shape_of
from coterie.learn.component import EACH, FrameShape, PlanContext
from coterie.learn.errors import COLUMN_EXISTS, COLUMN_NOT_THERE

__all__ = [
    "TEXTS",
    "NothingLearnt",
    "bound_after",
    "check_new",
    "check_numbers",
    "check_places",
    "declared_texts",
    "names_of",
    "owned",
    "relaid",
]

TEXTS = ("text", "category")
"""Declared types of columns whose values are texts."""


class NothingLearnt(BaseModel):
    """The state of a transform whose parameters say all."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def owned(places: Iterable[str], owner: str) -> tuple[str, ...]:
    """Names of those of the columns that are the owner's, in their order."""
    return tuple(name for party, name in map(place_of, places) if party == owner)


def names_of(shape: FrameShape, owner: str, *, label: bool = False) -> tuple[str, ...]:
    """The owner's columns: its features, and its label where that is asked for."""
    names = tuple(shape.columns.get(owner, ()))
    return (*names, shape.label) if label and owner == shape.label_holder else names


def check_places(context: PlanContext, places: Iterable[str], *, label: bool = False) -> None:
    """Raises CT-3001 without aligned rows, CT-3135 for a column that the frame "all" does not have.

    :param label: whether the label may be named, too.
    """
    known = _known(shape_of(context, "all"), label=label)
    for place in places:
        if place not in known:
            raise COLUMN_NOT_THERE(f"'{place}'", step=context.step)


def declared_texts(context: PlanContext) -> frozenset[str]:
    """Features of the job, as ``party.column``, that their datasets declare as texts."""
    return frozenset(
        f"{owner}.{name}"
        for owner, names in context.columns.items()
        for name in names
        if context.types.get(owner, {}).get(name) in TEXTS
    )


def check_numbers(context: PlanContext, places: Iterable[str]) -> None:
    """Refuse columns that are known to hold texts while a job is planned: others are found when it runs.

    Errors: CT-3001 without aligned rows; CT-1433.
    """
    texts = shape_of(context, "all").texts
    for place in places:
        if place in texts:
            raise NOT_NUMERIC(f"column '{place}'", step=context.step)


def check_new(context: PlanContext, places: Iterable[str], dropped: Iterable[str] = ()) -> None:
    """Columns that a step makes have names that no column of their owner has, but for dropped ones.

    Errors: CT-3001; CT-3115; CT-3135 where the owner has no data in the job.
    """
    shape = shape_of(context, "all")
    taken = (_known(shape, label=True) | set(shape.apart)) - set(dropped)
    for place in places:
        owner, _ = place_of(place)
        if owner not in ((EACH,) if context.horizontal else context.parties):
            raise COLUMN_NOT_THERE(f"'{place}': '{owner}' has no data in this job", step=context.step)
        if place in taken:
            raise COLUMN_EXISTS(f"'{place}'", step=context.step)
        taken.add(place)


def _known(shape: FrameShape, *, label: bool) -> set[str]:
    """All columns of a frame, as ``party.column``."""
    found = {f"{owner}.{name}" for owner, names in shape.columns.items() for name in names}
    return found | {f"{shape.label_holder}.{shape.label}"} if label else found


def relaid(
    frame: VerticalFrame,
    features: Sequence[str],
    new: Iterable[tuple[str, pa.ChunkedArray]],
    dropped: Iterable[str] = (),
) -> VerticalFrame:
    """The frame with new columns of its one owner, and without some; what else is in the table stays.

    :param features: the owner's features from now on, in model order.
    :param new: (rows,) each, by name; asked for one after another. They take the place of others of the name.
    :param dropped: names. The label stays whatever is named.

    Errors: CT-1120, CT-1121.
    """
    made = laid(new, frame.rows, frame.scratch)
    gone = {*dropped, *made.column_names} - {frame.label}
    table = frame.table.select([name for name in frame.table.column_names if name not in gone])
    for name in made.column_names:
        table = table.append_column(name, made.column(name))
    return frame.reshaped(table, features)


def bound_after(shape: FrameShape, changed: Iterable[str], bound: float | None) -> float | None:
    """What bounds every feature of a frame in which the changed columns, as ``party.column``, lie in
    [-bound, bound]: the others must have been bounded before."""
    if bound is None:
        return None
    done = frozenset(changed)
    others = any(f"{owner}.{name}" not in done for owner, names in shape.columns.items() for name in names)
    if not others:
        return bound
    return None if shape.bound is None else max(shape.bound, bound)
