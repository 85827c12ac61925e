"""What is public of a step over columns of all parties, and what an owner brings to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from coterie.errors import CoterieError
from coterie.learn.chosen import ColumnsOf, chosen, shape_of
from coterie.learn.component import FrameShape, PlanContext, RunContext
from coterie.learn.correlate.errors import TOO_FEW_COLUMNS
from coterie.learn.correlate.mpc import CORRELATIONS, correlations, matrix_of, own_inputs
from coterie.learn.correlate.own import own_block, unit_columns
from coterie.learn.correlate.params import CorrelateParams, VifParams
from coterie.learn.errors import NOBODY_RECEIVES
from coterie.learn.linear import Floats, need_all_here
from coterie.mpc import Program

__all__ = ["Task", "all_columns", "own_columns", "task_of"]


@dataclass(frozen=True)
class Task:
    """Derived again by whoever needs it."""

    frame: str
    shape: FrameShape
    columns: ColumnsOf
    params: CorrelateParams | VifParams
    to: tuple[str, ...]
    """Who learns the result."""
    group: int
    """Fewest rows that must differ from a column's most frequent value; 0 where nobody else is concerned."""

    @property
    def widths(self) -> dict[str, int]:
        return {owner: len(names) for owner, names in self.columns.items()}

    @property
    def width(self) -> int:
        return sum(self.widths.values())

    @property
    def places(self) -> tuple[str, ...]:
        """As ``party.column``."""
        return tuple(f"{owner}.{name}" for owner, names in self.columns.items() for name in names)

    @property
    def pairs(self) -> int:
        """Of columns."""
        return self.width * (self.width - 1) // 2

    def memory(self, context: PlanContext) -> int:
        """Bytes of an owner's columns on their way."""
        return 4 * 8 * self.shape.rows * context.widest

    def program(self) -> Program:
        """Reveals the correlations to ``to``."""
        return correlations(self.shape.rows, self.widths, self.to)

    def inputs(self, context: RunContext) -> Mapping[str, Floats]:
        """This party's own. Errors: those of :func:`own_columns`."""
        return own_inputs(context.me, own_columns(context, self))

    def told(self, revealed: Mapping[str, Floats]) -> Floats | None:
        """(width, width), at who is told."""
        found = revealed.get(CORRELATIONS)
        return None if found is None else matrix_of(found, self.widths)

    def in_clear(self, context: RunContext) -> Floats:
        """(width, width), where all columns are. Errors: CT-3052, and those of :func:`own_columns`."""
        return own_block(all_columns(context, self))


def task_of(
    context: PlanContext, params: CorrelateParams | VifParams, to: tuple[str, ...] | None = None
) -> Task:
    """:param to: who learns the result, where that is not who is granted "correlations".

    Errors: CT-3001, CT-3135, CT-3136, CT-3137.
    """
    frame = params.frame or ("train" if "train" in context.frames else "all")
    shape = shape_of(context, frame)
    columns = chosen(shape, params.columns, context.step)
    receivers = context.receiving("correlations") if to is None else to
    if not receivers:
        raise NOBODY_RECEIVES("'correlations'", step=context.step)
    alone = context.engine != "fl" and len(columns) == 1 and set(receivers) <= set(columns)
    found = Task(frame, shape, columns, params, receivers, 0 if alone else context.min_group)
    if found.width < 2:
        raise TOO_FEW_COLUMNS(f"{found.width} in frame '{frame}'", step=context.step)
    return found


def own_columns(context: RunContext, task: Task) -> Floats | None:
    """(rows, own width): the unit columns that are here, in model order; None where there are none.

    Errors: those of :func:`coterie.learn.correlate.own.unit_columns`, with their owner.
    """
    frame, found = context.frames[task.frame], []
    for owner in context.mine:
        names = task.columns.get(owner, ())
        if not names:
            continue
        try:
            fill = task.params.missing == "mean"
            found.append(unit_columns(frame, owner, names, task.params.method, fill=fill, group=task.group))
        except CoterieError as error:
            raise error.at(party=owner, step=context.step) from None
    return np.hstack(found) if found else None


def all_columns(context: RunContext, task: Task) -> Floats:
    """(rows, width). Errors: CT-3052 where some are not here."""
    need_all_here(context, task.columns)
    found = own_columns(context, task)
    assert found is not None
    return found
