"""Comparisons, and what follows from one: absolute values, the smaller and the larger, clipping, bounds.

All are exact: of the numbers as fixed point holds them, and for public operands of any precision. What the
ranges of the operands decide beforehand costs nothing. How a comparison is done, by chunk tables or by a
distributed comparison function, is chosen by the plan's network; its cost, C below, depends on that and on
how many bits the range of the difference has, see :mod:`coterie.mpc.protocols.compare`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.arrays import Bits, Opaque, Secret, implements
from coterie.mpc.form import broadcast
from coterie.mpc.functions import arithmetic, logic
from coterie.mpc.functions import shape as views
from coterie.mpc.functions.operands import (
    Operand,
    context_of,
    factor_frac,
    is_public,
    public_array,
    refined,
    secret_of,
)
from coterie.mpc.location import program_line
from coterie.mpc.protocols.compare import equal_call, less_call
from coterie.mpc.ranges import Interval, between
from coterie.mpc.ring import FRAC, Floats, check_fits

if TYPE_CHECKING:
    from coterie.mpc.context import Bound, Context

__all__ = [
    "absolute",
    "bounded",
    "clip",
    "equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "maximum",
    "minimum",
    "not_equal",
    "sign",
]


@implements()
def less(x: Operand, y: Operand, many: bool = False) -> Bits:
    """x < y, of secret, private and public numbers; shapes broadcast. Cost: C.

    :param many: do it as is fastest for a million elements, however many there are, so that fewer never need
        more rounds or bytes.
    """
    context = context_of(x, y)
    if is_public(x):
        return less(arithmetic.negative(y), -public_array(x, "less"), many)
    left = secret_of(x, context)
    if not is_public(y):
        return _negative(arithmetic.subtract(left, secret_of(y, context)), many)
    limits = np.ceil(_scaled(public_array(y, "less"), left.frac))
    if limits.ndim:
        return _negative(_minus(left, limits), many)
    return _below(left, [int(limits)], many)[0]


@implements()
def less_equal(x: Operand, y: Operand) -> Bits:
    """x <= y; as :func:`less`."""
    return logic.logical_not(less(y, x))


@implements()
def greater(x: Operand, y: Operand) -> Bits:
    """x > y; as :func:`less`."""
    return less(y, x)


@implements()
def greater_equal(x: Operand, y: Operand) -> Bits:
    """x >= y; as :func:`less`."""
    return logic.logical_not(less(x, y))


def _scaled(values: Floats, frac: int) -> Floats:
    """In units of the last place. CT-2101 for numbers too large."""
    largest = float(np.max(np.abs(values), initial=0.0))
    check_fits(largest, frac, "a public operand of a comparison" + program_line())
    return values * 2.0**frac


def _minus(x: Secret, units: Floats) -> Secret:
    """x less public whole units of its last place. Exact."""
    return arithmetic.subtract(x, units / 2.0**x.frac)


def ends(x: Secret) -> tuple[int, int]:
    """The least and the greatest value that x can have, in units of its last place."""
    return math.floor(x.range.low * 2.0**x.frac), math.ceil(x.range.high * 2.0**x.frac)


def _negative(x: Secret, many: bool = False) -> Bits:
    """x < 0."""
    return _below(x, None, many)[0]


def _below(x: Secret, limits: Sequence[int] | None, many: bool = False) -> list[Bits]:
    """x < t for each limit t, in units of the last place; below zero where none are given. x is opened once
    for all of them."""
    low, high = ends(x)
    given = [0] if limits is None else list(limits)
    decided = {t: high < t for t in given if high < t or low >= t or not x.size}
    found: dict[int, Bits] = {t: known(x.context, value, x.shape) for t, value in decided.items()}
    asked = [t for t in dict.fromkeys(given) if t not in decided]
    if asked == [0]:
        kind, params = less_call(x.context.network, x.context.parties, x.form, many=many)
        found[0] = x.context.truth(kind, [x], **params)
    elif asked:
        kind, params = less_call(x.context.network, x.context.parties, x.form, asked, many=many)
        result = x.context.truth(kind, [x], **params)
        found |= {t: result[place] for place, t in enumerate(asked)}
    return [found[t] for t in given]


def known(context: Context, value: bool, shape: Sequence[int]) -> Bits:
    """What is decided beforehand. Cost: none."""
    words, params = logic.public_truth(np.full(shape, value), "a comparison")
    result: Bits = context.apply("public_truth", [], constant=words, **params)[0]
    return result


@implements()
def equal(x: Operand, y: Operand) -> Bits:
    """x == y; as :func:`less`, at about half its cost. Of truth values: none."""
    if isinstance(x, Bits) and isinstance(y, Bits):
        return logic.logical_not(logic.logical_xor(x, y))
    context = context_of(x, y)
    if is_public(x):
        x, y = y, x
    left = secret_of(x, context)
    if not is_public(y):
        return _zero(arithmetic.subtract(left, secret_of(y, context)))
    values = _scaled(public_array(y, "equal"), left.frac)
    whole = np.rint(values)
    if values.ndim:
        return logic.logical_and(_zero(_minus(left, whole)), values == whole)
    if values != whole:
        return known(context, False, left.shape)
    low, high = ends(left)
    if not low <= whole <= high or not left.size:
        return known(context, False, left.shape)
    kind, params = equal_call(context.network, context.parties, left.form, [int(whole)])
    return context.truth(kind, [left], **params)[0]


def _zero(x: Secret) -> Bits:
    low, high = ends(x)
    if not low <= 0 <= high or not x.size:
        return known(x.context, False, x.shape)
    kind, params = equal_call(x.context.network, x.context.parties, x.form, None)
    return x.context.truth(kind, [x], **params)


@implements()
def not_equal(x: Operand, y: Operand) -> Bits:
    """x != y; as :func:`equal`."""
    return logic.logical_not(equal(x, y))


@implements()
def sign(x: Operand) -> Secret:
    """-1, 0 or 1, without fractional bits.

    Cost: C for two limits at once, and 1 round, 2 bits sent, 16 bytes dealt.
    """
    secret = secret_of(x, context_of(x))
    both = logic.numbers(views.stack(_below(secret, [0, 1])))
    signs = arithmetic.subtract(1, arithmetic.sum(both, axis=0))
    return signs.context.within(signs, (-1.0, 1.0))


@implements("abs", "fabs")
def absolute(x: Operand) -> Secret:
    """The magnitude. Cost: C, and 1 round, 8 bytes and 1 bit sent, 16 bytes dealt."""
    secret = secret_of(x, context_of(x))
    low, high = secret.range.low, secret.range.high
    if low >= 0 or high <= 0:
        return secret if low >= 0 else arithmetic.negative(secret)
    (negative,) = logic.products([(_negative(secret), secret)])
    magnitude = arithmetic.subtract(secret, arithmetic.times(negative, 2, 0))
    return secret.context.within(magnitude, (0.0, secret.bound))


@implements("fmax")
def maximum(x: Operand, y: Operand) -> Secret:
    """The larger of both, element by element; shapes broadcast. In the finer of both fixed-point formats.

    Cost: C, and 1 round, 8 bytes and 1 bit sent, 16 bytes dealt.
    """
    return _extreme(x, y, largest=True)


@implements("fmin")
def minimum(x: Operand, y: Operand) -> Secret:
    """The smaller of both; as :func:`maximum`."""
    return _extreme(x, y, largest=False)


def _extreme(x: Operand, y: Operand, *, largest: bool) -> Secret:
    context = context_of(x, y)
    left, right = _numbers(x, y, context)
    shape = broadcast(left.shape, right.shape)
    chosen = _decided(left, right, largest)
    if chosen is not None:
        return views.broadcast_to(chosen, shape)
    left, right = arithmetic.aligned(left, right)
    # x and y are x and x − d: of d < 0 times d, what is to be taken off.
    difference = left if _is_zero(y) else arithmetic.subtract(left, right)
    (below,) = logic.products([(_negative(difference), difference)])
    if largest:
        result = arithmetic.subtract(left, below)
        low, high = max(left.range.low, right.range.low), max(left.range.high, right.range.high)
    else:
        result = arithmetic.add(right, below)
        low, high = min(left.range.low, right.range.low), min(left.range.high, right.range.high)
    return context.within(result, (low, high))


def _is_zero(y: Operand) -> bool:
    return is_public(y) and not np.any(y)


def _numbers(x: Operand, y: Operand, context: Context) -> tuple[Secret, Secret]:
    """As secrets. A public operand is rounded as in a sum: to the bits of the other, or more up to 18."""
    fracs = [operand.frac for operand in (x, y) if isinstance(operand, Opaque)]
    result = []
    for operand in (x, y):
        if is_public(operand):
            values = public_array(operand, "maximum")
            result.append(context.public(values, max(*fracs, min(factor_frac(values), FRAC))))
        else:
            result.append(secret_of(operand, context))
    return result[0], result[1]


def _decided(x: Secret, y: Secret, largest: bool) -> Secret | None:
    """The larger, or smaller, of the two where their ranges say it."""
    if x.range.low >= y.range.high:
        return x if largest else y
    if y.range.low >= x.range.high:
        return y if largest else x
    return None


@implements()
def clip(x: Operand, low: Any = None, high: Any = None) -> Secret:
    """x, but at least ``low`` and at most ``high``: public numbers, rounded as in a sum, or None.

    Cost: C for both limits at once, and 1 round; 8 bytes and 3 bits sent, 32 bytes dealt. For arrays of
    limits, or where one is out of reach: as :func:`maximum` and :func:`minimum`.
    """
    secret = secret_of(x, context_of(x))
    if low is None or high is None or np.ndim(low) or np.ndim(high):
        raised = secret if low is None else maximum(secret, low)
        return raised if high is None else minimum(raised, high)
    first, last = (float(public_array(value, "clip")) for value in (low, high))
    if first > last:
        raise ValueError(f"clip from {first} to {last}")
    secret = refined(secret, np.array([first, last]))
    units = [int(np.rint(value)) for value in _scaled(np.array([first, last]), secret.frac)]
    least, most = (unit / 2.0**secret.frac for unit in units)
    if secret.range.low >= least or secret.range.high <= most:
        raised = secret if secret.range.low >= least else maximum(secret, least)
        return raised if secret.range.high <= most else minimum(raised, most)
    below, under = _below(secret, units)
    middle = logic.logical_xor(below, under)
    inside, is_below, is_under = logic.products([(middle, secret), (below, None), (under, None)])
    result = inside + is_below.times(least, secret.frac) + (1 - is_under).times(most, secret.frac)
    return result.context.within(result, secret.range.cut(Interval(least, most)))


@implements()
def bounded(x: Operand, bound: Bound, name: str = "") -> Secret:
    """The same values, promised to lie in a range, which :meth:`~coterie.mpc.Context.check` will check.

    :param bound: a largest magnitude, or ``(low, high)``. Ends are rounded to x's fractional bits.
    :param name: what the error calls this promise; by default the section of the program.

    Cost: C for both limits at once; the check at the end of the program is 2 rounds and 16 bytes sent for all
    promises together. A value outside ends the run with CT-2108 at all parties, but for a chance of 2^-63. It
    shows that some promise was broken, not which.
    """
    secret = secret_of(x, context_of(x))
    context, wanted = secret.context, between(bound)
    if wanted.low <= secret.range.low and secret.range.high <= wanted.high:
        return secret
    units = [int(np.rint(value)) for value in _scaled(np.array([wanted.low, wanted.high]), secret.frac)]
    below, inside = _below(secret, [units[0], units[1] + 1])
    context.promise(logic.logical_not(logic.logical_xor(below, inside)), name)
    return context.within(secret, (units[0] / 2.0**secret.frac, units[1] / 2.0**secret.frac))
