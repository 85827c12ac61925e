"""The documents of ``correlate`` and ``vif``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from coterie.learn.documents import Document

__all__ = ["Correlations", "InflationFactors"]

Place = Annotated[str, Field(max_length=160)]


class Correlations(Document):
    """Of each pair of columns."""

    version: Literal[1] = 1
    frame: str = Field(max_length=64)
    method: Literal["pearson", "spearman"]
    columns: tuple[Place, ...]
    """As ``party.column``, in model order."""
    matrix: tuple[tuple[float, ...], ...]
    """Symmetric, 1 on its diagonal."""


class InflationFactors(Document):
    """1 / (1 − R²) of each column, R² how much of it the others explain, with a constant."""

    version: Literal[1] = 1
    frame: str = Field(max_length=64)
    columns: tuple[Place, ...]
    """As ``party.column``, in model order."""
    vif: tuple[float | None, ...]
    """None above 1000: the column is all but made of others."""
