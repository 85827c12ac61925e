"""Parameters of ``evaluate``."""

from typing import Literal

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["EvaluateParams"]


class EvaluateParams(Params):
    """What a job may choose of ``evaluate``."""

    model: str | None = Field(None, max_length=64)
    """Name of the step that trained the model; the last one if it is not given."""
    frame: Literal["test", "train", "all"] = "test"
    bins: int = Field(10, ge=2, le=100)
    """Number of bands of the lift and calibration tables."""
    baseline: bool = True
    """Whether the label holder also trains on its own columns alone, to show what the others add."""
