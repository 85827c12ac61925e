"""``woe``: replace values by the weights of evidence of their bins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.component import Engine, FrameShape, PlanContext, RunContext, Statement, StepPlan
from coterie.learn.transform import Transform, training_of

from .errors import BINS_MISSING, VALUE_UNSEEN
from .facts import WoeFacts, bins_facts, bins_here
from .params import WoeParams
from .record import NOWHERE, Bins, ColumnBins
from .statement import WOE

__all__ = ["Woe", "weights"]


class Woe(Transform[WoeParams, Bins]):
    """Replaces every feature by the weights of evidence of its bins, each at its owner.

    Values lie within ``clip`` afterwards, which later steps may rely on.

    Errors: CT-3001 without aligned rows, CT-3103 for a feature without bins, CT-3105 for a column of another
    type than in training, CT-3106 for a value without a bin, where these are refused.
    """

    name: ClassVar[str] = "woe"
    summary: ClassVar[str] = (
        "Replace every feature by the weights of evidence of its bins, each at its owner."
    )
    Parameters: ClassVar = WoeParams
    State: ClassVar = Bins
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    statement: ClassVar[Statement] = WOE

    def check(self, context: PlanContext, params: WoeParams) -> None:
        step, facts = bins_facts(context, params.bins)
        shape: FrameShape = training_of(context.frames)
        for owner, names in shape.columns.items():
            for name in names:
                if name not in facts.columns.get(owner, ()) and f"{owner}.{name}" not in params.keep:
                    raise BINS_MISSING(f"'{step}' has none of '{owner}.{name}'", step=context.step)

    def plan(self, context: PlanContext, params: WoeParams) -> StepPlan:
        plan = super().plan(context, params)
        shape: FrameShape = training_of(context.frames)
        kept = frozenset(params.keep)
        context.models[context.step] = WoeFacts(
            {
                owner: tuple(name for name in names if f"{owner}.{name}" not in kept)
                for owner, names in shape.columns.items()
            }
        )
        return plan

    def learn(self, training: VerticalFrame, params: WoeParams, context: RunContext) -> Bins:
        owner = training.owner
        step, _ = bins_facts(context.planning, params.bins)
        used = frozenset(_weighed(training, params))
        if not used:
            return Bins(columns=())
        bins = bins_here(context, step, owner)
        return Bins(columns=tuple(one for one in bins.columns if one.name in used))

    def transform(self, frame: VerticalFrame, params: WoeParams, state: Bins) -> VerticalFrame:
        def columns() -> Iterator[tuple[str, NDArray[np.float64]]]:
            for name in _weighed(frame, params):
                bins = state.of(name)
                if bins is None:
                    raise BINS_MISSING(f"'{frame.owner}.{name}'")
                yield name, weights(frame, bins, params)

        return frame.with_columns(columns())

    def shape(self, shape: FrameShape, params: WoeParams) -> FrameShape:
        return replace(shape, bound=params.clip, texts=shape.texts & frozenset(params.keep))


def weights(frame: VerticalFrame, bins: ColumnBins, params: WoeParams) -> NDArray[np.float64]:
    """(rows,) of one column. Errors: CT-3105, CT-3106."""
    found = bins.assign(frame.column(frame.owner, bins.name))
    if params.unseen == "refuse" and (found == NOWHERE).any():
        raise VALUE_UNSEEN(f"'{frame.owner}.{bins.name}'")
    return np.clip(bins.woes, -params.clip, params.clip)[found]


def _weighed(frame: VerticalFrame, params: WoeParams) -> list[str]:
    owner = frame.owner
    return [name for name in frame.columns.get(owner, ()) if f"{owner}.{name}" not in params.keep]
