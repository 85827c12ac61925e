"""Who takes part in a round, and in which group: drawn by what all parties know alike.

The draw depends on the weights before the round too, which nobody knew before the totals of the round before
were there: who chooses a job's seed does not choose who comes together in later rounds, but in the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .trainer import Floats

__all__ = ["drawn", "grouped", "round_seed"]

FEWEST = 3
"""Parties of a total."""


def round_seed(run: bytes, number: int, weights: Floats) -> bytes:
    """32 bytes. :param run: of all that is public of the training. :param number: of the round."""
    state = hashlib.sha256(weights.astype("<f8").tobytes()).digest()
    return hashlib.sha256(b"coterie/neural/round/v1\0" + run + number.to_bytes(4, "little") + state).digest()


def drawn(names: Sequence[str], seed: bytes, count: int | None) -> tuple[str, ...]:
    """So many of them, all where None, in their own order."""
    if count is None or count >= len(names):
        return tuple(names)
    taken = set(_shuffled(names, seed + b"sampled")[:count])
    return tuple(name for name in names if name in taken)


def grouped(names: Sequence[str], seed: bytes, groups: int) -> list[tuple[str, ...]]:
    """Groups whose sizes differ by one at most, the larger first, each in the order of the names."""
    order = _shuffled(names, seed + b"grouped")
    parts = [set(order[number::groups]) for number in range(groups)]
    return [tuple(name for name in names if name in part) for part in parts]


def _shuffled(names: Sequence[str], seed: bytes) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(seed + b"\0" + name.encode()).digest())
