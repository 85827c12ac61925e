"""The documents of a comparison of two samples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from coterie.learn.documents import Document
from coterie.learn.measures import most_bytes
from coterie.learn.scoring import ScoreUnit

from .params import BINS

__all__ = ["FeatureStability", "Part", "ScoreStability", "Stability", "StabilityBin", "part_size"]

SHOWN = 80
"""Most bins of a column: 64 of ``bin`` with special values and missing ones."""
LABEL = 96


class StabilityBin(Document):
    """One bin in both samples."""

    label: Annotated[str, StringConstraints(max_length=LABEL)]
    """"[0.1, 0.4)", a category, "missing"."""
    base_rows: int = Field(ge=0)
    rows: int = Field(ge=0)
    base_share: float
    share: float
    psi: float
    """What the bin adds."""


class ScoreStability(Document):
    """The score in both samples."""

    unit: ScoreUnit
    psi: float
    """Population stability index."""
    bins: tuple[StabilityBin, ...] = Field((), max_length=BINS + 1)
    """The lowest scores first. Others than the label holder get bins only where each has at least
    ``min_group`` rows of both samples."""


class FeatureStability(Document):
    """A feature in both samples."""

    party: Annotated[str, StringConstraints(max_length=64)]
    column: Annotated[str, StringConstraints(max_length=128)]
    psi: float
    """To four decimals."""
    bins: int = Field(ge=1)
    """How many there are."""
    shown: tuple[StabilityBin, ...] = Field((), max_length=SHOWN)
    """Shown to the owner of the column alone."""


class Stability(Document):
    """What a receiver is told."""

    version: Literal[1] = 1
    base: Annotated[str, StringConstraints(max_length=64)]
    frame: Annotated[str, StringConstraints(max_length=64)]
    base_rows: int = Field(ge=1)
    rows: int = Field(ge=1)
    model: Annotated[str, StringConstraints(max_length=64)] | None
    score: ScoreStability | None
    features: tuple[FeatureStability, ...]
    """By owner, in model order."""


class Part(Document):
    """What one party tells the others: of its columns in their order; the label holder of the score."""

    psi: Annotated[tuple[float, ...], Field(max_length=10_000)]
    bins: Annotated[tuple[int, ...], Field(max_length=10_000)]
    score: ScoreStability | None = None


def part_size(columns: int, bins: int, *, score: bool) -> int:
    """Bytes of the part of a party with so many columns."""
    lengths = {"Part.psi": columns, "Part.bins": columns, "ScoreStability.bins": bins + 1}
    return most_bytes(Part, lengths | {"Part.score": 1 if score else 0})
