"""``clip``: values moved to limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import pyarrow as pa

from coterie.data import VerticalFrame
from coterie.learn.component import Engine, FrameShape, PlanContext, RunContext, Statement, Total
from coterie.learn.places import check_numbers, check_places
from coterie.learn.transform import Transform, training_of

from .clear import Clipper, clipped, fit, is_number
from .fl import pooled_limits, pooled_totals
from .params import ClipParams, Limits
from .statement import STATEMENT

__all__ = ["Clip"]

TRUTH = 1.0
"""Columns of true and false are not clipped, and lie within."""


class Clip(Transform[ClipParams, Clipper]):
    """Moves values beyond the limits to the limits, each column at its owner. Missing values stay missing.

    Quantiles are learnt from "train", or from "all" where the rows are not split, and used in every frame; in
    engine fl they are those of all parties' rows, learnt from sums.

    Errors: CT-3001 without aligned rows, CT-3020 for quantiles of a column without a value, CT-3120 for
    limits that leave nothing, CT-3135 for a column that is not there, CT-1433 for one of text that is named.
    """

    name: ClassVar[str] = "clip"
    summary: ClassVar[str] = "Move values beyond limits, or beyond quantiles of the training rows, to these."
    Parameters: ClassVar = ClipParams
    State: ClassVar = Clipper
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    statement: ClassVar[Statement] = STATEMENT

    def check(self, context: PlanContext, params: ClipParams) -> None:
        named = (*(params.columns or ()), *sorted(params.each))
        check_places(context, named)
        check_numbers(context, named)

    def totals(self, context: PlanContext, params: ClipParams) -> Sequence[Total]:
        return pooled_totals(context, training_of(context.frames), params)

    def learn(self, training: VerticalFrame, params: ClipParams, context: RunContext) -> Clipper:
        owner, found = training.owner, {}
        pooled: Mapping[str, Limits] = {}
        if context.engine == "fl":
            pooled = pooled_limits(context, training_of(context.planning.frames), training, params)
        for name in training.columns[owner]:
            limits = pooled.get(name, params.of(f"{owner}.{name}"))
            column = training.column(owner, name)
            if limits is None:
                continue
            if is_number(column):
                found[name] = fit(name, column, limits)
            elif params.named(f"{owner}.{name}"):
                training.block(0, 1).matrix((name,))  # raises what is said of text
        return Clipper(columns=found)

    def transform(self, frame: VerticalFrame, params: ClipParams, state: Clipper) -> VerticalFrame:  # noqa: ARG002
        def columns() -> Iterator[tuple[str, pa.ChunkedArray]]:
            for name, ends in state.columns.items():
                yield name, clipped(frame.column(frame.owner, name), ends)

        return frame.replaced(columns())

    def shape(self, shape: FrameShape, params: ClipParams) -> FrameShape:
        bounds = [
            _bound_of(params.of(f"{owner}.{name}"), shape.bound)
            for owner, names in shape.columns.items()
            for name in names
        ]
        known = [bound for bound in bounds if bound is not None]
        return replace(shape, bound=max(known, default=None) if len(known) == len(bounds) else None)


def _bound_of(limits: Limits | None, before: float | None) -> float | None:
    """What bounds a column afterwards. One end alone can move values out of what bounded them before."""
    if limits is None:
        return before
    if limits.bound is not None:
        return max(limits.bound, TRUTH)
    if before is None:
        return None
    return max([before, *(abs(end) for end in (limits.low, limits.high) if end is not None)])
