"""The document of contributions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from coterie.data import Many
from coterie.learn.documents import Document

__all__ = ["Contributions", "PartyContribution"]

Step = Annotated[str, StringConstraints(max_length=64)]


class PartyContribution(Document):
    """Of one party. Numbers are by how much the measure is better with it: losses that are saved, AUC that is
    gained."""

    party: Step
    rows: int = Field(ge=0)
    """Of training."""
    contribution: float | None
    """Its part of the gain; None where it was not asked for."""
    drawn_error: float | None = None
    """Standard error that is due to the drawn orders; None where nothing was drawn."""
    left_out: float | None = None
    """What the measure loses where the party is left out; None where that is not known."""
    left_out_error: float | None = None
    """Standard error that is due to the rows that were measured."""


class Contributions(Document):
    """The content of contribution.json."""

    version: Literal[1] = 1
    model: Step
    frame: Step
    method: Literal["in_run", "retrain"]
    measure: Literal["log_loss", "deviance", "auc"]
    rows: int = Field(ge=1)
    """On which it was measured, of all parties."""
    begins: Literal["no_features", "first_network"] = "no_features"
    """What is measured as nothing: a network is trained from random weights on."""
    nothing: float
    """The measure of the model without features, or of the first network."""
    whole: float
    """The measure of the model of all parties."""
    gain: float
    """By how much the latter is better."""
    accounted: float | None
    """The sum of all parties' contributions."""
    told: Literal["all", "own"]
    parties: Annotated[Many[PartyContribution], Field(min_length=1, max_length=500)]
    """All; where it is for the reader alone, the reader."""
    trainings: int = Field(0, ge=0)
    """Models of groups of parties."""
    untrained: int = Field(0, ge=0)
    """Groups of whose rows no model could be trained; they count as if they had none."""
    orders: int | None = None
    """How many were drawn; None where all groups were trained."""
    cut_short: int = Field(0, ge=0)
    """Orders that came within the tolerance before their end."""
