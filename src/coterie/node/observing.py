"""What an operator chooses of logs, readiness, stalled jobs and traces: parts of ``node.yaml``."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from coterie.crypto import PartyName

__all__ = ["LogSettings", "ReadySettings", "StalledSettings", "TracingSettings"]

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(s|m|h|d)")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(value: object) -> object:
    """``90``, ``90s``, ``10m``, ``2h``, ``1d`` as seconds."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("write it as 90s, 10m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2]]


Duration = Annotated[float, BeforeValidator(_seconds), Field(ge=1, le=86400 * 365)]
"""Seconds."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogSettings(_Part):
    """How the node and its workers write their logs."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class ReadySettings(_Part):
    """What a node needs to be called ready, beside its own store, ledger and keys."""

    peers: Annotated[tuple[PartyName, ...], Field(max_length=32)] = ()
    """That must answer."""
    every: Duration = 15.0
    """Seconds between two questions to them."""


class StalledSettings(_Part):
    """When a job counts as stalled here, and what is done then."""

    after: Duration = 600.0
    """Seconds in which no participant has come further."""
    then: Literal["wait", "abort"] = "wait"


class TracingSettings(_Part):
    """Where spans of jobs and steps go; nowhere without any."""

    url: Annotated[str | None, Field(pattern=r"^https?://[^\s@]{1,500}$")] = None
    """Of a collector that takes OTLP over HTTP, with its whole path."""
    file: Annotated[str | None, Field(min_length=1, max_length=1000)] = None
    """One JSON object a line; below the home, where it begins with no slash."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.url is not None and self.file is not None:
            raise ValueError("give a url or a file, not both")
        return self

    @property
    def wanted(self) -> bool:
        """Whether there are any."""
        return self.url is not None or self.file is not None
