"""What one measurement of one side tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One measurement. Bytes are payload that all processes together have sent."""

    side: str
    pass_s: float
    pass_bytes: int | None = None
    rounds: int | None = None
    """Length of the longest chain of messages in one pass."""
    input_s: float | None = None
    input_bytes: int | None = None
    error: float | None = None
    """Largest coefficient difference from float64 after the same passes."""
    memory: int | None = None
    """The most that one party's process held beyond an idle one, in bytes."""
    loaded: int | None = None
    """Of these, what its own data took before the training began."""
    dealer_memory: int | None = None

    @property
    def seconds(self) -> float:
        """Of a pass."""
        return self.pass_s
