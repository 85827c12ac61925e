"""Value ranges: what is known beforehand of how large the values of an array can be.

Interval arithmetic that rounds outward: an end is never short of what values can reach, also where they need
more bits than a float has.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

__all__ = ["Interval", "between"]


@dataclass(frozen=True)
class Interval:
    """All values lie in ``[low, high]``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:  # also where one is NaN
            raise ValueError(f"a range from {self.low} to {self.high}")

    @property
    def bound(self) -> float:
        """The largest magnitude."""
        return max(-self.low, self.high, 0.0)

    def __add__(self, other: Interval) -> Interval:
        return _outward(
            _exactly(self.low, other.low, operator.add), _exactly(self.high, other.high, operator.add)
        )

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval | float) -> Interval:
        """Of products; a number is a factor."""
        factors = (other.low, other.high) if isinstance(other, Interval) else (other,)
        corners = [_exactly(a, b, operator.mul) for a in (self.low, self.high) for b in factors]
        return _outward(min(corners), max(corners))

    def summed(self, count: int) -> Interval:
        """Of sums of ``count`` values."""
        return self * count

    def partial_sums(self, count: int) -> Interval:
        """Of sums of one up to ``count`` values."""
        return self.hull(self * count)

    def widened(self, slack: float) -> Interval:
        """Farther on both sides."""
        return self + Interval(-slack, slack)

    def rounded(self, frac: int) -> Interval:
        """Of the same values as fixed point holds them, with so many fractional bits."""
        scale = 2.0**frac
        return Interval(round(self.low * scale) / scale, round(self.high * scale) / scale)

    def hull(self, other: Interval) -> Interval:
        """The smallest range that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def cut(self, other: Interval) -> Interval:
        """What lies in both; ``other`` where nothing does."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high) if low <= high else other

    def to_list(self) -> list[float]:
        return [self.low, self.high]


Exact: TypeAlias = Fraction | float


def _exactly(a: float, b: float, operation: Callable[[Any, Any], Any]) -> Exact:
    """The true result; a float where one of the two is infinite."""
    if math.isfinite(a) and math.isfinite(b):
        return Fraction(operation(Fraction(a), Fraction(b)))
    return float(operation(a, b))


def _outward(low: Exact, high: Exact) -> Interval:
    """The smallest range of floats that holds all between."""
    below, above = _nearest(low), _nearest(high)
    if below > low:
        below = math.nextafter(below, -math.inf)
    if above < high:
        above = math.nextafter(above, math.inf)
    return Interval(below, above)


def _nearest(value: Exact) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def between(bound: float | tuple[float, float] | Interval) -> Interval:
    """As programs say it: a largest magnitude, or ``(low, high)``."""
    if isinstance(bound, Interval):
        return bound
    if isinstance(bound, tuple):
        return Interval(float(bound[0]), float(bound[1]))
    return Interval(-float(bound), float(bound))
