"""Parameters of ``scorecard``."""

from __future__ import annotations

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["ScorecardParams"]


class ScorecardParams(Params):
    """What a job may choose of ``scorecard``. More points speak for label 0."""

    model: str | None = Field(None, max_length=64)
    """Name of the step that trained the model; the last logistic one if it is not given."""
    woe: str | None = Field(None, max_length=64)
    """Name of the step that put weights of evidence in the place of values; the last one before the model if
    it is not given."""
    base_points: float = Field(600.0, ge=-1e6, le=1e6, allow_inf_nan=False)
    """Points where the odds are ``base_odds``."""
    base_odds: float = Field(50.0, ge=1e-6, le=1e6, allow_inf_nan=False)
    """Of label 0 against label 1, good to bad: 50 stands for one bad in 51."""
    pdo: float = Field(20.0, ge=0.1, le=10_000, allow_inf_nan=False)
    """Points that double these odds."""
    decimals: int = Field(0, ge=0, le=4)
    """Of points: 0 rounds them to whole numbers."""
