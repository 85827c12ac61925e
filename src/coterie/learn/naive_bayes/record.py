"""What a party is told of a naive Bayes model."""

from __future__ import annotations

from typing import Literal

from coterie.learn.documents import Document

__all__ = ["BayesCategory", "BayesFeature", "BayesRecord"]


class BayesCategory(Document):
    """One category, or all others."""

    name: str | None
    """None of all others."""
    shares: tuple[float, ...]
    """Of the rows with each label value, from 0, that have it."""


class BayesFeature(Document):
    """What one column says of the label."""

    party: str
    column: str
    means: tuple[float, ...] | None = None
    """Of a number, with each label value."""
    variances: tuple[float, ...] | None = None
    categories: tuple[BayesCategory, ...] | None = None


class BayesRecord(Document):
    """Of the training rows."""

    version: Literal[1] = 1
    rows: tuple[int, ...]
    """With each label value, from 0."""
    priors: tuple[float, ...]
    """Probability of each before anything is known of a row."""
    features: tuple[BayesFeature, ...]
