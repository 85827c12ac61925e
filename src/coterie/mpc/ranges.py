"""Value ranges: what is known beforehand of how large the values of an array can be. Interval arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

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
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval | float) -> Interval:
        """Of products; a number is a factor."""
        factors = (other.low, other.high) if isinstance(other, Interval) else (other,)
        corners = [a * b for a in (self.low, self.high) for b in factors]
        return Interval(min(corners), max(corners))

    def summed(self, count: int) -> Interval:
        """Of sums of ``count`` values."""
        return Interval(self.low * count, self.high * count)

    def partial_sums(self, count: int) -> Interval:
        """Of sums of one up to ``count`` values."""
        return Interval(min(self.low, self.low * count), max(self.high, self.high * count))

    def widened(self, slack: float) -> Interval:
        """Farther on both sides."""
        return Interval(self.low - slack, self.high + slack)

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


def between(bound: float | tuple[float, float] | Interval) -> Interval:
    """As programs say it: a largest magnitude, or ``(low, high)``."""
    if isinstance(bound, Interval):
        return bound
    if isinstance(bound, tuple):
        return Interval(float(bound[0]), float(bound[1]))
    return Interval(-float(bound), float(bound))
