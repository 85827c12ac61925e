"""The discrete Gaussian against its exact probabilities: thresholds that another sampler goes beyond."""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist

import numpy as np
import pytest

from coterie import _kernels as kernels

SEED = bytes(range(16))
DRAWS = 400_000


def probabilities(variance: float, most: int) -> np.ndarray:
    """Of -most .. most, by their definition."""
    weights = [math.exp(-k * k / (2 * variance)) for k in range(-most, most + 1)]
    far = 2 * math.fsum(math.exp(-k * k / (2 * variance)) for k in range(most + 1, 40 * most + 40))
    return np.array(weights) / (math.fsum(weights) + far)


def chi_square(drawn: np.ndarray, exact: np.ndarray) -> float:
    """Of values at -most .. most, those beyond at the ends."""
    most = len(exact) // 2
    counts = np.bincount(np.clip(drawn, -most, most) + most, minlength=len(exact))
    expected = exact * len(drawn)
    expected[[0, -1]] += (1 - exact.sum()) / 2 * len(drawn)
    return float((np.square(counts - expected) / expected).sum())


def threshold(bins: int) -> float:
    """Beyond it once in a million (Wilson and Hilferty)."""
    free = bins - 1
    return free * (1 - 2 / (9 * free) + NormalDist().inv_cdf(1 - 1e-6) * math.sqrt(2 / (9 * free))) ** 3


@pytest.mark.parametrize("variance", [1, 2, 7, 90])
def test_small_ones_have_their_probabilities(variance: int) -> None:
    most = math.ceil(3.2 * math.sqrt(variance))
    exact = probabilities(variance, most)
    drawn = kernels.discrete_gaussian(SEED, variance, DRAWS)
    assert chi_square(drawn, exact) < threshold(len(exact))
    # The same test tells other samplers apart: a rounded Gaussian, and one whose variance is off by 2 %.
    normal = np.random.default_rng(1).normal(size=DRAWS) * math.sqrt(variance)
    if variance < 7:
        assert chi_square(np.rint(normal).astype(np.int64), exact) > 2 * threshold(len(exact))
    stretched = probabilities(variance * 1.02, most)
    values = np.random.default_rng(2).choice(np.arange(-most, most + 1), DRAWS, p=stretched / stretched.sum())
    assert chi_square(values, exact) > threshold(len(exact))


def test_a_large_one_is_all_but_normal() -> None:
    deviation = math.sqrt(2**43 + 12345)
    drawn = kernels.discrete_gaussian(SEED, 2**43 + 12345, DRAWS)
    places = np.array([NormalDist().cdf(value / deviation) for value in drawn[:50_000].tolist()])
    counts = np.bincount((places * 200).astype(np.int64), minlength=200)
    assert float((np.square(counts - 250) / 250).sum()) < threshold(200)
    assert abs(float(np.square(drawn / deviation).mean()) - 1) < 5 * math.sqrt(2 / DRAWS)
    odd = int((drawn & 1).sum())
    assert abs(odd - DRAWS / 2) < 5 * math.sqrt(DRAWS / 4)


def test_numbers_follow_from_the_seed_alone() -> None:
    drawn = kernels.discrete_gaussian(SEED, 1_000_003, 10_000)
    assert (
        hashlib.sha256(drawn.tobytes()).hexdigest()
        == "11f163fbde6b8f865348105fece6c86864f60e3e4ff46ed0d168f06592d5cee2"
    )
    assert not np.array_equal(drawn[:4096], drawn[4096:8192])
    assert np.array_equal(kernels.discrete_gaussian(SEED, 1_000_003, 5_000), drawn[:5_000])


def test_what_is_not_within_its_range_is_refused() -> None:
    for variance in (0, 2**44 + 1, -1):
        with pytest.raises(ValueError, match=r"variance|from 0"):
            kernels.discrete_gaussian(SEED, variance, 1)
    with pytest.raises(ValueError, match="16 bytes"):
        kernels.discrete_gaussian(SEED[:8], 1, 1)
    assert kernels.discrete_gaussian(SEED, 1, 0).shape == (0,)
