"""The model that was trained on hidden rows: shares of its coefficients, to score such rows with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coterie.learn.align import CLIP, FRAC, own_prepared
from coterie.learn.component import FrameShape, RunContext
from coterie.learn.errors import MODEL_MISSING
from coterie.learn.logistic.design import WEIGHT_FRAC
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.scoring import HiddenFacts, ScoreUnit
from coterie.mpc import Context, Inputs, Interval, Kept, Private, Secret, functions

__all__ = ["HiddenModelFacts", "logits"]

OWN, SHARED, WEIGHTS = "own columns", "columns", "coefficients"


def logits(
    ctx: Context, rows: int, own: Private | None, shared: Secret | None, weights: Secret, *, intercept: bool
) -> Secret:
    """(rows,) the log-odds.

    :param own: (rows, own) of the holder. :param shared: (rows, others), 0 where a row is not common.
    :param weights: of the holder's columns, the other party's, and the intercept where there is one.
    """
    ctx.open(weights)
    first = 0 if own is None else own.shape[1]
    last = weights.shape[0] - int(intercept)
    parts = []
    if own is not None:
        parts.append(ctx.private_product("matmul", [(own, weights[:first])]))
    if shared is not None:
        parts.append(ctx.product("matmul", shared, weights[first:last]))
    if intercept:
        parts.append(functions.broadcast_to(weights[last:].times(1.0, FRAC), (rows,)))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


@dataclass(frozen=True)
class HiddenModelFacts(HiddenFacts):
    """What is public of it."""

    columns: Mapping[str, tuple[str, ...]]
    holder: str
    other: str
    bound: float
    """Of every coefficient and the intercept."""
    params: LogisticParams

    @property
    def unit(self) -> ScoreUnit:
        return "probability"

    @property
    def training(self) -> LogisticParams:
        return self.params

    def logits(self, ctx: Context, shape: FrameShape) -> Secret:
        own, others = (len(self.columns.get(party, ())) for party in (self.holder, self.other))
        size, rows = own + others + int(self.params.intercept), shape.rows
        weights = ctx.shared(WEIGHTS, (size,), self.bound, WEIGHT_FRAC)
        mine = ctx.private(OWN, self.holder, (rows, own), CLIP, FRAC) if own else None
        theirs = ctx.shared(SHARED, (rows, others), CLIP, FRAC) if others else None
        ctx.open(weights, *([] if theirs is None else [theirs]))
        return logits(ctx, rows, mine, theirs, weights, intercept=self.params.intercept)

    def inputs(self, context: RunContext, step: str, frame: str) -> Inputs:
        weights, rows = context.models.get(step), context.frames[frame].hidden
        if not isinstance(weights, Kept):
            raise MODEL_MISSING(f"'{step}'", step=context.step, party=context.me)
        assert rows is not None  # as its shape says
        given: Inputs = {WEIGHTS: weights}
        if self.columns.get(self.other):
            given = {**given, SHARED: Kept(rows.columns, FRAC, Interval(-CLIP, CLIP))}
        own, _ = own_prepared(context, frame)
        return given if own is None else {**given, OWN: own}
