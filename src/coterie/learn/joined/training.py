"""What training steps on joined columns have in common."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape, PlanContext, ResultKind, RunContext
from coterie.learn.errors import EMPTY_PART, FRAME_MISSING
from coterie.learn.joined.errors import LEARNER_MISSING
from coterie.learn.keys import own_ids
from coterie.learn.linear import NO_FEATURES, need_all_here
from coterie.learn.split import drawn_rows

__all__ = [
    "check_whole",
    "give_rows",
    "granted",
    "held_back",
    "need_library",
    "training_columns",
    "training_frame",
    "training_shape",
]

Rows = NDArray[np.int64]


def need_library(module: str, step: str | None = None) -> None:
    """Raises CT-3080 where a library is not installed."""
    if find_spec(module) is None:
        raise LEARNER_MISSING(module, step=step)


def training_shape(context: PlanContext) -> FrameShape:
    """Of the rows to train on: "train", or "all" where they are not split. Errors: CT-3001, CT-3055."""
    shape = next((context.frames[name] for name in ("train", "all") if name in context.frames), None)
    if shape is None:
        raise FRAME_MISSING("'train' or 'all'", step=context.step)
    if not shape.width:
        raise NO_FEATURES("of any party", step=context.step)
    return shape


def training_columns(shape: FrameShape) -> dict[str, tuple[str, ...]]:
    """Features by owner, in model order; owners without features are left out."""
    return {owner: tuple(names) for owner, names in shape.columns.items() if names}


def training_frame(context: RunContext) -> VerticalFrame:
    """The rows to train on."""
    return context.frames["train" if "train" in context.frames else "all"]


def check_whole(context: RunContext, shape: FrameShape) -> None:
    """Raises CT-3052 where a column or the label is not here."""
    need_all_here(context, (*training_columns(shape), shape.label_holder))


def granted(context: PlanContext, kinds: Iterable[ResultKind]) -> dict[str, tuple[str, ...]]:
    """Receivers by kind of result; kinds without any are left out."""
    return {kind: to for kind in kinds if (to := context.receiving(kind))}


def held_back(frame: VerticalFrame, part: float, salt: str) -> tuple[Rows, Rows]:
    """Row numbers to train on, and of those that are held back to see when to stop.

    Rows are drawn by their ids, as in `split`.

    :param part: share of the rows that are held back.

    Errors: CT-3015 where either part is empty.
    """
    held = drawn_rows(frame, part, f"early stopping {salt}")
    parts = np.flatnonzero(~held), np.flatnonzero(held)
    if not all(map(len, parts)):
        problem = f"of {frame.rows} rows to train on, for early stopping"
        raise EMPTY_PART(problem, next_step="Choose another validation share or seed, or bring more rows.")
    return parts


def give_rows(
    context: RunContext,
    kind: ResultKind,
    file: str,
    frame: VerticalFrame,
    columns: Mapping[str, Any],
    to: Iterable[str] | None = None,
) -> None:
    """A result for each row, as Parquet, to its receivers: to each by its own ids.

    :param columns: (rows,) values by name, in the order of the frame's rows.
    :param to: only to those of them, where the content is not for all.
    """
    wanted = None if to is None else frozenset(to)
    for owner in (one for one in context.mine if wanted is None or one in wanted):
        context.give(kind, file, partial(_listed, context, owner, frame, columns), to=(owner,))


def _listed(context: RunContext, owner: str, frame: VerticalFrame, columns: Mapping[str, Any]) -> bytes:
    dataset = context.datasets[owner]
    places = own_ids(frame, owner, dataset)
    # Of other parties' rows the owner has no id to tell them by.
    ids, own = dataset.id_table(places.drop_null()), places.is_valid()
    table = pa.Table.from_arrays(
        [*ids.columns, *(pa.array(values).filter(own) for values in columns.values())],
        [*ids.column_names, *columns],
    )
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()
