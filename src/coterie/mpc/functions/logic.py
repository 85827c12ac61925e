"""Truth values: and, or, not; choosing by them; counting them.

Operands are secret truth values, public ones, and whole secret or private numbers known to be 0 or 1 (range
``(0, 1)``, no fractional bits). All is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import digest
from coterie.mpc.arrays import Bits, Opaque, Private, Secret, implements
from coterie.mpc.form import ShapeError, axis_of
from coterie.mpc.functions import arithmetic
from coterie.mpc.functions import shape as views
from coterie.mpc.functions.operands import (
    Operand,
    context_of,
    factor_frac,
    is_public,
    public_array,
    secret_of,
)
from coterie.mpc.protocols.select import ALONE
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Words

__all__ = [
    "all",
    "any",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "numbers",
    "truth",
    "where",
]

Truth: TypeAlias = Bits | Secret | Private | bool | NDArray[Any]
"""What stands for truth values."""

Array = TypeVar("Array", bound=Opaque)

FACTORS = 6
"""Factors that are multiplied in one round, where more are to be: 57 bits are dealt for each result then."""


@implements()
def truth(x: Truth) -> Bits:
    """Whole numbers 0 and 1 as truth values, or truth values as they are.

    Cost: none. TypeError where other values are possible: compare them with something.
    """
    if isinstance(x, Bits):
        return x
    if isinstance(x, Secret | Private):
        if x.frac or x.range.low < 0 or x.range.high > 1:
            raise TypeError(
                f"truth values are needed, not numbers from {x.range.low:.6g} to {x.range.high:.6g} with "
                f"{x.frac} fractional bits: compare them with something"
            )
        return x.context.truth("low_bit", [secret_of(x, x.context)])
    raise TypeError(f"secret truth values are needed, not {type(x).__name__}")


def public_truth(value: Any, what: str) -> tuple[Words, dict[str, Any]]:
    """A public operand in the ring, and what of it goes on the tape. TypeError for what is no truth value."""
    array = np.asarray(value)
    if array.dtype != np.bool_:
        raise TypeError(f"{what} takes truth values, not {array.dtype}")
    words = array.astype(np.uint64)
    return words, {"digest": digest(words.tobytes()), "shape": list(words.shape)}


@implements("bitwise_not", "invert")
def logical_not(x: Truth) -> Bits:
    """Cost: none."""
    secret = truth(x)
    words, params = public_truth(np.ones((), np.bool_), "not")
    return _local("xor_public", secret, words, params)


def _local(kind: str, x: Bits, words: Words, params: dict[str, Any]) -> Bits:
    result: Bits = x.context.apply(kind, [x], constant=words, **params)[0]
    return result


@implements("bitwise_xor")
def logical_xor(x: Truth, y: Truth) -> Bits:
    """One or the other, not both; shapes broadcast. Cost: none."""
    if is_public(x):
        x, y = y, x
    left = truth(x)
    if is_public(y):
        return _local("xor_public", left, *public_truth(y, "xor"))
    return left.context.truth("xor", [left, truth(y)])


@implements("bitwise_and")
def logical_and(x: Truth, y: Truth) -> Bits:
    """Both; shapes broadcast.

    Cost: nothing with public ones; else 1 round, 1 bit sent for each element of each operand, 1 bit dealt for
    each of the result.
    """
    if is_public(x):
        x, y = y, x
    left = truth(x)
    if is_public(y):
        return _local("and_public", left, *public_truth(y, "and"))
    return both([(left, truth(y))])[0]


@implements("bitwise_or")
def logical_or(x: Truth, y: Truth) -> Bits:
    """One or the other or both. Cost: as :func:`logical_and`."""
    return logical_not(logical_and(_not(x), _not(y)))


def _not(x: Truth) -> Truth:
    if is_public(x):
        public_truth(x, "or")
        return ~np.asarray(x)
    return logical_not(x)


def both(groups: Sequence[Sequence[Bits]]) -> tuple[Bits, ...]:
    """The product of each group, of two to eight factors, all in one round; what is a factor of several is
    opened once."""
    places = _places(factor for group in groups for factor in group)
    named = [[places[factor] for factor in group] for group in groups]
    result: tuple[Bits, ...] = groups[0][0].context.apply("and", list(places), groups=named)
    return result


def _places(arrays: Iterable[Array], first: int = 0) -> dict[Array, int]:
    """Each once, numbered in order."""
    return {array: first + place for place, array in enumerate(dict.fromkeys(arrays))}


@implements("alltrue")
def all(x: Truth, axis: int | None = None, keepdims: bool = False) -> Bits:
    """Whether all along an axis, or all at all, are true.

    Of n values, ⌈log n⌉ rounds to the base 6; each round sends 1 bit for each value that is left, and deals
    2^k - k - 1 bits for each group of k that becomes one. Groups are as even as so many rounds allow: of 16
    values 4 groups of 4 and then one, 11 bits dealt for each.
    """
    secret = truth(x)
    if axis is None:
        shape = (1,) * secret.ndim if keepdims else ()
        return views.reshape(all(views.reshape(secret, [-1]), 0), shape)
    axis = axis_of(axis, secret.ndim)
    reduced = _reduce(secret, axis)
    kept = [1 if i == axis else n for i, n in enumerate(secret.shape)]
    return reduced if not keepdims else views.reshape(reduced, kept)


@implements("sometrue")
def any(x: Truth, axis: int | None = None, keepdims: bool = False) -> Bits:
    """Whether any along an axis, or any at all, is true. Cost: as :func:`all`."""
    return logical_not(all(logical_not(x), axis, keepdims))


def group_size(count: int) -> int:
    """Into groups of how many so many factors go: as few as the least number of rounds allows, when no group
    has more than six."""
    rounds = 1
    while FACTORS**rounds < count:
        rounds += 1
    size = 2
    while size**rounds < count:
        size += 1
    return size


def _reduce(x: Bits, axis: int) -> Bits:
    """The product along an axis, which goes."""
    if not x.shape[axis]:
        raise ShapeError("all or any of no values")
    while (length := x.shape[axis]) > 1:
        count = -(-length // group_size(length))
        least, more = divmod(length, count)
        longer = [_part(x, axis, i * more, more) for i in range(least + 1)]
        start, fewer = (least + 1) * more, count - more
        shorter = [_part(x, axis, start + i * fewer, fewer) for i in range(least)]
        groups = [longer, shorter] if more else [shorter]
        products = iter(both([group for group in groups if len(group) > 1]))
        parts = [next(products) if len(group) > 1 else group[0] for group in groups]
        x = parts[0] if len(parts) == 1 else views.concatenate(parts, axis)
    return views.squeeze(x, axis)


def _part(x: Bits, axis: int, start: int, count: int) -> Bits:
    return views.getitem(x, (*[slice(None)] * axis, slice(start, start + count)))


@implements()
def numbers(x: Truth) -> Secret:
    """Truth values as numbers 0 and 1, without fractional bits.

    Cost: 1 round, 1 bit sent, 8 bytes dealt.
    """
    secret = truth(x)
    return secret.context.one("numbers", [secret])


def _times(x: Bits, y: Operand) -> Secret:
    """The product."""
    if is_public(y):
        return arithmetic.multiply(numbers(x), y)
    return numbers(logical_and(x, y)) if isinstance(y, Bits) else products([(x, y)])[0]


def products(pairs: Sequence[tuple[Bits, Operand | None]]) -> list[Secret]:
    """Truth values times numbers, all in one round; None stands for 1: the truth value itself as a number.

    What is in several pairs is opened once. A private number that is masked already is used so, others are
    taken for secrets.
    """
    context = pairs[0][0].context
    truths = _places(x for x, _ in pairs)
    factors = {y: _factor(y) for _, y in pairs if y is not None}
    known = _places(factors.values(), len(truths))
    closed = [y for y in known if not y.opened]
    result: tuple[Secret, ...] = context.apply(
        "select",
        [*truths, *known],
        truths=len(truths),
        pairs=[[truths[x], ALONE if y is None else known[factors[y]]] for x, y in pairs],
        closed=[known[y] for y in closed],
    )
    for y in closed:
        y.opened = True
    return list(result)


def _factor(y: Any) -> Secret | Private:
    return y if isinstance(y, Private) and y.opened else secret_of(y, y.context)


@implements()
def where(condition: Truth, x: Operand, y: Operand) -> Any:
    """x where the condition is true, y elsewhere; shapes broadcast. Truth values if both are, else numbers.

    Numbers have the finer of both fixed-point formats. Cost: 1 round; 1 bit sent for each element of the
    condition, and 8 bytes for each of x - y; 8 bytes dealt for each of the condition and 8 for each of the
    result. Of two public numbers: as :func:`numbers`. Of truth values: as :func:`logical_and`. By a public
    condition: nothing. ``where(t, x, 0)`` is what ``t * x`` does.
    """
    if _is_truth(x) and _is_truth(y):
        return _where_truth(condition, x, y)
    if is_public(condition):
        return _where_public(np.asarray(condition), x, y)
    chosen = truth(condition)
    if is_public(x) and is_public(y):
        return _between(chosen, public_array(x, "where"), public_array(y, "where"))
    if _is_zero(y):
        return _times(chosen, x)
    if _is_zero(x):
        return _times(logical_not(chosen), y)
    if not is_public(x) and not is_public(y):
        context = context_of(x, y)
        x, y = arithmetic.aligned(secret_of(x, context), secret_of(y, context))
    result = arithmetic.add(y, _times(chosen, arithmetic.subtract(x, y)))
    return result.context.within(result, _span(x, result.frac).hull(_span(y, result.frac)))


def _is_truth(x: Any) -> bool:
    return isinstance(x, Bits) or (is_public(x) and np.asarray(x).dtype == np.bool_)


def _is_zero(x: Any) -> bool:
    return is_public(x) and not np.ndim(x) and not x


def _span(x: Operand, frac: int) -> Interval:
    """The range of an operand, as it is rounded to so many bits."""
    if isinstance(x, Opaque):
        return x.range
    values = public_array(x, "where")
    return Interval(float(values.min()), float(values.max())).widened(2.0**-frac)


def _where_truth(condition: Truth, x: Any, y: Any) -> Any:
    """x and y are truth values, public or secret."""
    if is_public(x) and is_public(y):
        return logical_xor(logical_and(condition, np.logical_xor(x, y)), y)
    return logical_xor(logical_and(condition, logical_xor(x, y)), y)


def _where_public(condition: NDArray[Any], x: Operand, y: Operand) -> Secret:
    """Factors 0 and 1: local."""
    public_truth(condition, "where")
    context = context_of(x, y)
    parts = []
    for operand, chosen in ((x, condition), (y, ~condition)):
        factor = chosen.astype(np.float64)
        parts.append(public_array(operand, "where") * factor if is_public(operand) else operand * factor)
    result = arithmetic.add(*parts)
    return context.within(result, _span(x, result.frac).hull(_span(y, result.frac)))


def _between(chosen: Bits, x: NDArray[Any], y: NDArray[Any]) -> Secret:
    """One of two public numbers, both rounded to one format."""
    x, y = np.broadcast_arrays(x, y)
    frac = factor_frac(np.stack([x, y]))
    x, y = (np.rint(value * 2.0**frac) / 2.0**frac for value in (x, y))
    result = arithmetic.add(arithmetic.times(numbers(chosen), x - y, frac), y)
    return result.context.within(result, Interval(min(x.min(), y.min()), max(x.max(), y.max())))
