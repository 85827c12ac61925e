"""Evaluates a trigonometric sum, in the way that takes the least time on the plan's network."""

from __future__ import annotations

import math
from typing import Any

from coterie.mpc.arrays import Secret
from coterie.mpc.fourier import Sum
from coterie.mpc.functions.arithmetic import rounded
from coterie.mpc.network import DEFAULT
from coterie.mpc.protocols.window import ABOVE
from coterie.mpc.ring import BITS, FRAC

__all__ = ["evaluated"]

ONE_ROUND_FRAC = 28
"""Of results in one round, at least, where nothing is said."""
_LEAST, _MOST = 16, 56
_HALF_FRAC = 30
"""Of results in two rounds, at most, less one for each binary digit before the point."""
_SECOND_ROUND = 25e-9
"""Seconds of computation that the second round takes for an element."""
_WINDOW = BITS - ABOVE
"""Fractional bits and bits of the period that the guard's window leaves room for."""


def evaluated(
    x: Secret,
    made: Sum,
    gain: tuple[int, int],
    *,
    function: tuple[str, float] | None,
    guard: bool,
    frac: int | None,
    error: float,
    halve: bool | None = None,
) -> Secret:
    """The sum of z = gain x.

    :param gain: factor and fractional bits.
    :param function: name and shift of what the sum stands for, see ``protocols.true``.
    :param frac: of the result. Where it is None, 28 or more in one round, 18 in two.
    :param error: that of the sum. Rounding adds at most half as much; where that takes more fractional bits
        than are wanted, the result is rounded to these in another round.
    :param halve: whether in two rounds; None to choose.
    """
    most = _WINDOW - math.frexp(made.half_period)[1] - gain[1]
    if x.frac > most:
        (x,) = rounded(x, frac=most)
    linear_frac = x.frac + gain[1] + made.linear_frac if made.linear else 0
    half = halve if halve is not None else _halved(x, made, frac, error)
    if half:
        wanted = FRAC if frac is None else frac
    else:
        wanted = max(ONE_ROUND_FRAC if frac is None else frac, linear_frac, _least_frac(made, error))
    params: dict[str, Any] = {
        "sum": made.to_params(),
        "gain": list(gain),
        "function": None if function is None else list(function),
        "frac": wanted,
        "half": half,
        "guard": guard,
    }
    result = x.context.guarded("fourier", x, **params) if guard else x.context.one("fourier", [x], **params)
    return result if frac is None else rounded(result, frac=frac)[0]


def _noise(made: Sum, inner: int) -> float:
    """What rounding adds to a sum with so many fractional bits: six standard deviations.

    Dealt values and public factors are off by up to half a unit, evenly: see ``protocols.trigonometric``.
    """
    spread, root = max(made.norm, 2.0**-10), math.sqrt(made.terms)
    dealt = round((inner + math.log2(spread / root)) / 2)
    return math.sqrt(3) * math.hypot(spread * 2.0**-dealt, root * 2.0 ** (dealt - inner))


def _least_frac(made: Sum, error: float) -> int:
    """Fractional bits with which rounding adds less than half of the error."""
    return next((inner for inner in range(_LEAST, _MOST) if _noise(made, inner) < error / 2), _MOST)


def _halved(x: Secret, made: Sum, frac: int | None, error: float) -> bool:
    """Whether two rounds are worth the bytes that they save, and precise enough."""
    inner = _HALF_FRAC - max(math.frexp(max(-made.low, made.high) * (1 + 2.0**-10))[1], 0)
    wanted = FRAC if frac is None else frac
    if wanted > inner or _noise(made, inner) + 2.0**-wanted > error / 2:
        return False
    network, others = x.context.network or DEFAULT, len(x.context.parties) - 1
    saved = 8 * made.terms - 16 - 4 * others
    return x.size * (saved / network.bandwidth - _SECOND_ROUND) > network.latency
