"""Points of the rows of a frame: each owner adds up its own, and the sums are added on shares.

What the label holder learns is the sum alone. Where one other party has features in the card, that is this
party's sum for each row, less what the label holder has itself: of few features with few bins it can tell the
bins from it. Every score tells as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from coterie.learn.component import FrameShape, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.linear import CLEAR, MODEL_MISMATCH, Floats
from coterie.learn.scorecard.facts import ScorecardFacts
from coterie.learn.scorecard.own import card_here, own_sum
from coterie.learn.scorecard.statement import SUMS
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Context, Program, Tape

__all__ = ["plan_scores", "run_scores", "shape_of"]

LARGEST = 2.0**48
"""Of an owner's sum, in units: the sum of five parties' is exact in float64."""
TELLS = "the points of each row, summed over all features"


def plan_scores(facts: ScorecardFacts, context: PlanContext, frame: str, to: Sequence[str]) -> StepPlan:
    """What :func:`run_scores` will do. Errors: CT-3001, CT-3054."""
    shape = shape_of(facts, context, frame)
    reveals = (Reveal(TELLS, tuple(to), shape.rows, "scores"),) if to else ()
    plan = StepPlan(step=context.step, component="scorecard", params={}, reveals=reveals)
    if context.engine != "mpc":
        return replace(plan, memory=16 * shape.rows, operations=shape.rows * shape.width, statement=CLEAR)
    return replace(plan, **needs_of(_tape(facts, context, shape, to)), statement=SUMS)


def run_scores(
    facts: ScorecardFacts, context: RunContext, step: str, frame: str, to: Sequence[str]
) -> Floats | None:
    """(rows,) points, in engine mpc at the parties of ``to``, and None elsewhere.

    Errors: CT-3002, CT-3027, and those of :func:`coterie.mpc.run`.
    """
    planning = context.planning
    shape = shape_of(facts, planning, frame)
    if context.engine != "mpc":
        card = card_here(context, step)
        total = np.zeros(context.frames[frame].rows, np.int64)
        for owner in _givers(facts, shape):
            total += own_sum(context, facts, card, owner, frame)
        return facts.scale.points(total)
    program, tape = _program(facts, shape, to), _tape(facts, planning, shape, to)
    if served(program, tape, context) is not None:
        return None
    own: dict[str, Floats] = {}
    if context.me in _givers(facts, shape):
        sums = own_sum(context, facts, card_here(context, step), context.me, frame)
        own[f"units of {context.me}"] = sums.astype(np.float64)
    revealed = computed(program, tape, context, own).revealed.get("units")
    return None if revealed is None else facts.scale.points(revealed.astype(np.int64))


def shape_of(facts: ScorecardFacts, context: PlanContext, frame: str) -> FrameShape:
    """Public facts of a frame that has the card's columns. Errors: CT-3001, CT-3054."""
    if frame not in context.frames:
        raise FRAME_MISSING(f"'{frame}'", step=context.step)
    shape = context.frames[frame]
    for owner, name in facts.places:
        if name not in shape.columns.get(owner, ()):
            raise MODEL_MISMATCH(f"'{frame}' has no column '{owner}.{name}'", step=context.step)
    return shape


def _givers(facts: ScorecardFacts, shape: FrameShape) -> tuple[str, ...]:
    """Who has points to add: owners of features, and the label holder."""
    return tuple(dict.fromkeys((*facts.columns, shape.label_holder)))


def _tape(facts: ScorecardFacts, context: PlanContext, shape: FrameShape, to: Sequence[str]) -> Tape:
    return traced(_program(facts, shape, to), context, to)


def _program(facts: ScorecardFacts, shape: FrameShape, to: Sequence[str]) -> Program:
    """The sum of what each of them gives."""

    def program(ctx: Context) -> None:
        total = ctx.zeros((shape.rows,), 0)
        for owner in _givers(facts, shape):
            total = total + ctx.provided(f"units of {owner}", owner, (shape.rows,), LARGEST, 0)
        ctx.reveal(total, to, "units")

    return program
