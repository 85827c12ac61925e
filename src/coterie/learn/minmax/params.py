"""Parameters of ``minmax``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params

__all__ = ["MinmaxParams"]


class MinmaxParams(Params):
    """What a job may choose of ``minmax``."""

    low: float = Field(0.0, ge=-64, le=64)
    """What the least training value becomes."""
    high: float = Field(1.0, ge=-64, le=64)
    """What the largest training value becomes."""
    clip: bool = True
    """Whether values beyond those of the training rows are moved to ``low`` or ``high``."""
    columns: tuple[Place, ...] | None = Field(None, min_length=1, max_length=10_000)
    """Those of these names; all features if it is not given."""
    keep: tuple[Place, ...] = Field((), max_length=10_000)
    """Columns, as ``party.column``, that stay as they are: offsets and row weights, which are no features."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low is below high")
        return self
