"""The account against exact distributions, closed forms and published figures."""

from __future__ import annotations

import math
import sys
from typing import Any

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant

from coterie.errors import CoterieError
from coterie.fl import Noise, Spend, epsilon_of, multiplier_for


def spend(multiplier: float, times: int = 1, **changed: Any) -> Spend:
    given: dict[str, Any] = {"unit": "record", "values": 1, "sampling": 1.0, "variance": 1 << 30, "honest": 2}
    return Spend(multiplier=multiplier, times=times, **(given | changed))


def pmf(variance: float, most: int) -> np.ndarray:
    weights = np.exp(-np.square(np.arange(-most, most + 1)) / (2 * variance))
    return np.asarray(weights / weights.sum())


@pytest.mark.parametrize(("variance", "honest"), [(1, 2), (1, 3), (2, 2)])
def test_a_sum_of_shares_is_as_near_to_one_draw_as_is_said(variance: int, honest: int) -> None:
    one = pmf(variance, 40)
    summed = one
    for _ in range(honest - 1):
        summed = np.convolve(summed, one)
    middle = len(summed) // 2
    within = slice(middle - 12, middle + 13)
    single = pmf(honest * variance, middle)
    off = float(np.abs(np.log(summed[within] / single[within])).max())
    gap = spend(1.0, values=1, variance=variance, honest=honest).gap
    assert 1e-9 < off <= gap < 1e-2


def test_deltas_of_the_exact_distribution_are_within_the_account() -> None:
    """One value, two honest shares of the smallest variance there is, and the largest step between totals."""
    variance, shift = 16, 6
    summed = np.convolve(pmf(variance, 200), pmf(variance, 200))
    moved = np.roll(summed, shift)
    one = spend(math.sqrt(2 * variance) / shift, values=1, variance=variance)
    for delta in (1e-3, 1e-6, 1e-9):
        epsilon = epsilon_of([one], delta, "record")
        exact = float(np.maximum(summed - math.exp(epsilon) * moved, 0).sum())
        assert exact <= delta
        less = float(np.maximum(summed - math.exp(0.8 * epsilon) * moved, 0).sum())
        assert less > delta  # and it is no loose bound


def test_many_totals_are_within_the_closed_forms() -> None:
    for multiplier, times, delta in ((1.0, 1, 1e-5), (5.0, 30, 1e-6), (40.0, 500, 1e-8)):
        epsilon = epsilon_of([spend(multiplier, times)], delta, "record")
        rho = times / (2 * multiplier**2)
        assert epsilon <= rho + 2 * math.sqrt(rho * math.log(1 / delta))  # Bun and Steinke 2016
        exact = dp_accounting.get_epsilon_gaussian(multiplier / math.sqrt(times), delta)
        assert exact <= epsilon <= 1.15 * exact
    parts = [spend(6.0, 10), spend(6.0, 20, values=7)]
    assert epsilon_of(parts, 1e-6, "record") == pytest.approx(epsilon_of([spend(6.0, 30)], 1e-6, "record"))


def test_samples_are_as_published() -> None:
    # Abadi et al. 2016, section 3.2: q = 0.01, sigma = 4, 10,000 steps give (1.26, 1e-5).
    epsilon = epsilon_of([spend(4.0, 10_000, sampling=0.01)], 1e-5, "record")
    assert 0.9 < epsilon <= 1.26
    tight = PLDAccountant()
    event = dp_accounting.PoissonSampledDpEvent(0.01, dp_accounting.GaussianDpEvent(4.0))
    tight.compose(event, 10_000)
    assert tight.get_epsilon(1e-5) <= epsilon <= 1.15 * tight.get_epsilon(1e-5)
    # 60 epochs of MNIST in batches of 256 with noise 1.1: 2.92 by the conversion of its time.
    assert 2.4 < epsilon_of([spend(1.1, 14_062, sampling=256 / 60_000)], 1e-5, "record") <= 2.92


def test_units() -> None:
    party = spend(4.0, unit="party")
    assert epsilon_of([party], 1e-6, "record") == epsilon_of([spend(2.0)], 1e-6, "record")
    assert epsilon_of([spend(4.0)], 1e-6, "party") == math.inf
    assert epsilon_of([], 1e-6, "record") == 0


def test_gaps_count() -> None:
    rough = spend(4.0, times=100, values=1000, variance=2)
    assert epsilon_of([rough], 1e-6, "record") > epsilon_of([spend(4.0, 100)], 1e-6, "record") + 2 * rough.gap
    noise = Noise.of("record", clip=1.0, multiplier=1.0, values=9, contributors=500, honest=334, parts=10)
    assert Spend.of(noise, 3).gap < 1e-100
    assert Spend.read(Spend.of(noise, 3).to_dict()) == Spend.of(noise, 3)


def test_multipliers_for_a_target() -> None:
    for epsilon, times, sampling in ((1.0, 30, 1.0), (8.0, 100, 1.0), (2.0, 200, 0.05)):
        found = multiplier_for(epsilon, 1e-6, times, sampling)
        below = found - 1 / 1024
        assert epsilon_of([spend(found, times, sampling=sampling)], 1e-6, "record") <= epsilon
        assert epsilon_of([spend(below, times, sampling=sampling)], 1e-6, "record") > epsilon
    with pytest.raises(CoterieError) as caught:
        multiplier_for(1e-9, 1e-6, 1000)
    assert caught.value.code == "CT-2433"


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(CoterieError) as caught:
        epsilon_of([spend(1.2345, 77)], 1e-7, "record")
    assert caught.value.code == "CT-2431"
    assert "privacy" in caught.value.next_step
    monkeypatch.undo()
    with pytest.raises(CoterieError) as caught:
        epsilon_of([spend(1.0)], 0.0, "record")
    assert caught.value.code == "CT-2432"
