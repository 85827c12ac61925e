"""``stack``: the rows of all parties, one below the other; each party keeps its own."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie.data import Dataset, VerticalFrame, table_needs
from coterie.learn.component import (
    EACH,
    Component,
    Engine,
    FrameShape,
    PlanContext,
    RunContext,
    StepPlan,
)
from coterie.learn.keys import hash_order
from coterie.learn.places import declared_texts

from .errors import NOT_HORIZONTAL, ROWS_CHANGED
from .params import StackParams
from .statement import STATEMENT

__all__ = ["Stack"]

_BYTES_PER_ROW = 80
"""Hashes of the own ids, and of the frame's rows their keys and places."""
_NUMBER = 8
"""Last bytes of a key that number the rows of one id, where ids are repeated."""

Rows = NDArray[np.int64]


class Stack(Component[StackParams]):
    """Makes the frame "all" of a job whose parties have the same columns of different people.

    Each party has its own rows there, in the order of their keyed ids, and nobody's else. Ids are not
    compared: a person whom two parties have counts twice.

    Errors: CT-3231 in a job that is not horizontal, CT-3232.
    """

    name: ClassVar[str] = "stack"
    summary: ClassVar[str] = "Take the rows of all parties together: same columns, other people."
    Parameters: ClassVar = StackParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "fl"})
    reads_datasets: ClassVar[bool] = True
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: StackParams) -> StepPlan:
        if not context.horizontal:
            raise NOT_HORIZONTAL(step=context.step)
        rows = {party: context.all_rows[party] for party in context.parties}
        context.frames["all"] = FrameShape(
            sum(rows.values()),
            dict(context.columns),
            EACH,
            context.label,
            texts=declared_texts(context),
            horizontal=rows,
        )
        most = max(rows.values())
        memory, disk = table_needs(most, 2 * (context.widest + 1))
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            rounds=dict.fromkeys(context.everybody, 0),
            memory=_BYTES_PER_ROW * most + memory,
            disk=disk,
            statement=STATEMENT,
        )

    def run(self, context: RunContext, params: StackParams) -> None:  # noqa: ARG002
        dataset = context.dataset
        if dataset is None:
            return
        planned = context.planning.all_rows[context.me]
        if dataset.rows != planned:
            raise ROWS_CHANGED(
                f"{dataset.rows} rows, and {planned} in the plan", party=context.me, step=context.step
            )
        rows, keys = _ordered(dataset, dataset.keyed_ids(context.id_key))
        context.frames["all"] = VerticalFrame(
            rows=len(rows),
            columns=dict(context.planning.columns),
            label_holder=EACH,
            label=context.planning.label,
            parts={EACH: dataset.gather(rows, context.scratch)},
            keys=keys,
            places={EACH: rows},
            repeats=dataset.groups is not None,
            scratch=context.scratch,
        )


def _ordered(dataset: Dataset, hashes: NDArray[np.uint8]) -> tuple[Rows, NDArray[np.uint8]]:
    """(rows,) row numbers in the order of their ids' hashes, and (rows, 32) keys."""
    ids = hash_order(hashes)
    if dataset.groups is None:
        return ids, hashes.take(ids, axis=0)
    rows, counts = dataset.groups.of(ids)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    keys = hashes.take(np.repeat(ids, counts), axis=0)
    keys[:, -_NUMBER:] = (np.arange(len(rows)) - starts).astype("<u8").view(np.uint8).reshape(-1, _NUMBER)
    return rows, keys
