"""Exponential functions.

Where the trace knows a range of the argument that is small enough, nothing else is needed. Where it does not,
the program promises one, with ``low`` and ``high``, and the promise is watched: ``ctx.check()`` fails at the
end if any value lay outside. Watched, a range is passed for sure up to its ends and fails for sure from 0.4
times its half width beyond; in between the value of the function is right and the check may go either way.
"""

from __future__ import annotations

import math

from coterie.mpc.arrays import Secret, implements
from coterie.mpc.functions.arithmetic import as_secret, rounded
from coterie.mpc.functions.operands import Operand
from coterie.mpc.functions.promises import HALF_PERIOD, placed, promise
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import BITS

__all__ = ["exp", "exp2"]

_SMALLEST_PERIOD = 4.0
"""Of exponents: shorter ones are no cheaper."""


@implements()
def exp(x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None) -> Secret:
    """e^x, with a relative error below 2^-12 over the whole range.

    :param low: with ``high``, a range that is promised of x where the trace knows none that is small enough.
        It is watched by ``ctx.check()``.
    :param frac: fractional bits to round the result to. As computed it has some 28 significant bits at the
        lowest value, and so as many fractional bits as that takes.

    Range: up to 22 wide where the trace knows it, such as [-11, 11] or [-20, 2]; up to 16 wide where it is
    promised. CT-2113 for more.

    Cost: 1 round, 3 bytes sent, 16 dealt; with a promise 5 sent and 32 dealt. Rounding the result is 1 round
    more, 8 sent, 16 dealt. Error: 2^-13 relative, 2^-12.3 in the widest ranges, and that of rounding.
    """
    return _exponential(as_secret(x), 1.0, low, high, frac)


@implements()
def exp2(x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None) -> Secret:
    """2^x, as :func:`exp`; the range may be up to 32 wide, promised up to 23."""
    return _exponential(as_secret(x), math.log(2), low, high, frac)


def _exponential(x: Secret, rate: float, low: float | None, high: float | None, frac: int | None) -> Secret:
    """e^(rate x), rate > 0."""
    span = promise(x, low, high)
    result = _watched(x, rate, span) if span else exponential(x, rate, 0.0)
    if frac is not None:
        (result,) = rounded(result, frac=frac)
    return result


def exponential(x: Secret, rate: float, plus: float) -> Secret:
    """e^(rate x + plus) where the range is known, rate > 0."""
    width = max(x.range.high - x.range.low, _SMALLEST_PERIOD / rate) * (1 + 2.0**-16)
    exponent = math.ceil(math.log2(width))
    most = BITS - 1 - exponent
    if x.frac > most:
        (x,) = rounded(x, frac=most)
    return x.context.one(
        "exponential", [x], gain=[1, 0], rate=rate, plus=plus, half_period=2.0 ** (exponent - 1), guard=False
    )


def _watched(x: Secret, rate: float, span: Interval) -> Secret:
    place = placed(x, span)
    return x.context.guarded(
        "exponential",
        place.x,
        gain=[place.factor, place.frac],
        rate=rate / place.gain,
        plus=rate * place.centre,
        half_period=HALF_PERIOD,
        guard=True,
    )
