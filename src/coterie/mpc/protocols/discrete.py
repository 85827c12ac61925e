"""Exact sampling on the integers, from uniformly random words, for noise that must not leak.

Floating-point samplers of noise have gaps and repetitions in their low bits from which the value under the
noise can be read (Mironov 2012). Here every decision compares a uniform number of 128 bits with a threshold
of 128 bits that is computed to 120 decimal digits beforehand; all else is integer arithmetic. The laws are
those of Canonne, Kamath, Steinke (2020), on all integers x:

- discrete Laplace: P(x) ∝ exp(−|x| / s). It is the difference of two geometric variables, and the binary
  digits of a geometric variable are independent: blocks of 8 of them are drawn from one table each.
- discrete Gaussian: P(x) ∝ exp(−x² / 2σ²). Up to σ = 16 from one table. Beyond by rejection: for an integer
  c near σ, propose y from the discrete Laplace law of scale σ²/c and accept with probability
  exp(−(|y| − c)² / 2σ²), about 3 of 4 times. The exponent is an integer over 2σ²: the probability is the
  product of one table's entry for each byte of that integer.

*How exact.* A table's law is off by at most 2^-119 in statistical distance, by its rounding; a law has at
most 32 tables. Where it is cut off, 89 s or 14 σ from zero, less than 2^-127 lies beyond. With the division
by the probability of acceptance a sample is within 2^-112 of its law, and 2^32 samples together within 2^-80.

What is accepted is independent of how often it was tried before, so the time that sampling takes says nothing
about the noise that comes out.
"""

from __future__ import annotations

import decimal
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.ring import Words

Draw = Callable[[int], Words]
"""Gives the next so many uniformly random words of a secret stream."""
Integers = NDArray[np.int64]

TAIL = 89
"""exp(-89) < 2^-128: the discrete Laplace law is cut off this many scales from zero."""
GAUSSIAN_TAIL = 14
"""exp(-14² / 2) < 2^-141."""
SMALL = 16
"""Up to this sigma the discrete Gaussian law is one table."""
LARGEST = 2**54
"""Scales and sigmas, in units of the grid."""
_DIGIT = 8
_PRECISION = decimal.Context(prec=120, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)
_ONE = 1 << 128


@dataclass(frozen=True)
class Wide:
    """Numbers of 128 bits."""

    high: Words
    low: Words

    @classmethod
    def of(cls, probabilities: Sequence[Decimal]) -> Wide:
        """Probabilities in units of 2^-128, rounded down; at most 2^128 - 1."""
        with decimal.localcontext(_PRECISION):
            whole = [min(int(p * _ONE), _ONE - 1) for p in probabilities]
        mask = (1 << 64) - 1
        high = np.array([number >> 64 for number in whole], np.uint64)
        return cls(high, np.array([number & mask for number in whole], np.uint64))

    @classmethod
    def uniform(cls, draw: Draw, n: int) -> Wide:
        words = draw(2 * n)
        return cls(words[:n], words[n:])

    def rank_in(self, ascending: Wide) -> Integers:
        """How many of the ``ascending`` numbers are not above each of these."""
        rank = np.searchsorted(ascending.high, self.high, "left").astype(np.int64)
        equal = np.searchsorted(ascending.high, self.high, "right")
        for place in np.flatnonzero(rank != equal):  # once in 2^56 draws
            ties = ascending.low[rank[place] : equal[place]]
            rank[place] += int(np.searchsorted(ties, self.low[place], "right"))
        return rank

    def below(self, other: Wide) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = self.high < other.high
        result |= (self.high == other.high) & (self.low < other.low)
        return result


class Law(ABC):
    """A distribution on the integers from ``low`` to ``high``."""

    low: int
    high: int

    @abstractmethod
    def sample(self, draw: Draw, n: int) -> Integers:
        """``n`` independent samples. The randomness that they take differs from time to time."""


class Uniform(Law):
    """Every integer from ``low`` to ``high`` alike, exactly."""

    def __init__(self, low: int, high: int) -> None:
        if not -(2**62) <= low <= high <= 2**62:
            raise ValueError(f"no uniform integers from {low} to {high}")
        self.low, self.high = low, high

    def sample(self, draw: Draw, n: int) -> Integers:
        span = self.high - self.low + 1
        most = (2**64 // span) * span - 1

        def propose(count: int) -> Integers:
            words = draw(count)
            even = words[words <= np.uint64(most)] % np.uint64(span)
            return np.add(even.view(np.int64), self.low)

        return _collect(propose, n)


class _Geometric:
    """P(x) ∝ exp(-x / s) for x = 0, 1, ... below the first power of two that is 89 s or more."""

    def __init__(self, scale: Fraction) -> None:
        bits = max(1, math.ceil(TAIL * scale) - 1).bit_length()
        self._tables = [
            _digit_table(scale, start, min(_DIGIT, bits - start)) for start in range(0, bits, _DIGIT)
        ]

    def sample(self, draw: Draw, n: int) -> Integers:
        total = np.zeros(n, np.int64)
        for place, table in enumerate(self._tables):
            total += Wide.uniform(draw, n).rank_in(table) << (_DIGIT * place)
        return total


def _digit_table(scale: Fraction, start: int, bits: int) -> Wide:
    """Where the cumulative law of the digit of ``bits`` bits from ``start`` on has its steps."""
    with decimal.localcontext(_PRECISION):
        ratio = _exp(-Fraction(1 << start) / scale)
        powers = [ratio]
        while len(powers) < 1 << bits:
            powers.append(powers[-1] * ratio)
        return Wide.of([(1 - power) / (1 - powers[-1]) for power in powers[:-1]])


class Laplace(Law):
    """P(x) ∝ exp(-|x| / scale); variance about 2 scale²."""

    def __init__(self, scale: Fraction) -> None:
        _check("scale", scale)
        self.high = math.ceil(TAIL * scale)
        self.low = -self.high
        self._geometric = _Geometric(scale)

    def sample(self, draw: Draw, n: int) -> Integers:
        def propose(count: int) -> Integers:
            values = np.subtract(self._geometric.sample(draw, count), self._geometric.sample(draw, count))
            return values[np.abs(values) <= self.high]

        return _collect(propose, n)


class Gaussian(Law):
    """P(x) ∝ exp(-x² / 2 sigma²); variance at most sigma²."""

    def __init__(self, sigma: Fraction) -> None:
        _check("sigma", sigma)
        self.high = math.ceil(GAUSSIAN_TAIL * sigma) + 1
        self.low = -self.high
        self._method = (_GaussianTable if sigma <= SMALL else _GaussianRejection)(sigma, self.high)

    def sample(self, draw: Draw, n: int) -> Integers:
        method = self._method
        return _collect(lambda count: method.propose(draw, count), n, method.rate)


class _GaussianTable:
    """By inversion of one cumulative table."""

    rate = 1.0

    def __init__(self, sigma: Fraction, limit: int) -> None:
        self._limit = limit
        with decimal.localcontext(_PRECISION):
            weights = [_exp(-(x * x) / (2 * sigma**2)) for x in range(limit + 1)]
            total = weights[0] + 2 * sum(weights[1:])
            steps, reached = [], Decimal(0)
            for x in range(-limit, limit):
                reached += weights[abs(x)] / total
                steps.append(reached)
            self._steps = Wide.of(steps)

    def propose(self, draw: Draw, count: int) -> Integers:
        return np.subtract(Wide.uniform(draw, count).rank_in(self._steps), self._limit)


class _GaussianRejection:
    """From discrete Laplace proposals."""

    rate = 0.76
    """exp(-1/2) sqrt(pi/2): how many proposals are accepted, where sigma is large."""

    def __init__(self, sigma: Fraction, limit: int) -> None:
        self._limit = limit
        self._centre = round(sigma)
        self._proposal = _Geometric(sigma**2 / self._centre)
        digits = -(-((limit * limit).bit_length()) // _DIGIT)
        self._tables = [self._decay(2 * sigma**2, place) for place in range(digits)]

    @staticmethod
    def _decay(denominator: Fraction, place: int) -> Wide:
        """exp(-d 256^place / denominator) for every byte d."""
        with decimal.localcontext(_PRECISION):
            ratio = _exp(-Fraction(1 << (_DIGIT * place)) / denominator)
            values = [Decimal(1)]
            while len(values) < 1 << _DIGIT:
                values.append(values[-1] * ratio)
        return Wide.of(values)

    def propose(self, draw: Draw, count: int) -> Integers:
        values = np.subtract(self._proposal.sample(draw, count), self._proposal.sample(draw, count))
        values = values[np.abs(values) <= self._limit]
        return values[self._accepted(draw, np.abs(np.abs(values) - self._centre))]

    def _accepted(self, draw: Draw, distance: Integers) -> NDArray[np.bool_]:
        accepted = np.ones(distance.size, np.bool_)
        digits = squares(distance.view(np.uint64))
        for place, table in enumerate(self._tables):
            digit = digits[:, place]
            threshold = Wide(table.high[digit], table.low[digit])
            # exp(-0) is 1, which the table cannot hold.
            accepted &= Wide.uniform(draw, digit.size).below(threshold) | (digit == 0)
        return accepted


def squares(values: Words) -> NDArray[np.uint8]:
    """The 16 bytes of each square, lowest first, of values below 2^62."""
    half = np.uint64(32)
    top, bottom = values >> half, values & np.uint64(0xFFFFFFFF)
    twice = (top * bottom) << np.uint64(1)
    square = bottom * bottom
    low = square + (twice << half)
    high = top * top + (twice >> half) + (low < square)
    return np.stack([low, high], axis=1).astype("<u8", copy=False).view(np.uint8)


def _collect(propose: Callable[[int], Integers], n: int, rate: float = 1.0) -> Integers:
    """The first ``n`` accepted ones of as many proposals as that takes; ``rate`` is a guess."""
    parts, missing = [np.zeros(0, np.int64)], n
    while missing > 0:
        parts.append(propose(math.ceil(missing / rate))[:missing])
        missing -= parts[-1].size
    return np.concatenate(parts)


def _exp(exponent: Fraction) -> Decimal:
    return (Decimal(exponent.numerator) / Decimal(exponent.denominator)).exp()


def _check(name: str, value: Fraction) -> None:
    if not 0 < value <= LARGEST:
        raise ValueError(f"noise with {name} {float(value):g} units of its grid cannot be drawn")


@lru_cache(maxsize=64)
def law(name: str, parameter: float, frac: int) -> Law:
    """The law "gaussian" of that sigma or "laplace" of that scale, on the multiples of 2^-frac.

    Raises ValueError where there is no such law.
    """
    if not math.isfinite(parameter):
        raise ValueError(f"noise needs a finite parameter, not {parameter}")
    laws: dict[str, Any] = {"gaussian": Gaussian, "laplace": Laplace}
    result: Law = laws[name](Fraction(parameter) * 2**frac)
    return result
