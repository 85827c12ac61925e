"""Totals of numbers of any size: of raw columns, of which nobody knows beforehand how large they are.

A number is cut into ten digits to the base 2^32, of 2^128 down to 2^-160. Digits are whole numbers, so their
totals are exact, and so is what is put together of them: the result is the sum of the contributors' float64
numbers, rounded once, and equal to the last bit at all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.fl import Fixed
from coterie.learn.errors import NOT_FINITE

__all__ = ["DIGITS", "WHOLE", "Adding", "wide_total"]

Floats = NDArray[np.float64]
Adding: TypeAlias = Callable[[str, Floats, Fixed], Floats]
"""The totals of a step: of what is added up, this contributor's (n,) numbers, and how they are written, as
planned, the sums over all contributors, which are equal to the last bit at all of them."""

WHOLE = Fixed(64, 0)
"""Of whole numbers: counts, and the digits of wide ones."""
DIGITS = 10
"""Values of a total for each number."""
_LOW = 5
"""Digits below the point."""
_BASE = 32
_LARGEST = 2.0 ** (_BASE * (DIGITS - _LOW))


def wide_total(adding: Adding, what: str, values: Floats) -> Floats:
    """(n,) sums over all contributors; below 2^-160 nothing counts.

    :param what: as it was planned, with ``DIGITS * n`` values of form :data:`WHOLE`.
    :param values: (n,) of this one.

    Errors: CT-3028 for a number of 2^160 or more; those of the sums.
    """
    told = adding(what, _digits(values).ravel(), WHOLE)
    return _joined(told.reshape(DIGITS, len(values)))


def _digits(values: Floats) -> Floats:
    """(digits, n), the highest first, each with the number's sign."""
    if not (np.abs(values) < _LARGEST).all():  # NaN is not smaller either
        raise NOT_FINITE("a sum over a party's rows is too large")
    result, rest = np.empty((DIGITS, len(values))), values.astype(np.float64)
    for place in range(DIGITS):
        unit = 2.0 ** (_BASE * (DIGITS - _LOW - 1 - place))
        result[place] = np.trunc(rest / unit)
        rest = rest - result[place] * unit  # exact: what is taken off are its leading bits
    return result


def _joined(digits: Floats) -> Floats:
    whole = [0] * digits.shape[1]
    for row in digits:
        whole = [(one << _BASE) + int(digit) for one, digit in zip(whole, row.tolist(), strict=True)]
    return np.array([one / (1 << (_BASE * _LOW)) for one in whole], np.float64)
