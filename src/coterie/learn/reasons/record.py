"""The summary of the reasons of a frame's rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coterie.learn.documents import Document

__all__ = ["Reason", "Reasons"]


class Reason(Document):
    """How often a feature is a reason."""

    party: str = Field(max_length=64)
    column: str = Field(max_length=128)
    rows: tuple[int, ...]
    """Rows in which it is the first, the second, … reason."""


class Reasons(Document):
    """What the receivers of reasons are told beside the list: counts of what stands in it."""

    version: Literal[1] = 1
    scorecard: str = Field(max_length=64)
    """Name of the step that made the card."""
    frame: str = Field(max_length=64)
    against: Literal["best", "mean"]
    rows: int = Field(ge=0)
    without: int = Field(ge=0)
    """Rows without any reason."""
    features: tuple[Reason, ...]
    """In model order."""
