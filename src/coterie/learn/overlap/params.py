"""Parameters of ``overlap``."""

from __future__ import annotations

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["OverlapParams"]


class OverlapParams(Params):
    """What a job may choose of ``overlap``."""

    epsilon: float | None = Field(None, ge=0.001, le=50, allow_inf_nan=False)
    """Of differential privacy, for one row more or less at any party; the exact number where not given."""
