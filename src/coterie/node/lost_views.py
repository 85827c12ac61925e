"""What the REST API says of parties that a job has gone on without."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["DropoutsView", "LostView"]


class LostView(BaseModel):
    """A party that a job with a minimum has lost."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    party: str
    time: str
    """When this node heard of it."""
    code: str
    step: str | None = None
    """Where it was, as last heard."""
    rows: int = 0
    """Of its dataset, as the job was planned: what later numbers are made without."""


class DropoutsView(BaseModel):
    """How a job that can lose parties stands."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    minimum: int
    """So many parties with data must be there."""
    parties: int
    """With data, at the begin."""
    lost: tuple[LostView, ...] = ()
    out: bool = False
    """This party is lost itself: the others may go on."""
