"""Models that score rows of which nobody knows whether they are common: on shares, and never in the open.

Nobody may be told the score of a row. It is a sum of what the holder of the rows has itself and of what the
other party has of common rows alone, so the holder could read off it which rows these are.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from coterie.learn.component import FrameShape, PlanContext, RunContext, StepPlan
from coterie.learn.errors import ROWS_HIDDEN
from coterie.learn.scoring.facts import Floats, ScoringFacts
from coterie.mpc import Context, Inputs, Secret

__all__ = ["HiddenFacts"]


class HiddenFacts(ScoringFacts):
    """Public facts of such a model. Steps that say so measure its scores within a program of their own."""

    @abstractmethod
    def logits(self, ctx: Context, shape: FrameShape) -> Secret:
        """(rows,) shares of the log-odds of label 1; of rows that are not common numbers without a meaning.

        :param shape: of the rows.
        """

    @abstractmethod
    def inputs(self, context: RunContext, step: str, frame: str) -> Inputs:
        """What :meth:`logits` takes of a compute party.

        :param step: that made the model.

        Errors: CT-3002.
        """

    def plan_scores(self, context: PlanContext, step: str, frame: str, to: Sequence[str]) -> StepPlan:
        """Errors: CT-3212."""
        raise ROWS_HIDDEN(f"scores of '{frame}' by '{step}' for {', '.join(to)}", step=context.step)

    def run_scores(self, context: RunContext, step: str, frame: str, to: Sequence[str]) -> Floats | None:
        """Errors: CT-3212."""
        raise ROWS_HIDDEN(f"scores of '{frame}' by '{step}' for {', '.join(to)}", step=context.step)
