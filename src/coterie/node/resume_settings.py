"""What an operator chooses for jobs that lose a process or a link: a part of ``node.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .observing import Duration

__all__ = ["ResumeSettings"]


class ResumeSettings(BaseModel):
    """How this node goes on with a job that has lost something. Of several parties the strictest decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempts: Annotated[int, Field(ge=0, le=10**6)] = 5
    """How often in a row a job is begun again behind the same step. 0: what is lost ends the job."""
    wait: Duration = 3600.0
    """For how long a job waits for participants that are away, before it fails."""
