"""Shares of a whole that exponentials take."""

from __future__ import annotations

import math

from coterie.mpc.arrays import Secret, implements
from coterie.mpc.form import axis_of
from coterie.mpc.functions import ordering
from coterie.mpc.functions.arithmetic import as_secret, multiply, rounded, subtract, sum
from coterie.mpc.functions.comparison import maximum
from coterie.mpc.functions.elementary import exponential
from coterie.mpc.functions.operands import Operand
from coterie.mpc.functions.powers import reciprocal
from coterie.mpc.protocols.octaves import LEVELS

__all__ = ["softmax"]

_CUT = -16.0
"""What is so far below the largest counts as this far: its part is below 2^-23."""
_FRAC = 26
"""Of exponentials: the largest is 1."""
_BITS = 15
"""Significant bits of the smallest reciprocal of a sum."""


@implements()
def softmax(x: Operand, axis: int = -1, frac: int | None = None) -> Secret:
    """e^x over its sum along an axis.

    Where the range of x is wide, its maximum along the axis is taken off first, and what is more than 16
    below it is raised to there. Where the trace knows a range of at most 11 − log n for n elements of a sum,
    as for 11 classes and scores within ±4, neither is needed.

    :param frac: fractional bits of the result; 42 or more where nothing is said.

    Cost: of :func:`exp` with rounding for each element, 2 rounds; of :func:`reciprocal` with rounding for
    each sum, 7 rounds; and of a product; where the range is wide, of :func:`max` and :func:`maximum` before.
    Error: 2^-11 relative, and 2^-22.
    """
    secret = as_secret(x)
    axis = axis_of(axis, secret.ndim)
    count = secret.shape[axis]
    # Of the sum: the reciprocal takes 2^16, and its end is a power of two.
    if secret.range.high - secret.range.low + math.log(max(count, 1)) > 2 * (LEVELS + 0.9) * math.log(2):
        secret = subtract(secret, ordering.max(secret, axis, keepdims=True))
        secret = secret.context.within(secret, (secret.range.low, 0.0))
        secret = maximum(secret, _CUT)
        least = 1 - 2.0**-10
    else:
        least = 0.0
    (parts,) = rounded(exponential(secret, 1.0, -secret.range.high), frac=_FRAC)
    whole = sum(parts, axis, keepdims=True)
    low = max(least, whole.range.low)
    whole = whole.context.within(whole, (low, whole.range.high))
    keep = _BITS + math.ceil(math.log2(whole.range.high))
    result = multiply(parts, reciprocal(whole, frac=keep))
    result = result.context.within(result, (0.0, 1.0 + 2.0**-8))
    return result if frac is None else rounded(result, frac=frac)[0]
