"""Parameters of ``evaluate``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params

from .record import BANDS, COLUMNS

__all__ = ["EvaluateParams"]


class EvaluateParams(Params):
    """What a job may choose of ``evaluate``."""

    model: str | None = Field(None, max_length=64)
    """Name of the step that trained the model; the last one if it is not given."""
    frame: Literal["test", "train", "all"] = "test"
    bins: int = Field(10, ge=2, le=BANDS)
    """Number of bands of every table."""
    baseline: bool = True
    """Whether the label holder also trains on its own columns alone, to show what the others add."""
    threshold: float = Field(0.5, ge=0, le=1)
    """Probability from which a row is taken for 1 in the measures of one cut."""
    segments: tuple[Place, ...] = Field((), max_length=COLUMNS)
    """Columns of the label holder by whose values the score is measured apart."""
    resolution: int = Field(1 << 14, ge=1 << 8, le=1 << 16)
    """Of horizontal frames: bins in which scores are counted, over all parties."""
    tell_segments: bool = False
    """Whether other receivers of metrics are told of the segments, too, with their names: values and ranges
    of these columns."""

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len(set(self.segments)) != len(self.segments):
            raise ValueError("a column is named twice")
        return self
