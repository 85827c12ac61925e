"""What receivers of ``summary`` are told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coterie.learn.documents import Document

__all__ = ["ColumnSummary", "RowsSummary"]


class ColumnSummary(Document):
    """One column on the common rows, in units of its owner's whole dataset: there its mean is 0 and its
    deviation 1."""

    party: str = Field(max_length=64)
    column: str = Field(max_length=128)
    mean: float
    std: float = Field(ge=0)
    """Of the rows, the sum of squares being divided by their number."""
    unit_mean: float | None = None
    unit_std: float | None = None
    """Of the owner's whole dataset, for the owner alone: ``unit_mean + unit_std * mean`` is the column's mean
    in its own units."""


class RowsSummary(Document):
    """The columns of both parties, on rows of which nobody knows which they are."""

    version: Literal[1] = 1
    step: str = Field(max_length=64)
    least: int = Field(ge=1)
    """So many rows are common, at least."""
    rows: int | None = Field(ge=0)
    """How many are; None where nobody may know."""
    columns: tuple[ColumnSummary, ...]
