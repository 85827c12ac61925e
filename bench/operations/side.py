"""What one measurement of one side tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One measurement. Bytes are payload that all processes together have sent."""

    side: str
    seconds: float
    sent: int
    error: float
    rounds: int | None = None
    """Length of the longest chain of messages."""
    dealt: int | None = None
    """Of the bytes, what the dealer sent."""
    first_s: float | None = None
    """Seconds of the first time in the same processes, with memory that is new to them."""
    memory: int | None = None
    """The most that one party's process held beyond an idle one, in bytes."""
