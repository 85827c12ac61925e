"""Logarithms, and what follows from them: powers with real exponents, reciprocals, quotients.

The argument must be positive. Its range is known to the trace, or promised with ``low`` and ``high``; a
promise is watched by ``ctx.check()``. The ends may be up to 2^16 apart: their ratio counts, not where they
are. Errors are relative for all but the logarithm, and the same over the whole range.

The argument is scaled by a power of four, see ``protocols.octaves``; the logarithm of the scaled number is a
short trigonometric sum; a power is the exponential of a multiple of the logarithm. The round that opens the
argument is saved where it is opened already.

A broken promise is found for sure where a value is zero or negative, or 1.75 times 2^k or more, 2^k being the
next power of two from ``high`` on; below ``low`` a value is found the more probably the smaller it is, and
its result may be wrong from some ``low`` / 4 on. Where the trace knows no bound of three times 2^k, the
promise takes a range guard of its own: one round, 5 bytes sent and 16 dealt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from coterie.mpc.arrays import Secret, implements
from coterie.mpc.errors import RANGE_NEEDED
from coterie.mpc.fourier_tables import LOG_CENTRE, LOGS
from coterie.mpc.functions.arithmetic import add, as_secret, multiply, negative, rounded, subtract, times
from coterie.mpc.functions.elementary import exponential
from coterie.mpc.functions.operands import Operand, is_public, public_array
from coterie.mpc.functions.promises import promise
from coterie.mpc.functions.sums import evaluated
from coterie.mpc.location import program_line
from coterie.mpc.protocols.octaves import LEVELS
from coterie.mpc.protocols.range_check import LIMIT
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import fits

__all__ = ["divide", "log", "log1p", "log2", "log10", "real_power", "reciprocal", "rsqrt", "sqrt"]

_OF_2 = {"log": 0.6931471805599453, "log2": 1.0, "log10": 0.3010299956639812}
"""Logarithms of 2, written down: all machines must have the same."""
_TERMS, _FEW_TERMS = 5, 4
"""Of the sum for a logarithm: error 1.4e-5, or 8.2e-5, enough for powers with exponents up to 1."""
_LOG_FRAC = 48
"""Of logarithms, as they are computed."""
_LOG_SLACK = 2.0**-10
"""More than the error of a logarithm."""
_MOST_TOP, _MOST_TOP_WATCHED = 40, 32
"""Arguments of more bits are rounded first; the guard's window leaves room for fewer."""
_LEAST_BITS = 13
"""The smallest value keeps as many then."""
_SEEN = 3.0
"""Where 2^top is kept by a factor of so much, the guard of the scaled number sees all values that are not."""
_QUOTIENT_BITS = 15
"""Significant bits that are kept of the smallest reciprocal for a product."""


@implements()
def log(x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None) -> Secret:
    """The natural logarithm.

    :param low: with ``high``, a range that is promised of x where the trace knows none.
    :param frac: fractional bits to round the result to; 48 as computed.

    Cost: 5 rounds; 15 bytes sent, 160 dealt; with a promise 16 sent and 176 dealt. Error: 5e-5, absolute.
    """
    return _finished(_logarithm("log", as_secret(x), low, high, _TERMS), frac)


@implements()
def log2(x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None) -> Secret:
    """To base 2: as :func:`log`; error 7e-5."""
    return _finished(_logarithm("log2", as_secret(x), low, high, _TERMS), frac)


@implements()
def log10(x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None) -> Secret:
    """To base 10: as :func:`log`; error 3e-5."""
    return _finished(_logarithm("log10", as_secret(x), low, high, _TERMS), frac)


@implements()
def log1p(x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None) -> Secret:
    """log(1 + x): as :func:`log`, of which the error is that of 1 + x; the range is one of x."""
    above = None if low is None else low + 1
    return log(add(as_secret(x), 1), above, None if high is None else high + 1, frac)


@implements()
def real_power(
    x: Operand,
    exponent: float,
    low: float | None = None,
    high: float | None = None,
    frac: int | None = None,
) -> Secret:
    """x to a public real exponent.

    Cost: 6 rounds; 18 bytes sent, 160 dealt; with a promise 19 sent and 176 dealt; 16 dealt more for
    exponents beyond ±1. Rounding the result is one round more, 8 sent and 16 dealt. Error, relative: 2^-13,
    and beside it 1e-4 times an exponent up to 1, or 4e-5 times a larger one. The result and 29 bits below its
    smallest value must fit the ring: its ends are up to 2^32 apart.
    """
    return _finished(_power("real_power", as_secret(x), float(exponent), low, high), frac)


@implements()
def sqrt(x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None) -> Secret:
    """The square root. Cost: as :func:`real_power`. Error: 2^-12.5 relative."""
    return _finished(_power("sqrt", as_secret(x), 0.5, low, high), frac)


@implements()
def rsqrt(x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None) -> Secret:
    """1 / sqrt(x). Cost: as :func:`real_power`. Error: 2^-12.5 relative."""
    return _finished(_power("rsqrt", as_secret(x), -0.5, low, high), frac)


@implements()
def reciprocal(
    x: Operand, low: float | None = None, high: float | None = None, frac: int | None = None
) -> Secret:
    """1 / x, for x that is positive everywhere or negative everywhere.

    Cost: as :func:`real_power`. Error: 2^-12 relative.
    """
    secret = as_secret(x)
    span = promise(secret, low, high) or secret.range
    if span.high < 0:
        return negative(reciprocal(negative(secret), -span.high, -span.low, frac))
    return _finished(_power("reciprocal", secret, -1.0, low, high), frac)


@implements("true_divide")
def divide(
    x: Operand, y: Operand, low: float | None = None, high: float | None = None, frac: int | None = None
) -> Secret:
    """x / y; shapes broadcast.

    :param low: with ``high``, a range that is promised of y where the trace knows none.

    Cost: by a public y as :func:`multiply`. Otherwise that of :func:`reciprocal` with rounding, and of a
    product. Error: 2^-12 relative, and the unit of the result.
    """
    if is_public(y):
        divisor = public_array(y, "divide")
        if not divisor.all():
            raise ZeroDivisionError("divide by a public zero")
        return _finished(multiply(x, 1 / divisor), frac)
    inverse = reciprocal(y, low, high)
    if not is_public(x):
        factor = as_secret(x)
        keep = math.ceil(math.log2(1 / inverse.range.low if inverse.range.low > 0 else 1)) + _QUOTIENT_BITS
        if inverse.frac > keep and fits(factor.bound * inverse.bound, factor.frac + keep):
            (inverse,) = rounded(inverse, frac=keep)
    return _finished(multiply(x, inverse), frac)


def _finished(result: Secret, frac: int | None) -> Secret:
    return result if frac is None else rounded(result, frac=frac)[0]


def _power(name: str, x: Secret, exponent: float, low: float | None, high: float | None) -> Secret:
    terms = _FEW_TERMS if abs(exponent) <= 1 else _TERMS
    logarithm = _logarithm("log", x, low, high, terms, name, -1 if exponent < 0 else 1)
    return exponential(logarithm, abs(exponent), 0.0)


@dataclass(frozen=True)
class _Reach:
    """How an argument is scaled."""

    span: Interval
    watched: bool
    top: int
    levels: int


def _reach(name: str, x: Secret, low: float | None, high: float | None) -> tuple[Secret, _Reach]:
    """The argument, rounded where it has too many bits, and how it is scaled."""
    promised = promise(x, low, high)
    span = promised or x.range
    if span.low > 0:
        top = math.ceil(math.log2(span.high) + x.frac)  # a little more, by rounding, does no harm
        spare = max(top - (_MOST_TOP_WATCHED if promised else _MOST_TOP), 0)
        least = math.log2(span.low) + x.frac - spare
        levels = max(math.ceil((top - spare - 2 - least) / 2 - 2.0**-20), 1)
        if levels <= LEVELS and (not spare or least >= _LEAST_BITS):
            if spare:
                (x,) = rounded(x, frac=x.frac - spare)
            top = max(top - spare, 2 * levels + 1)
            if promised and x.bound > _SEEN * 2.0 ** (top - x.frac):
                x = x.context.check_range(x, 2.0 ** math.ceil(math.log2(span.high / LIMIT)))
            return x, _Reach(span, promised is not None, top, levels)
    raise RANGE_NEEDED(
        f"{name}{program_line()} of values from {span.low:.4g} to {span.high:.4g}: the smallest must be "
        f"positive, and the largest at most 2^{2 * LEVELS + 2} times as large"
    )


def _logarithm(
    kind: str,
    x: Secret,
    low: float | None,
    high: float | None,
    terms: int,
    name: str = "",
    sign: int = 1,
) -> Secret:
    """Of x, or less that, with at least ``_LOG_FRAC`` fractional bits. The kind is ``log``, ``log2`` or
    ``log10``."""
    x, reach = _reach(name or kind, x, low, high)
    context = x.context
    context.open(x)
    scaled, count = context.apply("octaves", [x], top=reach.top, levels=reach.levels)
    result = evaluated(
        add(scaled, -LOG_CENTRE),
        LOGS[kind, terms],
        (1, 0),
        function=(kind, LOG_CENTRE),
        guard=reach.watched,
        frac=max(_LOG_FRAC, scaled.frac),
        error=_LOG_SLACK,
        halve=False,
    )
    powers = add(times(count, 2 * _OF_2[kind], result.frac), (x.frac - reach.top) * _OF_2[kind])
    whole = subtract(result, powers) if sign > 0 else subtract(powers, result)
    if reach.watched:
        # The guard admits more than was promised. What comes out then is no logarithm, but lies within what
        # the sum and the count can give, and that is what the next operation has to be ready for.
        return whole
    ends = sorted(sign * math.log2(end) * _OF_2[kind] for end in (reach.span.low, reach.span.high))
    return context.within(whole, (_outward(ends[0] - _LOG_SLACK, -1), _outward(ends[1] + _LOG_SLACK, 1)))


def _outward(value: float, direction: int) -> float:
    """To a multiple of 2^-20: the last bits of ``math.log`` may differ from machine to machine."""
    return (math.floor if direction < 0 else math.ceil)(value * 2**20) / 2**20
