"""The range in which a function is evaluated: proven by the trace, or promised by the program and watched."""

from __future__ import annotations

import math
from dataclasses import dataclass

from coterie.mpc.arrays import Secret
from coterie.mpc.functions.arithmetic import add, rounded
from coterie.mpc.protocols.range_check import LIMIT
from coterie.mpc.protocols.window import ABOVE
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import BITS

__all__ = ["HALF_PERIOD", "Placed", "placed", "promise"]

HALF_PERIOD = 8.0
"""T of placed arguments: they lie in ±5, as far as the promise is kept."""
_GAIN_BITS = 5
"""Significant bits of the factor by which arguments are placed."""
_CENTRE_FRAC = 8


def promise(x: Secret, low: float | None, high: float | None) -> Interval | None:
    """What the program promises of x and the trace does not know already; None where there is nothing."""
    if low is None and high is None:
        return None
    given = Interval(
        x.range.low if low is None else float(low), x.range.high if high is None else float(high)
    )
    return None if given.low <= x.range.low and x.range.high <= given.high else given


@dataclass(frozen=True)
class Placed:
    """An argument where the guard of a range watches it: (x - centre) * gain lies in ±5, 5/8 T."""

    x: Secret
    """Less the centre."""
    centre: float
    factor: int
    frac: int

    @property
    def gain(self) -> float:
        """factor / 2^frac."""
        return self.factor / 2.0**self.frac


def placed(x: Secret, span: Interval) -> Placed:
    """x, promised to lie in ``span``, for a guarded function with half period ``HALF_PERIOD``.

    Local; one round where x has too many fractional bits for the guard's window.
    """
    grid = 2.0**_CENTRE_FRAC
    centre = round((span.low + span.high) / 2 * grid) / grid
    reach = max(span.high - centre, centre - span.low, 2.0**-_CENTRE_FRAC)
    mantissa, exponent = math.frexp(LIMIT * HALF_PERIOD / reach)
    factor, frac = math.floor(mantissa * 2**_GAIN_BITS), _GAIN_BITS - exponent
    while factor % 2 == 0:
        factor, frac = factor // 2, frac - 1
    most = BITS - ABOVE - math.frexp(HALF_PERIOD)[1]
    if x.frac + frac > most:
        (x,) = rounded(x, frac=most - frac)
    return Placed(add(x, -centre) if centre else x, centre, factor, frac)
