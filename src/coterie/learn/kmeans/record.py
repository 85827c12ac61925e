"""What a party is told of clusters."""

from __future__ import annotations

from typing import Literal

from coterie.learn.documents import Document

__all__ = ["Cluster", "ClusterFeature", "KmeansRecord"]


class ClusterFeature(Document):
    """One of the columns by which rows are near to each other."""

    party: str
    column: str


class Cluster(Document):
    """One of them."""

    number: int
    """From 1, as in the new column."""
    rows: int
    """That were counted in it; in engine fl each party's are none, or no fewer than the smallest group."""
    centre: tuple[float, ...]
    """By feature, in their order and units."""


class KmeansRecord(Document):
    """Of the training rows."""

    version: Literal[1] = 1
    rows: int
    """That were counted."""
    asked: int
    """Clusters that were looked for."""
    features: tuple[ClusterFeature, ...]
    clusters: tuple[Cluster, ...]
    inertia: float
    """Sum of the squared distances of the rows from their centres."""
    spread: float
    """Sum of the squared distances of the rows from their common mean."""
    iterations: int
    converged: bool
    start: tuple[tuple[float, ...], ...]
    """The centres that iterations began with."""
    inertias: tuple[float, ...]
    """That each start came to; the least one counts."""
