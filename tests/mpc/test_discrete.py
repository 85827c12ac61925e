"""Exact sampling: tables against closed forms, samples against the laws' probabilities."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from coterie._kernels import prg_u64
from coterie.mpc.protocols import discrete
from coterie.mpc.protocols.discrete import Gaussian, Laplace, Law, Uniform, Wide, squares

ONE = 1 << 128
WORDS = st.integers(0, 2**64 - 1)
PLENTY = 1e-4
"""Least accepted p-value: the seeds are fixed, so no test fails by chance."""


class Stream:
    """A deterministic stream, used word after word."""

    def __init__(self, seed: int) -> None:
        self._seed, self.used = seed.to_bytes(16, "little"), 0

    def __call__(self, n: int) -> NDArray[np.uint64]:
        start, self.used = self.used, self.used + n
        return prg_u64(self._seed, 1, n, start)


def whole(wide: Wide) -> list[int]:
    return [int(high) << 64 | int(low) for high, low in zip(wide.high, wide.low, strict=True)]


def exponential(exponent: Fraction) -> Decimal:
    """exp of a fraction, to 150 digits."""
    with localcontext() as context:
        context.prec = 150
        return (Decimal(exponent.numerator) / Decimal(exponent.denominator)).exp()


@given(
    st.lists(WORDS.flatmap(lambda high: st.tuples(st.just(high), WORDS)), min_size=1, max_size=20), st.data()
)
def test_ranks_are_those_of_whole_numbers(table: list[tuple[int, int]], data: Any) -> None:
    ascending = sorted([*table, (table[0][0], 5), (table[0][0], 2**63)])
    highs = st.sampled_from([high for high, _ in ascending]) | WORDS
    drawn = data.draw(st.lists(st.tuples(highs, WORDS | st.just(5)), min_size=1, max_size=20))
    wides = [
        Wide(*(np.array(column, np.uint64) for column in zip(*pairs, strict=True)))
        for pairs in (ascending, drawn)
    ]
    wanted = [sum(step <= number for step in ascending) for number in drawn]
    assert wides[1].rank_in(wides[0]).tolist() == wanted
    first = Wide(wides[0].high[:1], wides[0].low[:1])
    assert wides[1].below(first).tolist() == [number < ascending[0] for number in drawn]


@given(st.lists(st.integers(0, 2**62 - 1), max_size=8))
def test_squares_byte_by_byte(values: list[int]) -> None:
    got = squares(np.array(values, np.uint64))
    assert [bytes(row) for row in got] == [(value * value).to_bytes(16, "little") for value in values]


@pytest.mark.parametrize("scale", [Fraction(1, 3), Fraction(5), Fraction(1001, 2), Fraction(2) ** 40])
def test_digits_of_a_geometric_variable_have_its_law(scale: Fraction) -> None:
    """The product of the digits' probabilities is (1 - q) q^x, q = exp(-1 / scale), up to what is cut off."""
    tables = [whole(table) for table in discrete._Geometric(scale)._tables]
    q = exponential(-1 / scale)
    cut = math.prod(len(table) + 1 for table in tables)
    assert cut >= 89 * scale
    for x in (0, 1, 2, 255, 256, 257, 1000, int(scale), int(3 * scale) + 1, cut - 1):
        if x >= cut:
            continue
        probability = Fraction(1)
        for place, table in enumerate(tables):
            steps, digit = [0, *table, ONE], x >> 8 * place & 255
            probability *= Fraction(steps[digit + 1] - steps[digit], ONE)
        with localcontext() as context:
            context.prec = 150
            wanted = (1 - q) * q**x
            error = abs(Decimal(probability.numerator) / Decimal(probability.denominator) - wanted)
        assert error < Decimal(2) ** -119


@pytest.mark.parametrize("sigma", [Fraction(1, 5), Fraction(3), Fraction(16)])
def test_steps_of_a_small_gaussian(sigma: Fraction) -> None:
    law = Gaussian(sigma)
    steps = [0, *whole(law._method._steps), ONE]  # type: ignore[union-attr]
    weights = [exponential(-Fraction(x * x) / (2 * sigma**2)) for x in range(law.low, law.high + 1)]
    with localcontext() as context:
        context.prec = 150
        total = sum(weights)
        for weight, (before, after) in zip(weights, itertools.pairwise(steps), strict=True):
            assert abs(Decimal(after - before) / ONE - weight / total) < Decimal(2) ** -127


@pytest.mark.parametrize("sigma", [Fraction(17), Fraction(12345, 7), Fraction(2) ** 40 + Fraction(1, 3)])
def test_proposal_and_acceptance_make_a_gaussian(sigma: Fraction) -> None:
    """P(proposed) P(accepted) is exp(-x² / 2 sigma²) times what is the same for all x."""
    method: Any = Gaussian(sigma)._method
    centre = method._centre
    scale = sigma**2 / centre
    for x in (0, 1, 255, centre - 1, centre, 2 * centre + 77, 13 * centre):
        distance = abs(x - centre)
        accepted = Fraction(1)
        for place, table in enumerate(method._tables):
            digit = distance * distance >> 8 * place & 255
            if digit:
                accepted *= Fraction(whole(table)[digit], ONE)
        exponent = (
            -Fraction(x * x) / (2 * sigma**2) - Fraction(centre**2) / (2 * sigma**2) + Fraction(x) / scale
        )
        with localcontext() as context:
            context.prec = 150
            got = Decimal(accepted.numerator) / Decimal(accepted.denominator)
            assert abs(got - exponential(exponent)) < Decimal(2) ** -123


def probabilities(law: Law, weight: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    support = np.arange(law.low, law.high + 1)
    weights = weight(support.astype(np.float64))
    return support, weights / math.fsum(weights)


SMALL = {
    "laplace 0.3": (Laplace(Fraction(3, 10)), lambda x: np.exp(-np.abs(x) / 0.3)),
    "laplace 4.5": (Laplace(Fraction(9, 2)), lambda x: np.exp(-np.abs(x) / 4.5)),
    "gaussian 0.5": (Gaussian(Fraction(1, 2)), lambda x: np.exp(-(x**2) * 2)),
    "gaussian 3": (Gaussian(Fraction(3)), lambda x: np.exp(-(x**2) / 18)),
    "gaussian 16.5": (Gaussian(Fraction(33, 2)), lambda x: np.exp(-(x**2) / 2 / 16.5**2)),
    "gaussian 40": (Gaussian(Fraction(40)), lambda x: np.exp(-(x**2) / 3200)),
    "uniform": (Uniform(-3, 13), np.ones_like),
    "one value": (Uniform(5, 5), np.ones_like),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_laws_by_chi_square(name: str) -> None:
    law, weight = SMALL[name]
    n = 100_000
    samples = law.sample(Stream(3), n)
    support, wanted = probabilities(law, weight)
    counts = np.bincount(samples - law.low, minlength=support.size)
    often = wanted * n >= 10
    observed = np.append(counts[often], counts[~often].sum())
    expected = np.append(wanted[often], wanted[~often].sum()) * n
    keep = expected > 0
    assert observed[~keep].sum() == 0
    if keep.sum() > 1:
        expected = expected[keep] * observed.sum() / expected.sum()
        assert stats.chisquare(observed[keep], expected).pvalue > PLENTY
    assert samples.size == n


@pytest.mark.parametrize("frac", [18, 40])
@pytest.mark.parametrize(("name", "wanted"), [("gaussian", stats.norm), ("laplace", stats.laplace)])
def test_large_laws_are_close_to_the_continuous_ones(name: str, wanted: Any, frac: int) -> None:
    """At 2^18 and more units of the grid the difference is far below what 50,000 samples show."""
    samples = discrete.law(name, 2.5, frac).sample(Stream(4), 50_000) / 2.0**frac
    assert stats.kstest(samples, wanted(scale=2.5).cdf).pvalue > PLENTY
    # The low bits are as random as the high ones: no gaps, no repetitions.
    low = (samples * 2.0**frac).astype(np.int64) & 15
    assert stats.chisquare(np.bincount(low, minlength=16)).pvalue > PLENTY


def test_uniform_integers_have_no_bias() -> None:
    """A span of 3/4 of the words: without rejection the first third would be drawn twice as often."""
    span = 3 << 60
    samples = Uniform(-(1 << 60), span - (1 << 60) - 1).sample(Stream(5), 30_000)
    thirds = (samples + (1 << 60)) // (1 << 60)
    assert stats.chisquare(np.bincount(thirds, minlength=3)).pvalue > PLENTY


def test_rejection_uses_ever_new_words() -> None:
    stream = Stream(6)
    first, second = (
        Gaussian(Fraction(1000)).sample(stream, 1000),
        Gaussian(Fraction(1000)).sample(stream, 1000),
    )
    assert not np.array_equal(first, second)
    assert Gaussian(Fraction(1000)).sample(Stream(6), 0).size == 0


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("gaussian", 0.0),
        ("laplace", -1.0),
        ("gaussian", math.nan),
        ("laplace", math.inf),
        ("gaussian", 2.0**55),
    ],
)
def test_laws_that_are_none(name: str, parameter: float) -> None:
    with pytest.raises(ValueError, match="noise"):
        discrete.law(name, parameter, 0)
