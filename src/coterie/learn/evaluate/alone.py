"""What a party of a horizontal frame can do alone: the same training on its own rows.

Nothing of it leaves the party, and nobody else learns whether it could be done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.errors import BadInput
from coterie.fl import EXACT, Fixed
from coterie.learn.boosting import Boosting, BoostingParams
from coterie.learn.component import Component, Engine, PlanContext, RunContext, StepPlan
from coterie.learn.glm import Glm, GlmParams
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.learn.naive_bayes import NaiveBayes, NaiveBayesParams
from coterie.learn.neural import Neural, NeuralParams
from coterie.learn.scoring import score_run, scoring_facts

__all__ = ["OwnRows", "may_train_alone", "own_rows_scores", "plan_alone"]

Floats = NDArray[np.float64]
SPARE = 2
"""So many rows more than coefficients: fewer would fit any labels."""


class OwnRows:
    """Sums of one party's own rows: a :class:`coterie.fl.Sums` in which nobody else takes part."""

    def __init__(self, me: str) -> None:
        self._me = me

    @property
    def me(self) -> str:
        """The party."""
        return self._me

    @property
    def contributors(self) -> tuple[str, ...]:
        """The party alone."""
        return (self._me,)

    @property
    def counted(self) -> tuple[str, ...]:
        """The party alone."""
        return (self._me,)

    def total(
        self,
        what: str,  # noqa: ARG002
        values: Floats,
        form: Fixed = EXACT,
        *,
        among: Sequence[str] | None = None,  # noqa: ARG002
    ) -> Floats:
        """The party's own values, as exact as the sums of several would be."""
        return form.decode(form.encode(np.ravel(values), 1), 1).reshape(np.shape(values))


def may_train_alone(context: PlanContext, model: str) -> bool:
    """Whether there is a training that each party can do alone."""
    return _learner(scoring_facts(context, model).training) is not None


def own_rows_scores(context: RunContext, model: str, frame: str) -> tuple[Floats | None, str]:
    """Train on the party's own training rows, and score its rows of ``frame``; once in a job.

    :param model: step that made the joint model, with whose parameters the other one is trained.
    :return: (rows,) what it expects of the label; or None, and the code of the reason why there is no such
        model: "few" where there are fewer rows than it has coefficients, else that of the training's error.
    """
    key = f"{model} on own rows", frame  # no step has such a name
    if key in context.scores:
        return context.scores[key], ""
    try:
        found = _trained(context, model, frame)
    except BadInput as error:
        return None, error.code
    if found is None:
        return None, "few"
    context.scores[key] = found
    return found, ""


def _learner(params: Any) -> tuple[Component[Any], Any, Engine] | None:
    """The component, its parameters less what they say of results, and the engine that trains on own rows.

    Own rows need not be hidden from their party: noise would be for nothing. Nor has a network of one party
    rounds: as many passes stand in their place.
    """
    if isinstance(params, BoostingParams):
        return Boosting(), params.model_copy(update={"shap": None, "shap_rows": 0}), "fl"
    if isinstance(params, GlmParams):
        return Glm(), params.model_copy(update={"statistics": False}), "fl"
    if isinstance(params, NaiveBayesParams):
        return NaiveBayes(), params, "fl"
    if isinstance(params, NeuralParams):
        passes = {"epochs": params.rounds * params.local_epochs, "privacy": None}
        return Neural(), params.model_copy(update=passes), "clear"
    if isinstance(params, LogisticParams):
        return Logistic(), params.model_copy(update={"privacy": None}), "fl"
    return None


def plan_alone(context: PlanContext, model: str) -> StepPlan | None:
    """What the training alone needs of memory and time at the party with the most rows; None where there is
    no such training."""
    if _learner(scoring_facts(context, model).training) is None:
        return None
    shapes = {name: shape for name, shape in context.frames.items() if shape.horizontal}
    rows = {name: max((shape.horizontal or {}).values()) for name, shape in shapes.items()}
    return _Alone.of(context, model, context.parties[0], rows).plan


@dataclass(frozen=True)
class _Alone:
    """A training as in a job of one party alone."""

    component: Component[Any]
    params: Any
    before: PlanContext
    after: PlanContext
    plan: StepPlan

    @classmethod
    def of(cls, planning: PlanContext, model: str, party: str, rows: Mapping[str, int]) -> _Alone:
        """:param rows: of each frame."""
        known = _learner(scoring_facts(planning, model).training)
        assert known is not None  # it was asked for
        component, params, engine = known
        # Nobody is beside whom its rows would have to be hidden.
        frames = {
            name: replace(planning.frames[name], rows=count, horizontal={}) for name, count in rows.items()
        }
        before = replace(
            planning,
            engine=engine,
            parties=(party,),
            receivers={"loss": (party,)},  # a training may end early by it
            frames=frames,
            models={},
            scored=frozenset(),
            coordinator=None,
            min_group=0,
        )
        after = replace(before, frames=dict(frames), models={})
        return cls(component, params, before, after, component.plan(after, params))


def _trained(context: RunContext, model: str, frame: str) -> Floats | None:
    facts = scoring_facts(context.planning, model)
    train = context.frames["train" if "train" in context.frames else "all"]
    width = sum(len(names) for names in facts.columns.values())
    linear = isinstance(facts.training, LogisticParams | GlmParams)
    if train.rows < (width + SPARE if linear else SPARE):
        return None
    rows = {name: one.rows for name, one in context.frames.items() if name in context.planning.frames}
    alone = _Alone.of(context.planning, model, context.me, rows)
    inside = replace(
        context,
        engine=alone.before.engine,
        parties=(context.me,),
        receivers={},
        plan=alone.plan,
        planning=alone.before,
        publish=_publish_nothing,
        frames=dict(context.frames),
        models={},
        findings={},
        scores={},
        adder=OwnRows(context.me),
        checkpoint=None,
    )
    alone.component.run(inside, alone.params)
    scores = score_run(replace(inside, planning=alone.after), alone.plan.step, frame, (context.me,))
    assert scores is not None  # it is here that rows are scored
    return facts.probabilities(scores) if facts.classifies else scores


def _publish_nothing(kind: str, name: str, content: bytes, to: tuple[str, ...]) -> None:
    """A model of own rows is nobody's result."""
