"""Parameters of ``stability``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from coterie.learn.chosen import FrameName
from coterie.learn.component import Params

__all__ = ["StabilityParams"]

BINS = 50


class StabilityParams(Params):
    """What a job may choose of ``stability``."""

    base: FrameName = "train"
    """The frame whose bins and shares the other one is held against."""
    frame: FrameName = "test"
    """The frame that is compared."""
    model: str | None = Field(None, max_length=64)
    """Name of the step whose scores are compared; the last model if it is not given, none where there is
    none."""
    bins: int = Field(10, ge=2, le=BINS)
    """Bins of the score, and of features that no step has binned, at most: between quantiles of the base."""
    score: bool = True
    """Whether the score is compared."""
    features: bool = True
    """Whether features are."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.base == self.frame:
            raise ValueError("base and frame are different frames")
        if not (self.score or self.features):
            raise ValueError("either the score or features are compared")
        if self.model and not self.score:
            raise ValueError("a model is for the score")
        return self
