"""That a store's table is large enough: every number of the argument in ``kernels/src/okvs.rs``."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from coterie._kernels import okvs_cells

SEGMENTS, DENSE = 3, 64
CLUSTER = 24_576
PROVEN = 4096
Floats = NDArray[np.float64]


def clusters(keys: int) -> int:
    most = max(1, keys // CLUSTER)
    return max(factor << power for factor in (1, 3) for power in range(40) if factor << power <= most)


def segment(keys: int) -> int:
    """Cells of a segment of a cluster."""
    cells, rest = divmod(okvs_cells(keys), clusters(keys))
    assert rest == 0
    assert (cells - DENSE) % SEGMENTS == 0
    return (cells - DENSE) // SEGMENTS


def log_choose(of: int, some: Floats) -> Floats:
    """log2 of how many subsets of that size there are."""
    bits: Floats = special.gammaln(of + 1) - special.gammaln(some + 1) - special.gammaln(of - some + 1)
    return bits / math.log(2)


def no_loner(balls: Floats, bins: int) -> Floats:
    """log2 of a bound for the probability that balls in bins leave no bin with exactly one."""
    z = np.exp(np.linspace(-15, 8, 1500))[:, None]
    one = z + np.log1p(-z * np.exp(-z))
    bound = special.gammaln(balls + 1) + bins * one - balls * np.log(z * bins)
    least: Floats = bound.min(axis=0) / math.log(2)
    return np.minimum(0, least)


def bound(keys: int, cells: int, largest: int) -> float:
    """log2 of the bound of a failure by a core of at most so many keys, with segments of so many cells."""
    # Of large sizes not all are looked at: terms change slowly, and one stands for those up to the next.
    sizes = np.unique([*range(2, min(largest, 700)), *np.geomspace(2, largest, 700).astype(int)]).astype(
        float
    )
    weights = np.log2(np.diff(np.append(sizes, largest + 1)))
    terms = log_choose(keys, sizes) + SEGMENTS * no_loner(sizes, cells) + np.minimum(0, sizes - DENSE)
    return float(np.logaddexp2.reduce(terms + weights))


def test_the_bound_of_a_throw_holds() -> None:
    random = np.random.default_rng(13)
    for balls, bins in ((2, 5), (6, 4), (9, 12), (20, 10)):
        thrown = random.integers(0, bins, (40_000, balls))
        counts = np.stack([(thrown == one).sum(axis=1) for one in range(bins)])
        seen = (counts != 1).all(axis=0).mean()
        assert seen <= 2 ** no_loner(np.array([float(balls)]), bins)[0] * 1.1


def test_of_few_keys_every_core_is_as_rare_as_said() -> None:
    for keys in (*range(2, 400, 7), 500, 700, 1000, 1400, 2000, 2800, PROVEN):
        assert bound(keys, segment(keys), keys) < -41, keys


def test_of_many_keys_small_cores_are_as_rare_as_said() -> None:
    for keys in (PROVEN + 1, 6000, 10_000, 17_000, 30_000, 2 * CLUSTER - 1):
        assert bound(keys, segment(keys), keys // 6) < -60


@pytest.mark.parametrize("keys", [2**16, 3 * CLUSTER, 2**20, 10**7, 2**30])
def test_a_fuller_cluster_is_as_rare_as_said(keys: int) -> None:
    most = fits(segment(keys))
    over = stats.binom.logsf(int(most), keys, 1 / clusters(keys)) / math.log(2)
    assert over + math.log2(clusters(keys)) < -42


def fits(cells: int) -> float:
    """The keys that segments of so many cells are made for."""
    root = (-6.75 + math.sqrt(6.75**2 + 4 * 1.2218 * 3 * (cells - 8))) / (2 * 1.2218)
    return root**2


# Clusters as full as they may be, of a store of one cluster or many.
FULL = [(n, n, segment(n)) for n in (4900, 8000, 16_000, 2 * CLUSTER - 1)] + [
    (n, int(fits(segment(n))), segment(n)) for n in (2 * CLUSTER, 2**18, 3 * 2**18, 2**20, 2**22)
]


@pytest.mark.parametrize(("keys", "full", "cells"), FULL)
def test_large_cores_begin_nine_deviations_away(keys: int, full: int, cells: int) -> None:
    total = SEGMENTS * cells
    # Where a large core begins, as measured by the crate's own test.
    begins = total / 1.2218 - 1.1 * total ** (1 / 3)
    assert (begins - full) / (0.49 * math.sqrt(total)) > 9


@pytest.mark.parametrize(("keys", "full", "cells"), FULL)
def test_the_published_experiments_ask_for_no_more(keys: int, full: int, cells: int) -> None:
    # The fit of Rindal and Raghuraman (2022) for three cells: bits of security by keys and expansion.
    bits = 42 + math.ceil(math.log2(clusters(keys)))
    per = 2 ** (0.555 * math.log2(full) + 2.337)
    assert SEGMENTS * cells >= full * (1.223 + (bits + 9.2) / per)
