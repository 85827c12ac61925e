"""The document of a decision rule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from coterie.learn.documents import Document
from coterie.learn.scoring import ScoreUnit

__all__ = ["Band", "Decided", "Target", "Zone"]

BANDS = 50

Name = Annotated[str, StringConstraints(max_length=64)]
Choice = Literal["approve", "manual", "refuse"]


class Target(Document):
    """What was asked of the cut-offs."""

    name: Literal["max_bad_rate", "min_approval", "manual"]
    wanted: float
    reached: float | None
    """None where nobody is approved, who could be bad."""
    met: bool


class Zone(Document):
    """All rows with one decision."""

    decision: Choice
    rows: int = Field(ge=0)
    share: float
    """Of all rows."""
    positives: int = Field(ge=0)
    """Rows with label 1."""
    rate: float | None
    """Default rate; None without rows."""
    predicted: float | None
    """Mean probability."""
    limit: float | None
    """Sum of the limits of its rows; None where there are no limits."""
    expected_loss: float | None
    """Sum over its rows of limit, loss given default and default rate of the band."""


class Band(Document):
    """Rows of neighbouring scores with the same decision."""

    band: int = Field(ge=1)
    """From 1, the lowest risk first."""
    score_low: float
    """Lowest score in it: a probability, or points."""
    score_high: float
    rows: int = Field(ge=1)
    share: float
    positives: int = Field(ge=0)
    rate: float
    predicted: float
    """Mean probability of label 1."""
    decision: Choice
    limit: float | None
    """For each of its rows; None where there are no limits."""
    expected_loss: float | None
    """Of all its rows."""


class Decided(Document):
    """The content of the document of kind "metrics"."""

    version: Literal[1] = 1
    model: Name
    frame: Name
    unit: ScoreUnit
    """Of cut-offs and bands."""
    guarded: bool = False
    """Whether it is the form for others than the label holder."""
    rows: int
    positives: int
    approve: float
    """Points: from here on rows are approved. Probability: below it they are."""
    refuse: float
    """Points: below it rows are refused. Probability: from here on they are."""
    approve_probability: float
    """The probability of label 1 that the cut-off stands for."""
    refuse_probability: float
    targets: tuple[Target, ...] = Field((), max_length=3)
    """Empty where the cut-offs were given."""
    zones: tuple[Zone, ...] = Field((), max_length=3)
    """Approve, manual, refuse. Empty where one of them has too few rows for others to be told of."""
    bands: tuple[Band, ...] = Field((), max_length=BANDS + 3)
    """The lowest risk first; empty as ``zones``."""
    loss_given_default: float
