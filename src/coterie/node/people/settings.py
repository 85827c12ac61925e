"""What an operator chooses for people: a part of ``node.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PeopleSettings"]


class PeopleSettings(BaseModel):
    """``people`` in ``node.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    session_hours: Annotated[float, Field(gt=0, le=24)] = 8.0
    """Until a session ends by itself."""
    calls_at_once: Annotated[int, Field(ge=1, le=10**6)] = 500
    """Of one token."""
    calls_per_second: Annotated[float, Field(gt=0, le=10**5)] = 50.0
    """Of one token, in the long run."""
    free_failures: Annotated[int, Field(ge=0, le=1000)] = 5
    """Sign-ins from one address that may fail before the next has to wait."""
    longest_wait: Annotated[float, Field(ge=1, le=86400)] = 900.0
    """Seconds, at most; after as many without a try an address's failures are forgotten."""
