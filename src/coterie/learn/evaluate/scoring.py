"""Scores by a trained model, whatever trained it."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.learn import joined, linear
from coterie.learn.component import PlanContext, RunContext, StepPlan
from coterie.learn.linear import Floats

__all__ = ["score_plan", "score_run"]


def score_plan(context: PlanContext, model_step: str, frame: str, to: Sequence[str]) -> StepPlan:
    """What :func:`score_run` will do. Errors: CT-3001, CT-3002, CT-3050, CT-3054."""
    if isinstance(context.models.get(model_step), joined.JoinedFacts):
        return joined.score_plan(context, model_step, frame, to)
    return linear.score_plan(context, model_step, frame, to)


def score_run(context: RunContext, model_step: str, frame: str, to: Sequence[str]) -> Floats | None:
    """(rows,) scores at the parties of ``to``; None elsewhere. Errors: those of the model's own scoring."""
    if isinstance(context.planning.models.get(model_step), joined.JoinedFacts):
        return joined.score_run(context, model_step, frame)
    return linear.score_run(context, model_step, frame, to)
