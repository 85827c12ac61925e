"""Parameters of ``overlap``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.crypto import PartyName
from coterie.learn.component import Params

__all__ = ["OverlapParams"]


class OverlapParams(Params):
    """What a job may choose of ``overlap``."""

    tell: Literal["count", "rows"] = "count"
    """``count``: how many rows are common. ``rows``: one party learns which of its own rows are, nobody else
    learns anything."""
    to: PartyName | None = None
    """With ``rows``: which party."""
    epsilon: float | None = Field(None, ge=0.001, le=50, allow_inf_nan=False)
    """With ``count``: of differential privacy, for one row more or less at any party; the exact number where
    not given."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.tell == "rows") != (self.to is not None):
            raise ValueError("give 'to' with tell 'rows', and only then")
        if self.tell == "rows" and self.epsilon is not None:
            raise ValueError("'epsilon' is for tell 'count'")
        return self
