"""New columns that are made of all features together. They need an owner, as all columns do: whoever owns the
features they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import pyarrow as pa

from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape, PlanContext, RunContext
from coterie.learn.joined.errors import SEVERAL_OWNERS
from coterie.learn.places import check_new, relaid

__all__ = ["check_derived", "derived_frames", "derived_shape", "plan_derived"]

Made: TypeAlias = "Iterable[tuple[str, pa.ChunkedArray]]"


def check_derived(
    context: PlanContext,
    columns: Mapping[str, Sequence[str]],
    made: Sequence[str],
    dropped: Sequence[str] = (),
) -> None:
    """Errors: CT-3275 where features of several owners would become columns of one; CT-3115.

    :param columns: by owner, of which the new ones are made. :param made: names of the new ones.
    :param dropped: names of columns whose places these take.
    """
    if len(columns) > 1:
        raise SEVERAL_OWNERS(f"of {', '.join(columns)}", step=context.step)
    (owner,) = columns
    check_new(context, (f"{owner}.{name}" for name in made), [f"{owner}.{name}" for name in dropped])


def derived_shape(
    shape: FrameShape, owner: str, made: Sequence[str], dropped: Sequence[str] = ()
) -> FrameShape:
    """The public facts of a frame with the new columns behind its others. Nothing bounds them."""
    kept = tuple(name for name in shape.columns.get(owner, ()) if name not in set(dropped))
    after = replace(shape, columns={**shape.columns, owner: (*kept, *made)}, bound=None)
    return replace(after, texts=after.texts & after.places)


def plan_derived(context: PlanContext, owner: str, made: Sequence[str], dropped: Sequence[str] = ()) -> None:
    """Every frame of the job gets them."""
    for name, shape in context.frames.items():
        context.frames[name] = derived_shape(shape, owner, made, dropped)


def derived_frames(
    context: RunContext,
    owner: str,
    make: Callable[[VerticalFrame], Made],
    made: Sequence[str],
    dropped: Sequence[str] = (),
) -> None:
    """The same where the columns are.

    :param make: of a frame's rows the new columns, in the order of ``made``.
    """
    for name, frame in context.frames.items():
        after = derived_shape(context.planning.frames[name], owner, made, dropped)
        changed = relaid(frame.part(owner), after.columns[owner], make(frame), dropped)
        context.frames[name] = frame.with_part(changed).with_columns_of(after.columns)
