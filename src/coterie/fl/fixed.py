"""Numbers as they are summed: fixed point in a ring of 32, 64 or 128 bits.

A contributor's value x stands as the whole number nearest to ``x * 2^frac``. Sums in the ring are then
exact: the total of n contributors differs from the real one by at most ``n * 2^-(frac + 1)``, whoever adds,
in whatever order. No value is clipped: what the ring might not hold is refused.

All numbers are multiples of a power of two, at least the greatest that divides any number of contributors:
these low bits are lost to values, and let a total be hidden from the coordinator (see ``masking.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.fl.errors import BAD_CALL, NOT_A_NUMBER, OUT_OF_RANGE

Ring = NDArray[np.uint32] | NDArray[np.uint64]
"""Shape (n,), uint32 or uint64; for 128 bits uint64 of shape (n, 2), the lower half first."""

WIDTHS = (32, 64, 128)


def zero_bits(most: int) -> int:
    """Low bits that stay zero under a mask that each of up to ``most`` contributors adds.

    c times a uniform word is uniform on the multiples of the greatest power of two that divides c.
    """
    return most.bit_length() - 1


@dataclass(frozen=True)
class Fixed:
    """A format of values: ``bits`` of the ring (32, 64, 128), ``frac`` of them behind the binary point.

    Errors: CT-2403 for other widths, and for more than 64 fractional bits or as many as the ring has.
    """

    bits: int
    frac: int

    def __post_init__(self) -> None:
        if self.bits not in WIDTHS or not 0 <= self.frac <= min(64, self.bits - 8):
            raise BAD_CALL(f"a format of {self.bits} bits, {self.frac} of them fractional")

    def limit(self, most: int) -> float:
        """The largest absolute value of one contributor, of up to ``most``.

        Errors: CT-2403 where so many contributors leave no room for values.
        """
        whole = ((1 << (self.bits - 1 - zero_bits(most))) - 1) // most
        if whole < 1:
            raise BAD_CALL(f"{most} contributors in {self.bits} bits")
        # Rounded down to a double, so that what is within it is within the whole number.
        kept = max(0, whole.bit_length() - 53)
        return float(np.ldexp(float(whole >> kept << kept), -self.frac))

    def error(self, contributors: int) -> float:
        """How far a total is from the real one at most, before it is rounded to a double."""
        return float(np.ldexp(float(contributors), -self.frac - 1))

    def encode(self, values: NDArray[np.float64], most: int) -> Ring:
        """Values of shape (n,) as elements of the ring.

        Errors: CT-2401 for NaN and infinities, CT-2402 for what is beyond :meth:`limit`.
        """
        if values.ndim != 1 or values.dtype != np.float64:
            raise BAD_CALL(f"values of shape {values.shape} and type {values.dtype}")
        self._check(values, self.limit(most))
        zeros = zero_bits(most)
        scaled = (np.abs(values) if self.bits == 128 else values) * 2.0**self.frac
        np.rint(scaled, out=scaled)
        if self.bits == 128:
            return _wide(scaled, np.signbit(values), zeros)
        if self.bits == 64:
            return (scaled.astype(np.int64) << zeros).view(np.uint64)
        return (scaled.astype(np.int32) << zeros).view(np.uint32)

    def read(self, data: bytes | memoryview) -> Ring:
        """Elements of the ring of their bytes, little-endian, not copied."""
        if self.bits == 32:
            return np.frombuffer(data, dtype=np.uint32)
        words: NDArray[np.uint64] = np.frombuffer(data, dtype=np.uint64)
        return words.reshape(-1, 2) if self.bits == 128 else words

    def decode(self, total: Ring, most: int) -> NDArray[np.float64]:
        """The numbers that elements of the ring stand for: doubles, within one unit in the last place."""
        zeros = zero_bits(most)
        if self.bits == 128:
            wide = total.view(np.uint64)
            low, high = wide[:, 0], wide[:, 1]
            negative = high >> np.uint64(63) != 0
            low, high = _negated(low, high, negative)
            whole = high.astype(np.float64) * 2.0**64 + low.astype(np.float64)
            return np.where(negative, -whole, whole) * 2.0 ** (-self.frac - zeros)
        signed = total.view(np.int64) if self.bits == 64 else total.view(np.int32)
        return (signed >> zeros).astype(np.float64) * 2.0**-self.frac

    def _check(self, values: NDArray[np.float64], limit: float) -> None:
        if len(values) == 0:
            return
        # NaN is neither; minima and maxima keep it.
        if values.min() >= -limit and values.max() <= limit:
            return
        finite = np.isfinite(values)
        if not finite.all():
            raise NOT_A_NUMBER(f"value {int(np.argmin(finite))} of {len(values)}")
        first = int(np.argmax(np.abs(values) > limit))
        raise OUT_OF_RANGE(f"value {first} of {len(values)}: the largest that may be is {limit:g}")


def count_elements(bits: int) -> int:
    """How many elements say how many contribute: 64 bits at least."""
    return max(1, 64 // bits)


def ring_form(bits: int, count: int) -> tuple[type[np.uint32 | np.uint64], tuple[int, ...]]:
    """Type and shape of so many values with the number of contributors behind them."""
    size = count + count_elements(bits)
    return (np.uint32 if bits == 32 else np.uint64), ((size, 2) if bits == 128 else (size,))


def with_count(values: Ring, bits: int, most: int, contributors: int = 1) -> Ring:
    """Values with the number of contributors behind them, one before they are summed.

    Where masks do not cancel the total has another number there, but for a probability near 2^-64.
    """
    number = np.zeros((count_elements(bits), *values.shape[1:]), dtype=values.dtype)
    number.reshape(len(number), -1)[:, 0] = contributors << zero_bits(most)
    return np.concatenate([values, number])


EXACT = Fixed(bits=128, frac=64)
"""Any double up to 2^45 for up to 500 contributors: those from 2^-12 on exactly, others within 2^-65."""


def _wide(scaled: NDArray[np.float64], negative: NDArray[np.bool_], zeros: int) -> NDArray[np.uint64]:
    """Whole numbers of up to 127 bits, times 2^zeros, with a sign."""
    upper = np.floor(scaled * 2.0**-64)
    low, high = (scaled - upper * 2.0**64).astype(np.uint64), upper.astype(np.uint64)
    if zeros:
        high = (high << np.uint64(zeros)) | (low >> np.uint64(64 - zeros))
        low = low << np.uint64(zeros)
    return np.stack(_negated(low, high, negative), axis=1)


def _negated(
    low: NDArray[np.uint64], high: NDArray[np.uint64], where: NDArray[np.bool_]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Numbers of 128 bits, negated where that is said."""
    carry = (low == 0).astype(np.uint64)
    return np.where(where, ~low + np.uint64(1), low), np.where(where, ~high + carry, high)
