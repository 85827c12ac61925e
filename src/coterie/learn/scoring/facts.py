"""What is public of anything that scores rows, and what it must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import PlanContext, RunContext, StepPlan
from coterie.learn.scoring.errors import CLASSES_UNFIT

__all__ = ["Floats", "ScoreUnit", "ScoringFacts"]

Floats: TypeAlias = NDArray[np.float64]
ScoreUnit: TypeAlias = Literal["probability", "points", "value", "class"]
"""Of a score: the probability of label 1; points, of which more speak for label 0; what is expected of a
label that is a number; the most probable of several classes."""


class ScoringFacts(ABC):
    """Public facts of a model, under its step's name in ``PlanContext.models``. Steps after it find models by
    this class, and score with them through :func:`coterie.learn.scoring.score_plan` and
    :func:`~coterie.learn.scoring.score_run` alone. Subclasses are frozen data classes: facts are compared.
    """

    columns: Mapping[str, tuple[str, ...]]
    """Features by owner, in model order."""

    @property
    @abstractmethod
    def unit(self) -> ScoreUnit:
        """Of its scores."""

    @property
    def classifies(self) -> bool:
        """Whether the label is 0 or 1."""
        return self.unit in ("probability", "points")

    @property
    def classes(self) -> int | None:
        """How many values the label has, 0 to one less, where the unit is "class"; None elsewhere."""
        return None

    @property
    def training(self) -> Any:
        """Parameters with which a model of this kind is trained, so that the label holder can train one alone
        to compare with; None where there is no such thing."""
        return None

    def probabilities(self, scores: Floats) -> Floats:
        """(rows,) the probability of label 1 that scores stand for, rising with the risk. Scores themselves,
        where they are in that unit; models whose unit is "points" say how they come to it."""
        return scores

    def run_shares(self, context: RunContext, step: str, frame: str) -> Floats:
        """(rows, classes) the probability of each class, where the unit is "class" and the rows are here.

        :param step: that made the model.

        Errors: CT-3244 for other models; as :meth:`run_scores`.
        """
        raise CLASSES_UNFIT(f"'{step}' of '{frame}'", step=context.step)

    @abstractmethod
    def plan_scores(self, context: PlanContext, step: str, frame: str, to: Sequence[str]) -> StepPlan:
        """What :meth:`run_scores` will do, as part of the step that is planned.

        :param step: that made the model.
        :param frame: one of ``context.frames``.
        :param to: who learns the scores.
        :return: a plan with ``sent``, ``rounds``, ``operations``, ``memory``, ``digest``, ``statement`` and a
            reveal of kind "scores" with one value for each row, where ``to`` names anybody.
        """

    @abstractmethod
    def run_scores(self, context: RunContext, step: str, frame: str, to: Sequence[str]) -> Floats | None:
        """(rows,) scores at the parties of ``to``, and in other engines than mpc where the columns are; None
        elsewhere. Every participant calls it."""
