"""Shares of noise: what they promise, and that no rounding breaks it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.fl import EXACT, LocalSums, Noise, Spend, chosen


def made(**changed: Any) -> Noise:
    given: dict[str, Any] = {"clip": 1.0, "multiplier": 1.0, "values": 4, "contributors": 3, "honest": 2}
    return Noise.of(changed.pop("unit", "record"), **({"parts": 1000} | given | changed))


def test_a_grid_is_as_fine_as_its_room() -> None:
    noise = made()
    assert 2**19 < math.sqrt(noise.variance) <= 2**20
    assert 1 <= noise.multiplier < 1 + 1e-9
    assert noise.norm == pytest.approx(1 / noise.grid + 1, rel=1e-8)
    # A million records leave no less room; a short ring less, and a multiplier is never below what was asked.
    assert made(parts=1 << 20).parts * made(parts=1 << 20).norm < 2**52
    short = made(unit="party", parts=1, bits=32, contributors=20, values=1_000_000)
    assert short.norm + 14 * math.sqrt(short.variance) <= short.form.limit(20)
    assert short.multiplier >= 1
    local = made(honest=1)
    assert local.deviation == pytest.approx(noise.deviation * math.sqrt(2), rel=1e-5)
    assert math.sqrt(3 * noise.variance) * noise.grid == noise.deviation


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.floats(1e-6, 1e6),
    st.floats(0.01, 30),
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40),
)
def test_no_unit_is_longer_than_the_norm(
    values: int, clip: float, multiplier: float, numbers: list[float]
) -> None:
    row = np.resize(np.array(numbers), (1, values))
    for unit, bits in (("record", 64), ("party", 64), ("party", 32)):
        noise = made(unit=unit, clip=clip, multiplier=multiplier, values=values, bits=bits, parts=1)
        whole = [int(one) for one in noise._rounded(row)[0]]
        assert sum(one * one for one in whole) <= noise.norm**2
        short = row * min(1.0, clip / max(float(np.linalg.norm(row)), 1e-300))
        steps = 0.5 if noise.rounding == "nearest" else 1.0
        assert np.abs(np.array(whole) - short[0] / noise.grid).max() <= steps * 1.01


def test_rounding_at_random_where_steps_are_long() -> None:
    # A hundred parties, a million values, 32 bits: to the nearest, a vector of small values would be zero.
    noise = made(unit="party", parts=1, clip=0.05, bits=32, contributors=100, values=1_000_000)
    assert noise.rounding == "random"
    row = np.full((1, 1_000_000), 0.05 / 1000)
    whole = noise._rounded(row)[0]
    assert set(whole.tolist()) >= {math.floor(row[0, 0] / noise.grid), math.ceil(row[0, 0] / noise.grid)}
    assert whole.mean() == pytest.approx(row[0, 0] / noise.grid, rel=0.01)
    assert int(np.square(whole).sum()) <= noise.norm**2


def test_totals_have_the_noise_of_all() -> None:
    noise = made(values=20_000, clip=100.0, multiplier=2.0, parts=2)
    sums = LocalSums.group("a", "b", "c")
    rows = np.zeros((1, 20_000))
    rows[0, 0] = 50.0
    given = [noise.share([rows, rows]) for _ in sums]
    assert all(float(one[1]).is_integer() for one in given)
    total = np.sum(given, axis=0) * noise.grid
    assert abs(total[0] - 300) < 6 * noise.deviation
    assert float(total[1:].std()) == pytest.approx(noise.deviation, rel=0.03)
    assert noise.deviation == pytest.approx(2 * 100 * math.sqrt(1.5), rel=1e-3)
    assert not np.array_equal(given[0], noise.share([rows, rows]))
    noise.form.encode(given[0], 3)
    assert noise.form != EXACT


def test_samples_are_poisson() -> None:
    assert np.array_equal(chosen(5, 1.0), np.arange(5))
    sizes = np.array([len(chosen(1000, 0.1)) for _ in range(400)])
    assert abs(sizes.mean() - 100) < 5 * math.sqrt(90 / 400)
    assert 0.7 < sizes.var() / 90 < 1.4  # a fixed size would have none
    assert not np.array_equal(chosen(1000, 0.5), chosen(1000, 0.5))


def test_what_cannot_be_private_is_refused() -> None:
    for wrong in (
        {"clip": 0.0},
        {"clip": math.inf},
        {"multiplier": 0.0},
        {"sampling": 1.5},
        {"honest": 4},
        {"unit": "party", "parts": 2},
        {"unit": "party", "parts": 1, "sampling": 0.5},
    ):
        with pytest.raises(CoterieError) as caught:
            made(**wrong)
        assert caught.value.code == "CT-2403"
    with pytest.raises(CoterieError) as caught:
        made(parts=1 << 51)
    assert caught.value.code == "CT-2430"
    noise = made()
    with pytest.raises(CoterieError) as caught:
        noise.share([np.zeros((1, 5))])
    assert caught.value.code == "CT-2403"
    with pytest.raises(CoterieError) as caught:
        noise.share([np.zeros((1001, 4))])
    assert caught.value.code == "CT-2403"
    assert np.abs(noise._rounded(np.array([[1e300, 0.0, 0.0, 0.0]]))).max() <= noise.norm
    with pytest.raises(CoterieError) as caught:
        Spend.read({"unit": "record"})
    assert caught.value.code == "CT-2432"


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_unit_that_is_not_finite_gives_nothing(wrong: float) -> None:
    noise = made(unit="party", parts=1)
    rows = np.zeros((1, 4))
    rows[0, 1] = wrong
    assert np.abs(noise.share([rows])).max() <= 14 * noise.variance**0.5  # the noise alone
    rows = np.array([[1e-3, wrong, 1e9, 0], [0.5, 0, 0, 0]])
    assert made()._rounded(rows)[0].tolist() == [0, 0, 0, 0]
    assert made()._rounded(rows)[1, 0] > 0
