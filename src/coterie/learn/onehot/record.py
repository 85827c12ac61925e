"""Which category each new column stands for: told to the columns' owner alone."""

from __future__ import annotations

from typing import Literal

from coterie.learn.documents import Document

__all__ = ["OnehotColumn", "OnehotGroup", "OnehotProfile"]

Category = bool | int | str


class OnehotGroup(Document):
    """A group of categories."""

    column: str | None
    """Its new column; None where it is what the others are compared with, or 0 everywhere."""
    categories: tuple[Category | None, ...] | None
    """None in it is a missing value; None instead of it are all that are not named."""
    rows: int
    """Training rows."""


class OnehotColumn(Document):
    """A column that was encoded."""

    name: str
    distinct: int
    """Different values in the training rows."""
    groups: tuple[OnehotGroup, ...]


class OnehotProfile(Document):
    """Of one owner's columns."""

    version: Literal[1] = 1
    owner: str
    columns: tuple[OnehotColumn, ...]
