"""The range guard's kernels against the same in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie._kernels import guard_deal, guard_eval, prg_u64

SEEDS = [bytes(range(16)), bytes(range(1, 17))]
COINS = bytes(range(2, 18))
ENTRIES = np.random.default_rng(1).integers(0, 2**16, (8, 8), dtype=np.uint16)


def lanes(words: NDArray[np.uint64]) -> NDArray[np.uint16]:
    return words.view(np.uint16).reshape(-1, 8)


def split(words: NDArray[np.uint64], top: int) -> tuple[NDArray[np.intp], NDArray[np.uint16]]:
    low = (words >> np.uint64(top - 3)) & np.uint64(7)
    return low.astype(np.intp), (words >> np.uint64(top)).astype(np.uint16)


def tables(mask: NDArray[np.uint64], top: int) -> NDArray[np.uint16]:
    low, high = split(mask, top)
    return ENTRIES[low] + high[:, None]


@pytest.mark.parametrize("rows", [0, 1, 7, 2048, 2049, 100_000])
@pytest.mark.parametrize("top", [3, 24, 48])
def test_shares_make_the_tables_and_sums_the_differences(rows: int, top: int) -> None:
    rng = np.random.default_rng(rows + top)
    mask, opened = (rng.integers(0, 2**64, rows, dtype=np.uint64) for _ in range(2))
    correction = guard_deal(mask, ENTRIES, top, SEEDS, 9)
    shares = [prg_u64(seed, 9, 2 * rows) for seed in SEEDS]
    whole = lanes(correction) + lanes(shares[0]) + lanes(shares[1])
    np.testing.assert_array_equal(whole, tables(mask, top))

    offset, at = 5 << 20, 3
    low, high = split(opened + np.uint64(offset), top)
    factors = lanes(prg_u64(COINS, 4, 2 * rows, at))
    chosen = np.take_along_axis(whole, low[:, None], axis=1)[:, 0] - high
    wanted = (factors * chosen[:, None]).sum(axis=0, dtype=np.uint16)
    common = (COINS, 4, at)
    sums = [
        guard_eval(opened, offset, top, None, SEEDS[0], 9, *common, True),
        guard_eval(opened, offset, top, None, SEEDS[1], 9, *common, False),
        guard_eval(opened, offset, top, correction, None, 9, *common, False),
    ]
    total = sums[0] + sums[1] + sums[2]
    np.testing.assert_array_equal(total.astype(np.uint16), wanted)


def test_what_does_not_fit_is_refused() -> None:
    words = np.zeros(4, np.uint64)
    with pytest.raises(ValueError, match="8 x 8"):
        guard_deal(words, ENTRIES[:7], 24, SEEDS, 1)
    with pytest.raises(ValueError, match="top"):
        guard_deal(words, ENTRIES, 2, SEEDS, 1)
    with pytest.raises(ValueError, match="two words"):
        guard_eval(words, 0, 24, words, None, 1, COINS, 1, 0, True)
    with pytest.raises(ValueError, match="either shares or seed"):
        guard_eval(words, 0, 24, None, None, 1, COINS, 1, 0, True)
    with pytest.raises(ValueError, match="either shares or seed"):
        guard_eval(words, 0, 24, np.zeros(8, np.uint64), SEEDS[0], 1, COINS, 1, 0, True)
    with pytest.raises(ValueError, match="coins_offset"):
        guard_eval(words, 0, 24, None, SEEDS[0], 1, COINS, 1, 2**64 - 1, True)
