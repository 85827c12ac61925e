"""Engine fl: the optimum itself, by Newton's iterations over sums of all parties' rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.learn.component import EACH, FrameShape, PlanContext, ResultKind, RunContext
from coterie.learn.glm import GlmParams, PooledTask, design
from coterie.learn.linear import ClearModel, ModelFacts, model_reveals
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.pooled import FL_UNFIT

__all__ = ["plan_fl", "pooled_task", "run_fl"]

ITERATIONS = 25
"""At most; seven or eight are the rule."""


def plan_fl(context: PlanContext, shape: FrameShape, params: LogisticParams) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan.

    Errors: CT-3235; CT-3236 for an optimizer that is not for engine fl.
    """
    if params.optimizer != "nesterov":
        raise FL_UNFIT("'optimizer': engine fl takes Newton's steps", step=context.step)
    kinds: tuple[ResultKind, ...] = ("model", "coefficients")
    results: dict[str, tuple[str, ...]] = {kind: to for kind in kinds if (to := context.receiving(kind))}
    facts = ModelFacts(shape.columns, 0, 0.0, params)
    context.models[context.step] = facts
    needs = pooled_task(shape, params).needs(context)
    return needs | {
        "reveals": (*needs["reveals"], *model_reveals(results, facts.size)),
        "results": results,
    }


def run_fl(context: RunContext, params: LogisticParams) -> ClearModel:
    """At each party with data; the model is given out by the caller.

    Errors: CT-1501, CT-1502, CT-3016 (label); CT-3027, CT-3028, CT-3051 (features); CT-3235.
    """
    frame = "train" if "train" in context.frames else "all"
    shape, rows = context.planning.frames[frame], context.frames[frame]
    found = pooled_task(shape, params).run(context, rows, rows.labels().astype(np.float64))
    facts = ModelFacts(shape.columns, 0, 0.0, params)
    return ClearModel(facts, found.coefficients, found.intercept, found.end)


def pooled_task(shape: FrameShape, params: LogisticParams) -> PooledTask:
    """The training on rows of that shape."""
    iterations = min(params.passes, ITERATIONS)
    given = GlmParams(family="logistic", l2=params.l2, intercept=params.intercept, iterations=iterations)
    numbers = design(shape.rows, {EACH: shape.width}, given)
    return PooledTask(shape, shape.columns, numbers, iterations)
