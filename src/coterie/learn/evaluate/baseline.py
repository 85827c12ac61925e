"""What the label holder can do alone: the same kind of model on its own columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.learn.boosting import Boosting, BoostingParams
from coterie.learn.component import Component, PlanContext, RunContext
from coterie.learn.glm import Glm, GlmParams
from coterie.learn.linear import place_of
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.learn.naive_bayes import NaiveBayes, NaiveBayesParams
from coterie.learn.neural import Neural, NeuralParams
from coterie.learn.scoring import score_run, scoring_facts

__all__ = ["baseline_scores", "has_baseline", "may_have_baseline"]

Trainable: TypeAlias = LogisticParams | GlmParams | BoostingParams | NeuralParams | NaiveBayesParams


def has_baseline(context: PlanContext, model: str, *, wanted: bool = True) -> bool:
    """Whether the label holder can train a model of that kind alone: it needs own features, and somebody
    else's to compare with."""
    own = scoring_facts(context, model).columns.get(context.label_holder)
    return bool(own) and may_have_baseline(context, model, wanted=wanted)


def may_have_baseline(context: PlanContext, model: str, *, wanted: bool = True) -> bool:
    """The same before it is known which features are left when the model is trained."""
    trainable = isinstance(scoring_facts(context, model).training, Trainable)
    return wanted and trainable and len(context.parties) > 1


def baseline_scores(context: RunContext, model: str, frame: str) -> NDArray[np.float64]:
    """Train in engine ``clear`` on the label holder's columns of the training rows, and score the rows of
    ``frame``. It runs where these columns are, once in a job.

    Nothing of it leaves this place, and it publishes nothing.

    :param model: step that made the joint model, with whose parameters the other one is trained.
    :return: (rows,) what it expects of the label: the probability of 1, where labels are 0 and 1.
    """
    key = f"{model} alone", frame  # no step has such a name
    if key not in context.scores:
        params = scoring_facts(context.planning, model).training
        context.scores[key] = _trained(context, params, frame)
    return context.scores[key]


def _trained(context: RunContext, params: Trainable, frame: str) -> NDArray[np.float64]:
    me = context.planning.label_holder
    planning = _alone(context.planning, me)
    planned = replace(planning, frames=dict(planning.frames), models={})
    component, params = _own(params, me)
    plan = component.plan(planned, params)
    alone = replace(
        context,
        engine="clear",
        me=me,
        parties=(me,),
        dealer=None,
        receivers={},
        plan=plan,
        planning=planning,
        publish=_publish_nothing,
        datasets={owner: one for owner, one in context.datasets.items() if owner == me},
        frames={
            name: replace(one.part(me), columns={me: planning.frames[name].columns[me]})
            for name, one in context.frames.items()
            if name in planning.frames
        },
        models={},
        findings={},
        scores={},
    )
    component.run(alone, params)
    scores = score_run(replace(alone, planning=planned), plan.step, frame, (me,))
    assert scores is not None  # it is the receiver
    return scores


def _own(params: Trainable, me: str) -> tuple[Component[Any], Trainable]:
    """The component, and its parameters less what they say of others' columns."""
    if isinstance(params, BoostingParams):
        return Boosting(), params.of_party(me)
    if isinstance(params, NaiveBayesParams):
        return NaiveBayes(), params.of_party(me)
    if isinstance(params, NeuralParams):
        return Neural(), params
    if isinstance(params, GlmParams):
        own = [column for column in params.apart if place_of(column)[0] == me]
        gone = {name: None for name in ("offset", "weights") if getattr(params, name) not in own}
        return Glm(), params.model_copy(update={**gone, "statistics": False})
    return Logistic(), params


def _publish_nothing(kind: str, name: str, content: bytes, to: tuple[str, ...]) -> None:
    """The label holder's own model is nobody's result."""


def _alone(planning: PlanContext, me: str) -> PlanContext:
    """The public facts of a job of this party alone."""
    frames = {}
    for name, shape in planning.frames.items():
        apart = tuple(column for column in shape.apart if place_of(column)[0] == me)
        frames[name] = replace(shape, columns={me: shape.columns.get(me, ())}, apart=apart)
    return replace(
        planning,
        engine="clear",
        parties=(me,),
        dealer=None,
        receivers={"loss": (me,)},  # a training may end early by it
        columns={me: planning.columns.get(me, ())},
        guests=(),
        frames=frames,
        models={},
        scored=frozenset(),
    )
