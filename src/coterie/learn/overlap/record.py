"""What receivers of ``overlap`` are told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coterie.learn.documents import Document

__all__ = ["OverlapCount", "PartyRows"]


class PartyRows(Document):
    """How many rows a party brought."""

    party: str = Field(max_length=64)
    rows: int = Field(ge=0)


class OverlapCount(Document):
    """How many rows all parties have."""

    version: Literal[1] = 1
    step: str = Field(max_length=64)
    datasets: tuple[PartyRows, ...]
    common: int
    """With its noise, where it has any: it may then be below zero, or above every number of rows."""
    epsilon: float | None
    deviation: float | None
    """Of the noise."""
