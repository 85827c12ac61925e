"""What the label holder can do alone: the same kind of model on its own columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import Component, PlanContext, RunContext
from coterie.learn.glm import Glm, GlmParams
from coterie.learn.linear import place_of, score_run
from coterie.learn.logistic import Logistic, LogisticParams

__all__ = ["baseline_scores"]


def baseline_scores(
    context: RunContext, params: LogisticParams | GlmParams, frame: str
) -> NDArray[np.float64]:
    """Train in engine ``clear`` on the own columns of the training rows, and score the rows of ``frame``.

    Nothing of it leaves this party, and it publishes nothing.

    :param params: of the joint model.
    :return: (rows,) probability of label 1.
    """
    me = context.me
    planning = _alone(context.planning, me)
    planned = replace(planning, frames=dict(planning.frames), models={})
    component: Component[Any] = Glm() if isinstance(params, GlmParams) else Logistic()
    if isinstance(params, GlmParams):
        own = [column for column in params.apart if place_of(column)[0] == me]
        gone = {name: None for name in ("offset", "weights") if getattr(params, name) not in own}
        params = params.model_copy(update={**gone, "statistics": False})
    plan = component.plan(planned, params)
    alone = replace(
        context,
        engine="clear",
        parties=(me,),
        dealer=None,
        receivers={},
        plan=plan,
        planning=planning,
        publish=_publish_nothing,
        frames={name: replace(one, columns={me: one.columns[me]}) for name, one in context.frames.items()},
        models={},
    )
    component.run(alone, params)
    scores = score_run(replace(alone, planning=planned), plan.step, frame, (me,))
    assert scores is not None  # it is the receiver
    return scores


def _publish_nothing(kind: str, name: str, content: bytes) -> None:
    """The party's own model is nobody's result."""


def _alone(planning: PlanContext, me: str) -> PlanContext:
    """The public facts of a job of this party alone."""
    columns = {me: planning.columns[me]}
    return replace(
        planning,
        engine="clear",
        parties=(me,),
        dealer=None,
        receivers={"loss": (me,)},  # a training may end early by it
        columns=columns,
        guests=(),
        frames={name: replace(shape, columns=columns) for name, shape in planning.frames.items()},
        models={},
    )
