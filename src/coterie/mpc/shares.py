"""What a compute party keeps of arrays."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Narrow, Words


@dataclass(frozen=True)
class Opening:
    """The public side of an opened array, and this party's share of its mask."""

    opened: Words
    """x + mask, equal at all compute parties."""
    mask: Words


@dataclass
class Share:
    """Of a secret."""

    words: Words
    opening: Opening | None = None


@dataclass
class Held:
    """Of a private array: the plaintext at its owner, the masked form elsewhere."""

    own: Words | Narrow | None = None
    masked: Words | None = None


@dataclass(frozen=True)
class Kept:
    """A share that outlives its run. On its own it is uniformly random."""

    words: Words
    frac: int
    range: Interval

    def __repr__(self) -> str:
        return f"<Kept share of shape {self.words.shape}>"
