"""Scores of the rows of a frame by a model that is whole at one place."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.learn.component import PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING, MODEL_MISSING
from coterie.learn.joined.facts import JoinedFacts, JoinedModel
from coterie.learn.linear import CLEAR, MODEL_MISMATCH, Floats

__all__ = ["score_plan", "score_run"]


def score_plan(context: PlanContext, model_step: str, frame: str, to: Sequence[str]) -> StepPlan:
    """What :func:`score_run` will do: nothing is sent. As :func:`coterie.learn.linear.score_plan`.

    Errors: CT-3001, CT-3002 (no such frame or model), CT-3054 (other columns).
    """
    facts, shape = context.models.get(model_step), context.frames.get(frame)
    if not isinstance(facts, JoinedFacts):
        raise MODEL_MISSING(f"'{model_step}'", step=context.step)
    if shape is None:
        raise FRAME_MISSING(f"'{frame}'", step=context.step)
    if {owner: tuple(names) for owner, names in shape.columns.items() if names} != dict(facts.columns):
        raise MODEL_MISMATCH(f"'{frame}'", step=context.step)
    return StepPlan(
        step=context.step,
        component=facts.params.kind,
        params={},
        reveals=(Reveal("the score of each row", tuple(to), shape.rows, "scores"),) if to else (),
        memory=16 * shape.rows,
        operations=shape.rows * shape.width,
        statement=CLEAR,
    )


def score_run(context: RunContext, model_step: str, frame: str) -> Floats:
    """(rows,) scores. Errors: CT-3002, and those of :meth:`JoinedModel.scores`."""
    model = context.models.get(model_step)
    if not isinstance(model, JoinedModel):
        raise MODEL_MISSING(f"'{model_step}'", step=context.step, party=context.me)
    return model.scores(context.frames[frame])
