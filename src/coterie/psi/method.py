"""Which protocol finds the common rows, and why: from public sizes, security wanted, and the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Wanted = Literal["auto", "dh", "oprf"]
Security = Literal["semi-honest", "malicious"]


@dataclass(frozen=True)
class Method:
    """How an intersection runs. All parties have the same, from the same plan."""

    protocol: Literal["dh", "oprf"]
    security: Security = "semi-honest"
    dealer: str | None = None
    """Who deals the correlations of ``oprf``; None where the two make them between them."""
    bucket_rows: int | None = None
    """Rows of the larger set in a bucket, about; None for what fits this protocol."""


class Line(Protocol):
    """A network, as far as the choice looks at it."""

    @property
    def latency(self) -> float:
        """Seconds one way."""

    @property
    def bandwidth(self) -> float:
        """Bytes per second."""
