"""Parameters of ``standardize``."""

from typing import Literal

from pydantic import Field, FiniteFloat, field_validator

from coterie.learn.component import Params
from coterie.learn.private import Privacy

__all__ = ["BoundedPrivacy", "StandardizeParams"]


class BoundedPrivacy(Privacy):
    """Differential privacy of each record, of columns whose range is known to everybody beforehand."""

    bounds: dict[str, tuple[FiniteFloat, FiniteFloat]] = Field(min_length=1, max_length=4096)
    """Least and largest value of each column, as ``each.column``: from what is known in public, not from the
    rows. What is beyond them is moved there for the sums."""

    @field_validator("bounds")
    @classmethod
    def _ordered(cls, bounds: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (least, largest) in bounds.items():
            if not 0 < largest - least < float("inf"):
                raise ValueError(f"the bounds of {name[:80]!r} are no range")
        return bounds


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
    privacy: BoundedPrivacy | None = None
    """In engine fl: one sum with noise, in place of exact ones."""
