"""Parameters of ``crosstab``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.learn.binning import BinParams, ColumnPath
from coterie.learn.component import Params

__all__ = ["CrosstabParams"]


class CrosstabParams(Params):
    """What a job may choose of ``crosstab``."""

    columns: tuple[ColumnPath, ...] = Field((), max_length=4096)
    """As ``party.column``; all features where none are given."""
    groups: int = Field(10, ge=2, le=64)
    """Of a column of numbers: groups at most, where it has more different values."""
    cut: Literal["quantile", "width"] = "quantile"
    """How numbers are grouped."""
    categories: int = Field(20, ge=2, le=64)
    """Categories of a column that are told apart, the most frequent ones; the last is all the others."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("name each column once")
        return self

    def as_bins(self) -> BinParams:
        """The bins whose rows are counted."""
        return BinParams(method=self.cut, bins=self.groups, categories=self.categories, columns=self.columns)
