"""What a party is told of principal components."""

from __future__ import annotations

from typing import Literal

from coterie.learn.documents import Document

__all__ = ["PcaComponent", "PcaFeature", "PcaRecord"]


class PcaFeature(Document):
    """One of the columns that components are made of."""

    party: str
    column: str
    mean: float
    scale: float
    """What its distance from the mean is divided by."""


class PcaComponent(Document):
    """A direction."""

    variance: float
    share: float
    """Of the variance of all features together."""
    cumulative: float
    """This one's share and those of all before it."""
    loadings: tuple[float, ...]
    """By feature, in their order; a unit vector whose entry of the largest magnitude is positive."""


class PcaRecord(Document):
    """Of the training rows."""

    version: Literal[1] = 1
    rows: int
    scale: Literal["centre", "standard"]
    variance: float
    """Of all features together."""
    features: tuple[PcaFeature, ...]
    components: tuple[PcaComponent, ...]
    """Those that are kept, of the largest variance first."""
    variances: tuple[float, ...]
    """Of all components there are."""
