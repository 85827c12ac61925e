"""Parameters of ``standardize``."""

from typing import Literal

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["StandardizeParams"]


class StandardizeParams(Params):
    """What a job may choose of ``standardize``."""

    method: Literal["zscore", "quantile"] = "zscore"
    """``quantile`` replaces a value by its rank among the training rows first, which tames long tails."""
    knots: int = Field(1000, ge=2, le=100_000)
    """Number of training quantiles that ``quantile`` keeps; never more than there are training rows."""
    clip: float = Field(5.0, gt=0, le=64)
    """Largest distance from the mean, in standard deviations; what is further away is moved there."""
    keep: tuple[str, ...] = ()
    """Columns, as ``party.column``, that stay as they are: offsets and row weights, which are no features."""
