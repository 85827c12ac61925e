"""What a protocol assumes and shows, beside its code and machine-readable."""

from __future__ import annotations

from dataclasses import dataclass

DEALER = "a dealer that gives out correlated randomness and colludes with no compute party"


@dataclass(frozen=True)
class ProtocolStatement:
    """One protocol's guarantees. All hold for two and more compute parties."""

    protocol: str
    rounds: str
    sent: str
    """Bytes between compute parties, for n parties."""
    dealt: str
    """Bytes from the dealer to the last party."""
    learns: str
    """What each party learns beyond its output, in a sentence that a lawyer can read."""
    source: str = ""
    adversary: str = "semi-honest"
    threshold: str = "all but one of the compute parties"
    helper: str | None = DEALER
    computational_bits: int = 128
    statistical_bits: int | None = None
    """None where the protocol is exact: it adds no statistical error and no statistical leak."""
