"""What the API tells of offered schemas and of comparisons."""

from __future__ import annotations

from typing import Literal

from .views import ErrorView, View

__all__ = ["CommonColumnView", "SchemaOfferView", "SchemaRunView"]


class SchemaOfferView(View):
    """That an own dataset's columns may be compared with those of others, so many times."""

    id: str
    dataset: str
    to: tuple[str, ...]
    """Nobody else may take part in a comparison."""
    columns: tuple[str, ...] | None
    """None for all that the dataset has."""
    runs: int
    used: int
    offered: str


class CommonColumnView(View):
    """An own column that all parties have."""

    name: str
    """As it is called here."""
    common: str
    """In the form that was compared: others may write it in another way."""
    type: str
    role: str
    """Here: others are not told."""


class SchemaRunView(View):
    """One comparison, at one of its parties."""

    id: str
    dataset: str
    parties: tuple[str, ...]
    asked_by: str
    state: Literal["running", "done", "failed"]
    began: str
    common: tuple[CommonColumnView, ...] = ()
    draft: str = ""
    """A line of an agreement's ``datasets`` for the own dataset, with the common columns."""
    error: ErrorView | None = None
