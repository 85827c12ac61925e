"""Scores of rows by any model of a job, whatever made it: what steps after training build on."""

from coterie.learn.scoring.facts import ScoreUnit, ScoringFacts
from coterie.learn.scoring.hidden import HiddenFacts
from coterie.learn.scoring.scores import (
    last_model,
    learners,
    score_plan,
    score_run,
    scores_plan,
    scoring_facts,
)

__all__ = [
    "HiddenFacts",
    "ScoreUnit",
    "ScoringFacts",
    "last_model",
    "learners",
    "score_plan",
    "score_run",
    "scores_plan",
    "scoring_facts",
]
