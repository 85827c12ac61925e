"""What the API tells of prepared tables and lookups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from .views import ErrorView, View

__all__ = ["LookupTableView", "LookupView"]


class LookupTableView(View):
    """A prepared table: an own one, for others to ask, or one that was taken in."""

    agreement: str
    dataset: str
    owner: str
    table: str
    """The public element of its key, by which it is known."""
    state: Literal["preparing", "ready", "interrupted", "failed"]
    """Interrupted: what is done is kept, and `prepare` goes on with it."""
    done: int = 0
    """Ids of ``total``, while it is prepared."""
    total: int = 0
    entries: int = 0
    """Different ids."""
    size: int = 0
    """Bytes of its file."""
    path: str | None = None
    """Of the own file, to be brought to those who ask; on the node's machine."""
    created: str | None = None
    asked: Mapping[str, int] = Field(default_factory=dict)
    """Of an own table's dataset: how many ids each party has asked for."""
    max_ids: int = 0
    per_minute: int = 0
    error: ErrorView | None = None


class LookupView(View):
    """Which of the ids are in the table, in their order."""

    held: tuple[bool, ...]
    left: int | None
    """How many more this party may ask for; None where nothing had to be asked."""
