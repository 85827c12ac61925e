"""Fixed point in the ring Z_2^64: how numbers become ring elements and back, and when they would not fit."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.errors import OVERFLOW

Words: TypeAlias = NDArray[np.uint64]
Narrow: TypeAlias = NDArray[np.int32]
Floats: TypeAlias = NDArray[np.float64]

BITS = 64
FRAC = 18
"""Fractional bits where a program does not say."""
HEADROOM = 62
"""Magnitudes stay below 2^62: exact truncation needs that, and it leaves a factor of two for rounding."""
NARROW = 31
"""Own plaintext whose encoding stays below 2^31 is stored in 32 bits."""


def wrapping() -> np.errstate:
    """Of arrays, NumPy's arithmetic wraps silently; of single elements it would warn where the ring wraps."""
    return np.errstate(over="ignore")


def fits(bound: float, frac: int) -> bool:
    """Whether values of magnitude ``bound`` with ``frac`` fractional bits stay below 2^62."""
    return bool(np.isfinite(bound)) and bound * 2.0**frac < 2.0**HEADROOM


def check_fits(bound: float, frac: int, where: str) -> None:
    """Raises CT-2101 where the values would not fit."""
    if not fits(bound, frac):
        raise OVERFLOW(f"{where}: magnitude up to {bound:.6g} with {frac} fractional bits needs 2^62 or more")


def encode(values: NDArray[np.floating] | float, frac: int) -> Words:
    """``round(values * 2^frac)`` mod 2^64, in the shape of ``values``. The caller has checked the range."""
    scaled = np.rint(np.multiply(values, 2.0**frac, dtype=np.float64))
    return np.asarray(scaled.astype(np.int64)).view(np.uint64)


def decode(words: Words, frac: int) -> Floats:
    """The numbers that ring elements stand for: signed, divided by 2^frac."""
    return words.view(np.int64) / 2.0**frac


def encode_scalar(value: float, frac: int) -> int:
    """``round(value * 2^frac)`` as a signed Python integer (ties to even)."""
    return round(float(value) * 2.0**frac)


def is_narrow(bound: float, frac: int) -> bool:
    """Whether the encoding of such values fits 32 bits."""
    return bound * 2.0**frac < 2.0**NARROW - 1


def as_words(values: Words | Narrow) -> Words:
    """Kept plaintext as ring elements: 32-bit values are sign-extended into a new array."""
    if values.dtype == np.uint64:
        return values.view(np.uint64)
    return values.astype(np.int64).view(np.uint64)


def shifted(words: Words, bits: int) -> Words:
    """``words * 2^bits`` mod 2^64 for 0 <= bits; the same array for 0."""
    if bits == 0:
        return words
    return words << np.uint64(bits) if bits < BITS else np.zeros_like(words)
