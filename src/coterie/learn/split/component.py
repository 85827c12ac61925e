"""``split``: rows for training and rows for the test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from coterie.data import VerticalFrame, table_needs
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import EMPTY_PART, FRAME_MISSING, ONE_CLASS, SPLIT_TWICE

from .clear import is_test
from .params import SplitParams
from .statement import STATEMENT

__all__ = ["Split"]

PARTS = ("train", "test")


class Split(Component[SplitParams]):
    """Divides the frame "all" into "train" and "test".

    Errors: CT-3001 without aligned rows, CT-3015 where a part is empty, CT-3016 where the label holder finds
    a part with one label value only, CT-3017 for a second split.
    """

    name: ClassVar[str] = "split"
    summary: ClassVar[str] = "Divide the rows into training and test rows by the keyed hash of their id."
    Parameters: ClassVar = SplitParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})
    ends_stage: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: SplitParams) -> StepPlan:
        if "train" in context.frames:
            raise SPLIT_TWICE(step=context.step)
        if "all" not in context.frames:
            raise FRAME_MISSING("'all'", step=context.step)
        whole = context.frames["all"]
        for part in PARTS:
            context.frames[part] = whole
        memory, disk = table_needs(whole.rows, context.widest + 1)
        everybody = context.everybody
        sizes = Reveal("number of training rows and number of test rows", everybody, 2)
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            rounds=dict.fromkeys(everybody, 0),
            reveals=(sizes,) if everybody else (),
            memory=72 * whole.rows + memory,
            disk=disk,
            statement=STATEMENT,
        )

    def run(self, context: RunContext, params: SplitParams) -> None:
        if not context.computes:
            return
        whole = context.frames["all"]
        test = is_test(whole.keys, params.test, params.salt)
        for part, chosen in zip(PARTS, (~test, test), strict=True):
            if not chosen.any():
                raise EMPTY_PART(f"'{part}' of {whole.rows} rows", party=context.me, step=context.step)
            frame = whole.take(np.flatnonzero(chosen))
            if frame.label_holder in context.mine:
                _check_label(frame, part, context, params)
            context.frames[part] = frame

    def facts(self, context: RunContext) -> dict[str, int]:
        return {f"rows.{part}": context.frames[part].rows for part in PARTS if part in context.frames}

    def apply_facts(self, context: PlanContext, facts: Mapping[str, int]) -> None:
        for part in PARTS:
            context.frames[part] = context.frames[part].with_rows(facts[f"rows.{part}"])


def _check_label(frame: VerticalFrame, part: str, context: RunContext, params: SplitParams) -> None:
    labels = frame.labels() if params.label == "binary" else frame.target()
    if labels.min() == labels.max():
        raise ONE_CLASS(f"'{part}' of {frame.rows} rows", party=context.me, step=context.step)
