"""The document of an evaluation of a label of several classes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from coterie.learn.documents import Document

__all__ = ["ClassFigures", "SeveralEvaluation"]

CLASSES = 1000

Step = Annotated[str, StringConstraints(max_length=64)]


class ClassFigures(Document):
    """Of the rows of one label, and of those that are taken for it. None where these are too few to tell."""

    label: int = Field(ge=0, lt=CLASSES)
    rows: int | None
    recall: float | None
    """Share of the rows with this label that are taken for it."""
    precision: float | None
    """Share of the rows taken for it that have this label."""


class SeveralEvaluation(Document):
    """The content of metrics.json for a model of a label of several classes."""

    version: Literal[1] = 1
    task: Literal["several classes"] = "several classes"
    model: Step
    """Name of the step that trained it."""
    frame: Step
    rows: int = Field(ge=1)
    accuracy: float = Field(ge=0, le=1)
    """Share of the rows whose most probable class is their label."""
    accuracy_low: float
    """95 % Wilson interval."""
    accuracy_high: float
    log_loss: float
    """Nats."""
    classes: tuple[ClassFigures, ...] = Field(min_length=3, max_length=CLASSES)
    confusion: tuple[tuple[int | None, ...], ...] = Field(min_length=3, max_length=CLASSES)
    """Rows by label, then by the class that they are taken for; None for fewer than the smallest group."""
