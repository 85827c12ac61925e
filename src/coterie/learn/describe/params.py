"""Parameters of ``describe``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from coterie.learn.chosen import FrameName, Place
from coterie.learn.component import Params

__all__ = ["DescribeParams"]

Share = Annotated[float, Field(ge=0, le=1)]


class DescribeParams(Params):
    """What a job may choose of ``describe``."""

    frame: FrameName = "all"
    """Whose rows are looked at."""
    bins: int = Field(20, ge=1, le=100)
    """Cells of the histogram of a column of numbers, of equal width."""
    quantiles: tuple[Share, ...] = Field((0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99), max_length=99)
    """Which ones, as shares of the rows that have a value."""
    columns: tuple[Place, ...] | None = Field(None, min_length=1, max_length=10_000)
    """Those of these names; all features if it is not given."""
