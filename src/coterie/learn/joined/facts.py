"""What is public of a model on joined columns, and what every such model can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from coterie.data import VerticalFrame
from coterie.learn.component import PlanContext, RunContext, StepPlan
from coterie.learn.linear import Floats, Place, places_of
from coterie.learn.scoring import ScoreUnit, ScoringFacts

__all__ = ["JoinedFacts", "JoinedModel", "JoinedParams"]


class JoinedParams(Protocol):
    """Parameters of a training on joined columns."""

    @property
    def kind(self) -> str:
        """Of model: the component's name."""

    @property
    def classifies(self) -> bool:
        """Whether a score is the probability of label 1."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """As a document."""


@dataclass(frozen=True)
class JoinedFacts(ScoringFacts):
    """What is public of a model."""

    columns: Mapping[str, tuple[str, ...]]
    """Features by owner, in model order."""
    params: JoinedParams
    """Of the training."""

    @property
    def width(self) -> int:
        """Number of features."""
        return sum(map(len, self.columns.values()))

    @property
    def places(self) -> tuple[Place, ...]:
        """Owner and column of each feature, in model order."""
        return places_of(self.columns)

    @property
    def unit(self) -> ScoreUnit:
        return "probability" if self.params.classifies else "value"

    @property
    def training(self) -> JoinedParams:
        return self.params

    def plan_scores(self, context: PlanContext, step: str, frame: str, to: Sequence[str]) -> StepPlan:
        """Errors: CT-3001, CT-3002, CT-3054."""
        from coterie.learn.joined.scores import score_plan

        return score_plan(context, step, frame, to)

    def run_scores(self, context: RunContext, step: str, frame: str, to: Sequence[str]) -> Floats:  # noqa: ARG002
        """Errors: CT-3002, and those of :meth:`JoinedModel.scores`."""
        from coterie.learn.joined.scores import score_run

        return score_run(context, step, frame)


class JoinedModel(ABC):
    """A trained model, whole, at the one place where it was trained."""

    facts: JoinedFacts

    @abstractmethod
    def scores(self, frame: VerticalFrame) -> Floats:
        """(rows,) what the model expects of the label in each row; the probability of 1 where it classifies.

        Errors: CT-1422, CT-1433, CT-3027, CT-3028, CT-3054 where a column is not what it was in training.
        """

    @abstractmethod
    def to_bytes(self) -> bytes:
        """As stored: see :func:`coterie.learn.joined.wrapped`."""
