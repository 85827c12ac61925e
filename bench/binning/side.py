"""What one measurement of one side tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One measurement. Bytes are payload that all processes together have sent."""

    side: str
    seconds: float
    bytes: int | None = None
    rounds: int | None = None
    error: float | None = None
    """Largest difference of an information value from the pooled one."""
    memory: int | None = None
    """The most that one party's process held beyond an idle one, in bytes."""
