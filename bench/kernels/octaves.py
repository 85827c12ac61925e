"""The kernels that bring numbers to one octave, as :mod:`bench.kernels.table` has others."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.kernels.kernel import SEED, WORD, Kernel, Make, elements, random_words
from coterie import _kernels

TOP, LEVELS = 40, 7
TRIALS, COUNTS, SCALES = 2, 2, 6
"""Words of the tables of an element."""


def _trials(scale: float) -> Kernel:
    n = elements(scale)
    mask = random_words(n)
    return Kernel(
        lambda: _kernels.octave_trials(mask, TOP, LEVELS, [SEED], 3),
        read=mask.nbytes,
        written=TRIALS * n * WORD,
        blocks=TRIALS * n // 2,
    )


def _bits(expanded: bool, scale: float) -> Kernel:
    n = elements(scale)
    opened, shares, seed = _given(TRIALS, n, expanded)
    return Kernel(
        lambda: _kernels.octave_bits(opened, TOP, LEVELS, shares, seed, 3),
        read=opened.nbytes + (0 if expanded else TRIALS * n * WORD),
        written=n,
        blocks=TRIALS * n // 2 if expanded else 0,
    )


def _counts(scale: float) -> Kernel:
    n = elements(scale)
    bits = random_words(n).astype(np.uint8)
    return Kernel(
        lambda: _kernels.octave_counts(bits, bits, [SEED], 3),
        read=2 * n,
        written=COUNTS * n * WORD,
        blocks=COUNTS * n // 2,
    )


def _count(expanded: bool, scale: float) -> Kernel:
    n = elements(scale)
    words, shares, seed = _given(COUNTS, n, expanded)
    opened = words.astype(np.uint8) & np.uint8(127)
    return Kernel(
        lambda: _kernels.octave_count(opened, shares, seed, 3),
        read=n + (0 if expanded else COUNTS * n * WORD),
        written=3 * n,
        blocks=COUNTS * n // 2 if expanded else 0,
    )


def _scales(scale: float) -> Kernel:
    n = elements(scale)
    mask = random_words(n)
    rho = mask.astype(np.uint8) & np.uint8(15)
    return Kernel(
        lambda: _kernels.octave_scales(rho, mask, [SEED], 3),
        read=mask.nbytes + n,
        written=SCALES * n * WORD,
        blocks=SCALES * n // 2,
    )


def _scale(expanded: bool, scale: float) -> Kernel:
    n = elements(scale)
    opened, shares, seed = _given(SCALES, n, expanded)
    count = opened.astype(np.uint8) & np.uint8(15)
    return Kernel(
        lambda: _kernels.octave_scale(count, opened, True, shares, seed, 3),
        read=n + opened.nbytes + (0 if expanded else SCALES * n * WORD),
        written=2 * n * WORD,
        blocks=SCALES * n // 2 if expanded else 0,
    )


def _given(each: int, n: int, expanded: bool) -> tuple[np.ndarray, np.ndarray | None, bytes | None]:
    """Opened values, and shares of tables of so many words each: an array, or the seed of it."""
    return random_words(n), None if expanded else random_words(each * n), SEED if expanded else None


OCTAVES: dict[str, Make] = {
    "octave_trials": _trials,
    "octave_bits shares": partial(_bits, False),
    "octave_bits seed": partial(_bits, True),
    "octave_counts": _counts,
    "octave_count shares": partial(_count, False),
    "octave_count seed": partial(_count, True),
    "octave_scales": _scales,
    "octave_scale shares": partial(_scale, False),
    "octave_scale seed": partial(_scale, True),
}
"""By name."""
