"""Scaling by powers of four: the kernels against the same in plain NumPy and Python integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie import _kernels as k

Words = NDArray[np.uint64]
Bytes = NDArray[np.uint8]
SEEDS = [bytes(range(16)), bytes(range(1, 17))]
ID = 5


def words(n: int, seed: int = 0) -> Words:
    return np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)


def parties(correction: Words) -> list[tuple[Words | None, bytes | None, int]]:
    """What each has: two seeds, and the correction."""
    return [(None, SEEDS[0], ID), (None, SEEDS[1], ID), (correction, None, ID)]


@pytest.mark.parametrize(("n", "top", "levels"), [(0, 20, 7), (1, 15, 7), (5000, 62, 5), (70_001, 26, 7)])
def test_trials_of_masked_numbers(n: int, top: int, levels: int) -> None:
    mask, x = words(n), np.random.default_rng(n).integers(0, 2**top, n).astype(np.uint64)
    x >>= np.random.default_rng(n + 1).integers(0, 12, n).astype(np.uint64)
    opened = x + mask
    correction = k.octave_trials(mask, top, levels, SEEDS, ID)
    found = np.zeros(n, np.uint8)
    for shares in parties(correction):
        found ^= k.octave_bits(opened, top, levels, *shares).reshape(-1)
    passing = np.ones(n, bool)
    for level in range(levels):
        place = np.uint64(top - 3 - 2 * level)
        difference = ((opened >> place) - (mask >> place)) & np.uint64(15)
        passed = found >> np.uint8(level) & np.uint8(1) == 1
        np.testing.assert_array_equal(passed, difference <= 2)
        threshold = 2.0 ** (top - 2 * level - 2)
        assert (passed | (x >= threshold))[passing].all()
        assert (~passed | (x < 1.5 * threshold))[passing].all()
        passing &= passed


def leading(value: int, bits: int) -> int:
    """How many of the lowest bits are ones."""
    return next((bit for bit in range(bits) if not value >> bit & 1), bits)


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 60_000])
def test_counts_of_masked_outcomes(n: int) -> None:
    rng = np.random.default_rng(n)
    bits, opened = rng.integers(0, 128, (2, n)).astype(np.uint8)
    sigma_tau = rng.integers(0, 32, n).astype(np.uint8)
    found = np.zeros((n, 5), np.uint8)
    for shares in parties(k.octave_counts(bits, sigma_tau, SEEDS, ID)):
        first, last, products = k.octave_count(opened, *shares).T
        found[:, 1] ^= last >> np.uint8(4)
        for column, part in ((0, first), (2, last), (3, products), (4, products >> np.uint8(4))):
            found[:, column] += part & np.uint8(15)
    found &= np.uint8(15)
    for row in range(min(n, 3000)):
        outcomes = int(bits[row] ^ opened[row])
        sigma, tau = int(sigma_tau[row]) >> 4, int(sigma_tau[row]) & 15
        wanted = (
            leading(outcomes & 15, 4),
            outcomes & 15 == 15,
            leading(outcomes >> 4, 3),
            sigma,
            sigma * tau,
        )
        assert tuple(found[row]) == wanted


@pytest.mark.parametrize("n", [0, 1, 257, 50_000])
def test_scaling_by_a_masked_count(n: int) -> None:
    rng = np.random.default_rng(n)
    count, rho = rng.integers(0, 8, n), rng.integers(0, 16, n)
    x, mask = rng.integers(0, 2**40, n).astype(np.uint64), words(n)
    public = ((count + rho) % 16).astype(np.uint8)
    total = np.zeros((n, 2), np.uint64)
    for place, shares in enumerate(parties(k.octave_scales(rho.astype(np.uint8), mask, SEEDS, ID))):
        total += k.octave_scale(public, x + mask, place == 0, *shares)
    np.testing.assert_array_equal(total[:, 1], count)
    np.testing.assert_array_equal(total[:, 0], x << (2 * count + 14).astype(np.uint64))


def test_streams_hide_what_is_shared() -> None:
    """Corrections under other seeds have nothing in common."""
    zeros, none = np.zeros(1000, np.uint8), np.zeros(1000, np.uint64)

    def corrections(seeds: list[bytes]) -> list[Any]:
        return [
            k.octave_trials(none, 26, 7, seeds, ID),
            k.octave_counts(zeros, zeros, seeds, ID),
            k.octave_scales(zeros, none, seeds, ID),
        ]

    for one, other in zip(corrections(SEEDS), corrections(SEEDS[:1]), strict=True):
        assert (one != other).mean() > 0.99
        assert len(np.unique(one)) == one.size


def test_wrong_arguments_are_refused() -> None:
    m, b = words(4), np.zeros(4, np.uint8)
    for levels in (0, 8):
        with pytest.raises(ValueError, match="levels must be from 1 to 7"):
            k.octave_trials(m, 20, levels, SEEDS, ID)
    for top in (14, 63):
        with pytest.raises(ValueError, match="top must be from 15 to 62"):
            k.octave_bits(m, top, 7, None, SEEDS[0], ID)
    with pytest.raises(ValueError, match="sigma_tau must have 4 elements, not 3"):
        k.octave_counts(b, b[:3], SEEDS, ID)
    with pytest.raises(ValueError, match="mask must have 4 elements, not 5"):
        k.octave_scales(b, words(5), SEEDS, ID)
    with pytest.raises(ValueError, match="opened must have 4 elements, not 5"):
        k.octave_scale(b, words(5), True, None, SEEDS[0], ID)
    with pytest.raises(ValueError, match="shares must have 24 elements, not 4"):
        k.octave_scale(b, m, True, m, None, ID)
    with pytest.raises(ValueError, match="either shares or a seed"):
        k.octave_count(b, None, None, ID)
