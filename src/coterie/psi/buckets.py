"""Large sets in buckets: one intersection after the other, in bounded memory.

A row's bucket is a keyed hash of its id modulo the number of buckets, under a key that the parties draw
together for one run. So equal ids meet in the same bucket, and how many rows of a set are in each is as if
drawn at random. These numbers would tell something about the rows; so each bucket is filled with random rows
up to a size that follows from the size of the whole set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import bucket_of
from coterie.psi.errors import BUCKET_FULL
from coterie.psi.statement import STATISTICAL_BITS

MOST_ROWS = 5 << 18
"""Of the larger set in a bucket, about: 1.25 times 2^20."""


@dataclass(frozen=True)
class Buckets:
    """How two sets are cut."""

    count: int
    sizes: tuple[int, int]
    """Rows that a bucket holds of each set, random ones included."""

    @classmethod
    def of(cls, rows_a: int, rows_b: int, most: int = MOST_ROWS) -> Buckets:
        """For sets of these sizes; ``most`` rows in a bucket, about."""
        count = -(-max(rows_a, rows_b) // most)
        return cls(count, (size(rows_a, count), size(rows_b, count)))


def size(rows: int, buckets: int) -> int:
    """Rows that each of so many buckets holds: none overflows but with a probability below 2^-40.

    The number of rows in a bucket is a sum of independent 0 and 1 with mean μ; by Bernstein's inequality it
    is μ + t or more with probability at most exp(-t² / (2μ + 2t/3)), which for t = √(2μL) + L is at most
    exp(-L). L is 41 ln 2, for two sets, and more for the number of buckets. In integers: all parties get the
    same number.
    """
    if buckets == 1:
        return rows
    mean = -(-rows // buckets)
    exponent = -(-(STATISTICAL_BITS + 1 + buckets.bit_length()) * 70 // 100)  # ln 2 < 0.7
    return min(rows, mean + math.isqrt(2 * mean * exponent) + 1 + exponent)


@dataclass(frozen=True)
class Cut:
    """A set in its buckets."""

    order: NDArray[np.int64]
    """Row numbers, bucket by bucket."""
    starts: NDArray[np.int64]
    """Where each bucket begins in ``order``, and the end."""

    @classmethod
    def of(cls, items: NDArray[np.uint8], key: bytes, count: int, size: int) -> Cut:
        """Cut rows. Errors: CT-2020 where a bucket has more than ``size`` rows."""
        if count == 1:
            rows = len(items)
            return cls(np.arange(rows, dtype=np.int64), np.array([0, rows], dtype=np.int64))
        counts, order = bucket_of(items, key, count)
        if int(counts.max()) > size:
            raise BUCKET_FULL(f"{int(counts.max())} rows where {size} have room")
        return cls(order, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))

    def rows(self, bucket: int) -> NDArray[np.int64]:
        """The numbers of the rows in a bucket."""
        return self.order[self.starts[bucket] : self.starts[bucket + 1]]
