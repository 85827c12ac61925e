"""What the API says of attempts at a job that has lost a process or a link."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["AttemptView"]


class AttemptView(BaseModel):
    """One attempt at a job."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int
    """From 0 on."""
    behind: str | None = None
    """The step behind which it began; None from the start on."""
    started: str
    broke: str | None = None
    """When it was lost, and by what."""
    code: str | None = None
    detail: str | None = None
    party: str | None = None
