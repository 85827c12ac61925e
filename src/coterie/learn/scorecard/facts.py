"""What is public of a scorecard, and what is here of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from coterie.learn.component import PlanContext, RunContext, StepPlan
from coterie.learn.linear import Floats, LinearParams, Place, places_of
from coterie.learn.scorecard.clear import Scale, Units
from coterie.learn.scorecard.record import CardPart
from coterie.learn.scoring import ScoreUnit, ScoringFacts

__all__ = ["Card", "ScorecardFacts"]


@dataclass(frozen=True)
class ScorecardFacts(ScoringFacts):
    """What is public of a card. Its scores are points, of which more speak for label 0."""

    columns: Mapping[str, tuple[str, ...]]
    """Features by owner, in model order."""
    scale: Scale
    model: str
    """Name of the step that trained the model."""
    woe: str
    """Name of the step that put weights of evidence in the place of values."""
    trained: LinearParams | None = None
    """Parameters of that training; None for a card of an earlier job."""

    @property
    def unit(self) -> ScoreUnit:
        return "points"

    @property
    def training(self) -> LinearParams | None:
        return self.trained

    @property
    def places(self) -> tuple[Place, ...]:
        """Owner and column of each feature, in model order."""
        return places_of(self.columns)

    def probabilities(self, scores: Floats) -> Floats:
        """(rows,) of label 1, for points: what their odds are by base odds and PDO."""
        return self.scale.probabilities(scores)

    def points_of(self, probabilities: Floats) -> Floats:
        """Points, not rounded, for probabilities of label 1 between 0 and 1: the way back."""
        return self.scale.points_of(probabilities)

    def plan_scores(
        self,
        context: PlanContext,
        step: str,  # noqa: ARG002
        frame: str,
        to: Sequence[str],
    ) -> StepPlan:
        """Errors: CT-3001, CT-3054."""
        from coterie.learn.scorecard.scores import plan_scores

        return plan_scores(self, context, frame, to)

    def run_scores(self, context: RunContext, step: str, frame: str, to: Sequence[str]) -> Floats | None:
        """Errors: CT-3002, CT-3027, and those of the engine."""
        from coterie.learn.scorecard.scores import run_scores

        return run_scores(self, context, step, frame, to)


class Card(BaseModel):
    """What is here of a card: the parts of the owners who are here. Private to each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parts: dict[str, CardPart] = Field(max_length=64)
    """By party; of the label holder also where it has no feature."""

    @property
    def start(self) -> float | None:
        """Points of every row before those of its bins; None where the label holder is elsewhere."""
        return next((part.start for part in self.parts.values() if part.start is not None), None)

    def coefficients(self, owner: str, names: Sequence[str]) -> Floats:
        """(features,) of an owner who is here."""
        found = {column.name: column.coefficient for column in self.parts[owner].columns}
        return np.array([found[name] for name in names], np.float64)

    def references(
        self, owner: str, names: Sequence[str], scale: Scale, against: Literal["best", "mean"]
    ) -> Units:
        """(features,) the largest units among each column's bins, or their mean over the training rows."""
        found = {one.name: one.most if against == "best" else one.mean for one in self.parts[owner].columns}
        return scale.units_of(np.array([found[name] for name in names], np.float64))
