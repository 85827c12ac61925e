"""Scores of the rows of a frame by a trained model: the piece of a step that `evaluate` builds on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import PlanContext, RunContext, StepPlan

__all__ = ["score_plan", "score_run"]


def score_plan(context: PlanContext, model_step: str, frame: str, to: Sequence[str]) -> StepPlan:
    """What :func:`score_run` will do. Part of the caller's step: merge it with :func:`dataclasses.replace`.

    :param model_step: name of the step whose model in ``context.models`` scores.
    :param frame: name of the frame in ``context.frames`` whose rows are scored ("train", "test", "all").
    :param to: compute parties that learn the scores.
    :returns: a plan with ``sent``, ``rounds``, ``operations``, ``memory``, ``digest``, and one reveal of kind "scores"
        with one value for each row. ``step`` is the calling step; engine "clear" sends nothing.
    """
    raise NotImplementedError


def score_run(
    context: RunContext, model_step: str, frame: str, to: Sequence[str]
) -> NDArray[np.float64] | None:
    """Score the rows, as :func:`score_plan` announced; every compute party and the dealer call it in turn.

    :returns: at the parties of `to` the probability of label 1 for each row, float64 of shape (rows,); None elsewhere.
    """
    raise NotImplementedError
