"""What a compute party keeps of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Narrow, Words
from coterie.mpc.storage import Stored


@dataclass(frozen=True)
class Opening:
    """The public side of an opened array, and this party's share of its mask."""

    opened: Words
    """x + mask, equal at all compute parties."""
    mask: Words


@dataclass
class Share:
    """Of a secret."""

    words: Any
    """Ring elements; of truth values uint8, each 0 or 1. In the value's shape."""
    opening: Opening | None = None


@dataclass
class Held:
    """Of a private array: the plaintext at its owner, the masked form elsewhere."""

    mine: bool
    """Whether this party is the owner."""
    stored: Stored | None = None
    """None elsewhere until it is masked. Large matrices lie on disk: go through them by blocks."""

    @property
    def own(self) -> Words | Narrow | None:
        """The plaintext, whole, in memory; None where this party is not the owner. Not to be changed."""
        return self.stored.whole() if self.mine and self.stored is not None else None


@dataclass(frozen=True)
class Kept:
    """A share that outlives its run. On its own it is uniformly random."""

    words: NDArray[Any]
    """Ring elements; of truth values uint8, each 0 or 1."""
    frac: int
    range: Interval

    def __repr__(self) -> str:
        return f"<Kept share of shape {self.words.shape}>"
