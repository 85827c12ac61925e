"""Kernels of boosted trees against NumPy's searches, counts and sums."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from coterie._kernels import forest_codes, forest_histograms, forest_partition, forest_splits

ROWS, BINS = 3000, (1, 2, 16, 17, 100, 255, 256, 33, 5, 12)
WIDTH = len(BINS)
GAPS = [bins % 2 == 1 for bins in BINS]


def table(wide: bool = False) -> tuple[Any, list[Any], Any]:
    """Values, cuts of each column, and the bins by NumPy, (rows, width)."""
    random = np.random.default_rng(5)
    values = random.normal(size=(ROWS, WIDTH)).astype(np.float32)
    counts = [17 * bins if wide else bins for bins in BINS]
    cuts = [np.sort(random.normal(size=bins - 1)).astype(np.float32) for bins in counts]
    for column, gap in enumerate(GAPS):
        values[: len(cuts[column]), column] = cuts[column][:ROWS]  # on the cuts themselves
        values[-2:, column] = [-3e38, 3e38]
        if gap:
            values[::7, column] = np.nan
    bins = np.stack([np.searchsorted(cut, values[:, at], side="right") for at, cut in enumerate(cuts)], 1)
    missing = np.isnan(values)
    bins[missing] = np.broadcast_to(counts, bins.shape)[missing]
    return values, cuts, bins


def starts_of(counts: Any) -> Any:
    return np.r_[0, np.cumsum(counts)].astype(np.int64)


def coded(values: Any, cuts: Any, wide: bool) -> Any:
    return forest_codes(values, np.concatenate(cuts), starts_of([len(cut) for cut in cuts]), wide)


@pytest.mark.parametrize("wide", [False, True])
def test_bins_are_numpys_searches(wide: bool) -> None:
    values, cuts, bins = table(wide)
    codes = coded(values, cuts, wide)
    assert codes.dtype == (np.uint16 if wide else np.uint8)
    assert np.array_equal(codes.transpose(1, 0, 2).reshape(ROWS, -1)[:, :WIDTH], bins)


@pytest.mark.parametrize("wide", [False, True])
def test_sums_by_node_and_bin_are_numpys(wide: bool) -> None:
    values, cuts, bins = table(wide)
    random = np.random.default_rng(6)
    derivatives = random.integers(-(2**30), 2**30, size=(ROWS, 2), dtype=np.int32)
    counts = [len(cut) + 1 + gap for cut, gap in zip(cuts, GAPS, strict=True)]
    rows = random.permutation(ROWS).astype(np.uint32)
    starts = np.array([0, 1000, 1000, 1007, 2900])
    found = forest_histograms(
        coded(values, cuts, wide), derivatives, rows[:2900], starts, starts_of(counts), 30
    )
    for node, (first, end) in enumerate(pairwise(starts)):
        some = rows[first:end]
        wanted = [
            np.bincount(bins[some, column], derivatives[some, part].astype(float), count)
            for part in (0, 1)
            for column, count in enumerate(counts)
        ]
        assert np.array_equal(found[node].T.ravel(), np.concatenate(wanted) / 2**30)


@pytest.mark.parametrize("wide", [False, True])
def test_rows_part_in_their_order(wide: bool) -> None:
    values, cuts, bins = table(wide)
    rows = np.random.default_rng(7).permutation(ROWS).astype(np.uint32)[:2500]
    starts, splits = (
        np.array([0, 1200, 1200, 2500]),
        np.array([[4, 40, 100, 0], [2, 1, 16, 0], [9, 0, 12, 1]]),
    )
    splits[:, 2] = [len(cuts[column]) + 1 for column in splits[:, 0]]
    found, lefts = forest_partition(coded(values, cuts, wide), rows, starts, splits)
    wanted, counts = [], []
    for (first, end), (column, most, missing, left) in zip(pairwise(starts), splits, strict=True):
        some = rows[first:end]
        where = bins[some, column]
        goes = (where < most) | ((where == missing) & bool(left))
        wanted += [some[goes], some[~goes]]
        counts.append(goes.sum())
    assert np.array_equal(found, np.concatenate(wanted))
    assert np.array_equal(lefts, counts)


def best_of(sums: Any, total: Any, gap: bool, least: float, penalty: float) -> float:
    """The largest gain of a column, by trying every split."""
    bins = sums[: len(sums) - gap]
    best = 0.0
    for at in range(len(bins) + 1):
        for extra in (0, 1) if gap else (0,):
            left = bins[:at].sum(axis=0) + (sums[-1] if extra else 0)
            right = total - left
            if min(left[1], right[1]) >= max(least, 1e-9):
                gain = sum(one[0] ** 2 / (one[1] + penalty) for one in (left, right))
                best = max(best, gain - total[0] ** 2 / (total[1] + penalty))
    return best


def test_splits_are_the_best_of_all() -> None:
    random = np.random.default_rng(8)
    nodes, counts, gaps = 5, np.array([1, 6, 9, 2, 40]), np.array([0, 1, 0, 1, 1], np.uint8)
    slots = starts_of(counts)
    rows = np.round(np.stack([random.normal(size=400), random.random(400)], 1) * 2**20) / 2**20
    sums = np.zeros((nodes, slots[-1], 2))
    of = random.integers(0, nodes, 400)
    for column, count in enumerate(counts):  # every column has all rows
        np.add.at(sums, (of, slots[column] + random.integers(0, count, 400)), rows)
    totals = sums[:, : slots[1]].sum(axis=1)
    limits = np.tile(np.array([-3e38, 3e38], np.float32), (nodes, 1))
    rule = (0.5, 1.5, 0.0, 0.0)
    gains, splits, lefts = forest_splits(sums, totals, limits, slots, gaps, np.zeros(5, np.int8), rule)
    for node in range(nodes):
        tried = [
            best_of(sums[node, slots[at] : slots[at + 1]], totals[node], bool(gaps[at]), 0.5, 1.5)
            for at in range(5)
        ]
        assert gains[node] == pytest.approx(max(tried), rel=1e-5)
        column, last, left = splits[node]
        assert tried[column] == pytest.approx(max(tried), rel=1e-5)
        part = sums[node, slots[column] : slots[column + 1]]
        wanted = part[: last + 1].sum(axis=0) + (part[-1] if left else 0)
        assert lefts[node] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: forest_codes(np.zeros((2, 1), np.float32), np.zeros(2, np.float32), np.array([0, 1]), False),
        lambda: forest_codes(
            np.zeros((2, 1), np.float32), np.full(1, np.inf, np.float32), np.array([0, 1]), False
        ),
        lambda: forest_codes(
            np.full((2, 1), np.nan, np.float32), np.arange(255, dtype=np.float32), np.array([0, 255]), False
        ),
        lambda: forest_histograms(
            np.zeros((1, 2, 8), np.uint8),
            np.zeros((2, 2), np.int32),
            np.array([2], np.uint32),
            np.array([0, 1]),
            np.array([0, 1]),
            0,
        ),
        lambda: forest_histograms(
            np.zeros((1, 2, 8), np.uint8),
            np.zeros((2, 2), np.int32),
            np.array([1], np.uint32),
            np.array([0, 1]),
            np.array([0, 257]),
            0,
        ),
        lambda: forest_partition(
            np.zeros((1, 2, 8), np.uint8), np.zeros(1, np.uint32), np.array([0, 1]), np.array([[8, 0, 0, 0]])
        ),
        lambda: forest_splits(
            np.zeros((1, 3, 2)),
            np.zeros((1, 2)),
            np.array([[1, 0]], np.float32),
            np.array([0, 3]),
            np.zeros(1, np.uint8),
            np.zeros(1, np.int8),
            (1.0, 1.0, 0.0, 0.0),
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call: Any) -> None:
    with pytest.raises(ValueError, match=r"must|too many|not there"):
        call()
