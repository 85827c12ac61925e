"""Parameters of ``correlate`` and ``vif``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from coterie.learn.chosen import FrameName, Place
from coterie.learn.component import Params

__all__ = ["CorrelateParams", "Method", "VifParams"]

Method = Literal["pearson", "spearman"]


class _Columns(Params):
    method: ClassVar[Method]

    frame: FrameName | None = None
    """Whose rows are looked at; "train" if it is not given, or "all" where the rows are not split."""
    columns: tuple[Place, ...] | None = Field(None, min_length=1, max_length=10_000)
    """Those of these names; all features if it is not given."""
    missing: Literal["refuse", "mean"] = "refuse"
    """What to do where a value is missing: refuse, or take the mean of the column, or of its ranks."""


class CorrelateParams(_Columns):
    """What a job may choose of ``correlate``."""

    method: Method = "pearson"  # type: ignore[misc]
    """Of the values, or of their ranks, where equal values share the middle of their places."""


class VifParams(_Columns):
    """What a job may choose of ``vif``."""

    method: ClassVar[Method] = "pearson"
