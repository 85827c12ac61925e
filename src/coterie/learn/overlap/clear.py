"""Counting common rows where all of them are in one place; what noise there is."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coterie.learn.keys import common_rows
from coterie.mpc import noise_law

__all__ = ["counted", "deviation", "noise", "scale"]


def counted(hashes: Sequence[NDArray[np.uint8]]) -> int:
    """How many rows all of these tables have."""
    return len(common_rows(hashes)[0])


def scale(epsilon: float) -> float:
    """Of discrete Laplace noise, for a number that one row changes by one at most. Rounded up."""
    return math.nextafter(1 / epsilon, math.inf)


def noise(epsilon: float) -> int:
    """One sample, of the operating system's randomness."""

    def draw(words: int) -> NDArray[np.uint64]:
        return np.frombuffer(secrets.token_bytes(8 * words), np.uint64)

    return int(noise_law("laplace", scale(epsilon), 0).sample(draw, 1)[0])


def deviation(epsilon: float, samples: int) -> float:
    """Standard deviation of the sum of so many samples: each has variance 2q / (1 - q)² for q = exp(-ε)."""
    return math.sqrt(samples / 2) / math.sinh(epsilon / 2)
