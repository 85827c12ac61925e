"""The documents of a scorecard."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coterie.learn.documents import Document

__all__ = ["CardBin", "CardColumn", "CardPart"]


class CardBin(Document):
    """One line of the table of points."""

    label: str
    """As the step ``bin`` calls it."""
    woe: float
    points: float


class CardColumn(Document):
    """A feature's part of the table."""

    name: str = Field(max_length=128)
    coefficient: float
    """Of its weight of evidence, in the logit of label 1."""
    most: float
    """The largest points of its bins."""
    least: float
    mean: float
    """Over the training rows, rounded as points are."""
    bins: tuple[CardBin, ...]


class CardPart(Document):
    """What a party learns of a scorecard: its own columns' points, and at the label holder the points that
    every row starts with."""

    version: Literal[1] = 1
    party: str = Field(max_length=64)
    model: str = Field(max_length=64)
    """Name of the step that trained it."""
    base_points: float
    base_odds: float
    """Of label 0 against label 1, at ``base_points``."""
    pdo: float
    decimals: int = Field(ge=0, le=4)
    start: float | None = None
    """Points of every row before those of its bins: of the intercept. None but at the label holder."""
    columns: tuple[CardColumn, ...]
    features: dict[str, tuple[str, ...]]
    """Of the whole card, by party: names alone."""
