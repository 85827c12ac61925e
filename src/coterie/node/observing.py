"""What an operator chooses of logs, readiness, traces and jobs that stand still: parts of ``node.yaml``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from coterie.crypto import PartyName

__all__ = ["Duration", "LogSettings", "ReadySettings", "StallSettings", "TraceSettings"]

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


class StallSettings(_Part):
    """When this node calls a job stalled, and what it does then."""

    after: Duration = 600.0
    """Seconds in which no party of the job has come further."""
    then: Literal["wait", "abort"] = "wait"


class TraceSettings(_Part):
    """Where this node sends the spans of its jobs; nowhere without an endpoint."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[!-~]{1,1000}$")] | None = None
    """Of an OTLP receiver: ``https://host:4318/v1/traces``."""
    headers: Path | None = None
    """A file, for its owner alone, with a line ``name: value`` for each header; below the home, where it
    begins with no slash."""
    authority: Path | None = None
    """A file with the certificates, PEM, that the receiver's is held against; else those of the system."""
