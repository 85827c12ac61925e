"""What one measurement of one side tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """One secure sum, all clients and the server in one process."""

    side: str
    clients_s: float
    """Processor seconds of all clients together."""
    server_s: float
    """Processor seconds of the server."""
    wall_s: float
    """Seconds from the first message to the total, as one process does everybody's work."""
    sent: int
    """Bytes that a client that stays has sent, the one with most."""
    received: int
    """Bytes that such a client has been sent."""
    error: float
    """The largest difference of the total from the sum of the survivors' values in float64."""
    memory: int
    """The most that the process has held, in bytes."""
    parts: dict[str, float]
    """Processor seconds of parts."""
    wire_s: float | None = None
    """Processor seconds of making and reading messages, where they are not among the others."""

    @classmethod
    def of(cls, side: str, result: Mapping[str, Any]) -> Run:
        """What a process has written."""
        return cls(side, **result)

    @property
    def seconds(self) -> float:
        """Processor seconds of everybody."""
        return self.clients_s + self.server_s

    def check(self, bound: float) -> None:
        """:raises RuntimeError: where the total is further off than that."""
        if not self.error <= bound:
            raise RuntimeError(f"{self.side}: the total is {self.error:g} off; rounding explains {bound:g}")
