"""Parameters of ``split``."""

from typing import Literal

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["SplitParams"]


class SplitParams(Params):
    """What a job may choose of ``split``."""

    test: float = Field(0.3, gt=0, lt=1)
    """Expected share of the rows that are kept for the test."""
    salt: str = Field("", max_length=64)
    """Another text gives another split of the same rows."""
    label: Literal["binary", "number"] = "binary"
    """Which labels are right: 0 and 1 only, or any numbers."""
