"""Parameters of ``clip``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params

__all__ = ["ClipParams", "Limits"]


class Limits(Params):
    """Where values are moved that lie beyond. Each end is a number, or a quantile of the training rows, or
    open."""

    low: float | None = Field(None, ge=-1e300, le=1e300)
    high: float | None = Field(None, ge=-1e300, le=1e300)
    low_quantile: float | None = Field(None, ge=0, le=1)
    high_quantile: float | None = Field(None, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for number, quantile in ((self.low, self.low_quantile), (self.high, self.high_quantile)):
            if number is not None and quantile is not None:
                raise ValueError("an end is a number or a quantile, not both")
        for low, high in ((self.low, self.high), (self.low_quantile, self.high_quantile)):
            if low is not None and high is not None and not low < high:
                raise ValueError("the low end is below the high one")
        return self

    @property
    def open(self) -> bool:
        """Whether both ends are."""
        ends = (self.low, self.high, self.low_quantile, self.high_quantile)
        return all(end is None for end in ends)

    @property
    def bound(self) -> float | None:
        """Largest magnitude of what is left, where the limits alone say it."""
        return None if self.low is None or self.high is None else max(abs(self.low), abs(self.high))


class ClipParams(Limits):
    """What a job may choose of ``clip``."""

    columns: tuple[Place, ...] | None = Field(None, min_length=1, max_length=10_000)
    """Those of these names; if it is not given, all features that are numbers."""
    each: dict[Place, Limits] = Field({}, max_length=1000)
    """Columns with limits of their own."""

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.open and not self.each:
            raise ValueError("give an end: low, high, low_quantile or high_quantile")
        if self.open and self.columns is not None:
            raise ValueError("the columns have no limits")
        if any(limits.open for limits in self.each.values()):
            raise ValueError("limits of a column of its own have an end")
        return self

    def of(self, place: str) -> Limits | None:
        """Limits of a column, as ``party.column``; None where it stays as it is."""
        if place in self.each:
            return self.each[place]
        if self.open or (self.columns is not None and place not in self.columns):
            return None
        return self

    def named(self, place: str) -> bool:
        """Whether the column is named, and not one of all."""
        return place in self.each or (self.columns is not None and place in self.columns)
