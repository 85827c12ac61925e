"""Parameters of ``reasons``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["ReasonsParams"]


class ReasonsParams(Params):
    """What a job may choose of ``reasons``."""

    scorecard: str | None = Field(None, max_length=64)
    """Name of the step that made the card; the last one if it is not given."""
    frame: Literal["test", "train", "all"] = "test"
    most: int = Field(3, ge=1, le=5)
    """Reasons for each row, at most."""
    against: Literal["best", "mean"] = "best"
    """What a feature's points are held against: those of its best bin, or their mean over the training rows,
    rounded as points are."""
    points: Literal["none", "own", "all"] = "none"
    """Whether the points that a reason costs stand beside it: of the receiver's own features, or of all."""
