"""Cuckoo tables: items lie where they may, and that they cannot is as rare as said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from coterie.errors import CoterieError, Unavailable
from coterie.psi import cuckoo
from tests.psi.pair import Stream, ids


def test_items_lie_in_bins_of_their_own() -> None:
    hashes = ids(*range(3000))
    key, places, which = cuckoo.placed(hashes, Stream("table"))
    assert np.array_equal(places, cuckoo.named(hashes, key, 3000))
    assert (places // cuckoo.segment(3000) == [0, 1, 2]).all()
    assert len(np.unique(places[np.arange(3000), which])) == 3000
    # All bins of a segment alike.
    counts = np.bincount(places[:, 0], minlength=cuckoo.segment(3000))
    mean = 3000 / len(counts)
    assert abs(((counts - mean) ** 2 / mean).sum() / len(counts) - 1) < 0.2


def test_another_key_names_other_bins() -> None:
    hashes = ids(*range(500))
    one, other = (cuckoo.named(hashes, bytes([number]) * 32, 500) for number in (1, 2))
    assert (one == other).mean() < 0.05


def test_what_cannot_be_placed_is_refused() -> None:
    with pytest.raises(CoterieError, match="CT-2007") as caught:
        cuckoo.placed(np.repeat(ids("one"), 4, axis=0), Stream("same"))
    assert isinstance(caught.value, Unavailable)


def crowd(balls: int, some: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Logarithms of bounds for the probability that balls fall into some of so many bins, twice into each."""
    ratios = balls / some
    # The bound holds for every z; it is the least where z (e^z - 1) / (e^z - 1 - z) is the balls of a bin.
    grid = np.geomspace(1e-6, 500, 4000)
    best = np.interp(ratios, grid * np.expm1(grid) / (np.expm1(grid) - grid), grid)
    log = np.where(best < 1e-3, 2 * np.log(best) - math.log(2), np.log(np.expm1(best) - best))
    choose = special.gammaln(size + 1) - special.gammaln(some + 1) - special.gammaln(size - some + 1)
    thrown: NDArray[np.float64] = choose + math.lgamma(balls + 1) + some * log - balls * np.log(best * size)
    return thrown


def test_the_bound_of_a_throw_holds() -> None:
    random = np.random.default_rng(13)
    for balls, some, size in ((4, 1, 3), (4, 2, 5), (7, 3, 5), (9, 3, 8)):
        counts = random.multinomial(balls, [1 / size] * size, 60_000)
        seen = ((counts != 1).all(axis=1) & ((counts > 0).sum(axis=1) == some)).mean()
        assert 0 < seen <= math.exp(crowd(balls, np.array([float(some)]), size)[0]) * 1.1


def failing(items: int) -> float:
    """log2 of the bound of the module: over all t, in steps where there are many."""
    size, last, found = cuckoo.segment(items), 3, []
    for block in sorted({*range(4, min(items, 60) + 1), *np.geomspace(4, items, 200).astype(int).tolist()}):
        # The sum of the segments' logarithms, each concave, is largest where they have a third of the bins.
        third = crowd(block, np.array([(block - 1) / 3]), size)[0]
        curve = crowd(block, np.linspace(1, min(block // 2, size), 50), size)
        assert block < 6 or (np.diff(curve, 2) < 1e-6 * np.abs(curve).max()).all()
        ways = math.log(math.comb(block - 2, 2)) + math.log(block - last)
        choose = special.gammaln(items + 1) - special.gammaln(block + 1) - special.gammaln(items - block + 1)
        found.append(3 * third + choose + ways)
        last = block
    return float(special.logsumexp(found)) / math.log(2)


def test_failures_are_as_rare_as_said() -> None:
    for items in (4, 10, 64, 150, 256, 330, 400, 460, 600, 1024, 5000, 100_000, 2**20, 2**26):
        assert failing(items) < -40
