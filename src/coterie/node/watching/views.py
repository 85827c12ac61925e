"""What the API says of a job that does not come further."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["StallView"]


class StallView(BaseModel):
    """A node calls a job stalled."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    party: str = Field(max_length=64)
    """Whose node says so."""
    since: str = Field(max_length=64)
    """From when on that node has seen nobody come further."""
    awaited: tuple[str, ...] = Field(default=(), max_length=64)
    """The parties that the others wait for, each for the next or all for one; none where nobody waits for
    another."""
    then: str = Field(max_length=16)
    """What its operator wants: wait or abort."""
