"""``standardize``: all features on one scale, within known bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame, table_needs
from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, PlanContext, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING

from .clear import Standardizer, fit
from .params import StandardizeParams
from .statement import STATEMENT

__all__ = ["Standardize"]


class Standardize(Component[StandardizeParams]):
    """Scales every feature to mean 0 and deviation 1 of the training rows, each at its owner.

    The scales are learnt from "train", or from "all" where the rows are not split, and used in every frame.
    Values lie within ``clip`` afterwards, which later steps may rely on.

    Errors: CT-3001 without aligned rows, CT-3025 for a feature that does not vary, CT-3027 for missing
    values, CT-3028, CT-1433 for text.
    """

    name: ClassVar[str] = "standardize"
    summary: ClassVar[str] = "Scale every feature to mean 0 and deviation 1, each at its owner, and clip it."
    Parameters: ClassVar = StandardizeParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: StandardizeParams) -> StepPlan:
        if "all" not in context.frames:
            raise FRAME_MISSING("'all'", step=context.step)
        rows = context.frames["all"].rows
        memory, disk = table_needs(rows, context.widest * len(context.frames))
        for name, shape in context.frames.items():
            context.frames[name] = replace(shape, bound=params.clip)
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            memory=memory + 6 * 8 * rows,
            disk=disk,
            statement=STATEMENT,
        )

    def run(self, context: RunContext, params: StandardizeParams) -> None:
        if not context.computes:
            return
        scales = {}
        for owner in context.mine:
            try:
                scales[owner] = _scale_columns(context, owner, params)
            except CoterieError as error:
                raise error.at(party=owner, step=context.step) from None
        context.models[context.step] = scales


def _scale_columns(context: RunContext, owner: str, params: StandardizeParams) -> Standardizer:
    """One owner's columns, in all frames."""
    training = context.frames.get("train", context.frames["all"]).part(owner)
    own = [name for name in training.columns[owner] if f"{owner}.{name}" not in params.keep]
    scales = fit(((name, training.matrix((name,))[:, 0]) for name in own), params)
    for name, frame in context.frames.items():
        part = frame.part(owner)
        context.frames[name] = frame.with_part(part.with_columns(_scaled(scales, part, own)))
    return scales


def _scaled(
    scales: Standardizer, frame: VerticalFrame, own: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The columns on their scales, one after another."""
    for name in own:
        yield name, scales.apply(name, frame.matrix((name,))[:, 0])
