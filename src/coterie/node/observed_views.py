"""What the REST API says of a node's readiness."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["ReadyCheck", "ReadyView"]


class ReadyCheck(BaseModel):
    """One thing that a node needs: by the name of a peer, never its address."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    ready: bool
    code: str | None = None
    """Of the error, where it is one."""


class ReadyView(BaseModel):
    """Whether a node can take work, and what of it is missing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ready: bool
    checks: tuple[ReadyCheck, ...]
