"""Selection by a secret index: one-hot vectors, tables, elements of arrays.

An index is a whole number, with fractional bits or without. What is known of its range must lie within the
classes: else CT-2113, and ``bounded(x, (0, n - 1))`` says it and has the run check it. Were an index outside
in spite of that, it would be taken modulo the classes counted up to a power of two, and what is found beyond
the classes is zeros; of two classes the result is as far beyond them as the index. An index that is not whole
is rounded up or down at random, up in proportion to its fraction.

In the cost lines N is the number of classes counted up to a power of two, after what the index's range rules
out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from coterie.mpc.arrays import Bits, Opaque, Private, Secret, implements
from coterie.mpc.arrays.dispatch import call
from coterie.mpc.errors import RANGE_NEEDED
from coterie.mpc.form import ShapeError, axis_of, broadcast
from coterie.mpc.functions import shape as views
from coterie.mpc.functions.arithmetic import add, matmul, multiply, subtract, sum, times
from coterie.mpc.functions.operands import (
    Operand,
    Public,
    constant,
    context_of,
    factor_frac,
    is_public,
    public_array,
    secret_of,
)
from coterie.mpc.location import program_line
from coterie.mpc.network import DEFAULT
from coterie.mpc.protocols.index import width
from coterie.mpc.ring import Words, decode
from coterie.mpc.tape import WORD

__all__ = ["choose", "lookup", "one_hot", "select", "table", "take_along_axis"]


@implements()
def one_hot(x: Operand, n: int) -> Any:
    """The vector of n numbers, all 0 but the one at place x, which is 1: along a new last axis.

    Of a private index a private array, without a message. Of a secret one a secret array without fractional
    bits. Cost: 1 round, log2 N bits sent, 8 (N - 1) bytes dealt for each index; none for two classes and an
    index without fractional bits.
    """
    if isinstance(x, Private):
        return x.context.apply("own_one_hot", [x], classes=n)[0]
    index = _index(x, n, "one_hot")
    if n == 1:
        return views.broadcast_to(index.context.public(np.ones((1,)), 0), (*index.shape, 1))
    if n == 2 and not index.frac:
        return views.stack([subtract(1, index), index], -1)
    return index.context.one("one_hot", [index], classes=n)


def _index(x: Operand, n: int, what: str) -> Secret:
    """A secret index into n classes. Raises CT-2113 where it may lie outside."""
    index = secret_of(x, context_of(x))
    if not (index.range.low >= 0 and index.range.high <= n - 1):
        raise RANGE_NEEDED(
            f"{what}{program_line()}: an index from {index.range.low:g} to {index.range.high:g} into {n}"
        )
    return index


@implements()
def table(x: Operand, values: Public, frac: int | None = None) -> Secret:
    """values[x] for a public array: any function of a small domain. Shape: x's, then that of one row.

    The result has as many fractional bits as show the values exactly or their largest with 20 significant
    bits; or ``frac``. All functions of one index cost one opening where they are columns of one table.

    Cost: 1 round, log2 N bits sent, 8 (N - 1) bytes dealt for each index. Or, where that is sooner on the
    plan's network, on two levels with B a power of two: 2 rounds, log2 N bits and 8 B c bytes sent,
    8 (N/B + B + c - 2) bytes dealt, c columns. Error: the rounding of the values. Practical up to some 2^16
    rows: each party multiplies N c times for each index, twice as often on two levels. Two rows and an index
    without fractional bits cost nothing.
    """
    numbers = public_array(values, "table")
    if not numbers.ndim or not len(numbers):
        raise ShapeError("a table has one row or more")
    index = _index(x, len(numbers), "table")
    first, last = math.ceil(index.range.low), math.floor(index.range.high)
    if first > last:
        raise ShapeError(f"no whole number from {index.range.low:g} to {index.range.high:g}")
    rows = numbers[first : last + 1]
    shape = (*index.shape, *numbers.shape[1:])
    frac = factor_frac(rows) if frac is None else frac
    if first == last:
        return views.broadcast_to(index.context.public(rows[0], frac), shape)
    flat = rows.reshape(len(rows), -1)
    words, params = constant(flat, frac, "table")
    shifted = subtract(index, first) if first else index
    if len(rows) == 2 and not index.frac:
        return views.reshape(_of_two(shifted, words, frac), shape)
    low, why = _second_level(index, len(rows), flat.shape[1])
    because = {"because": why} if why else {}
    result = index.context.one("table", [shifted], constant=words, **params, **because, frac=frac, low=low)
    return views.reshape(result, shape)


def _of_two(index: Secret, words: Words, frac: int) -> Secret:
    """The first row, or the second, of a table as it is encoded: a line through both."""
    first, second = decode(words, frac)
    line = add(times(views.expand_dims(index, -1), second - first, frac), first)
    return line.context.within(line, (float(decode(words, frac).min()), float(decode(words, frac).max())))


def _second_level(index: Secret, classes: int, columns: int) -> tuple[int, str]:
    """Bits of the index that are left to the second level, 0 for one level alone: what is done soonest on the
    plan's network; and why, for the plan."""
    bits, others = width(classes), len(index.context.parties) - 1
    network = index.context.network or DEFAULT

    def seconds(low: int) -> float:
        """Of rounds, and of what the last party gets: from the dealer, and from each other."""
        second = 1 << low
        opened = bits / 8 / WORD + (second * columns if low else 0)
        dealt = (1 << bits - low) - 1 + (second - 1 + columns if low else 0)
        carried = WORD * index.size * (dealt + others * opened)
        return (2 if low else 1) * network.latency + carried / network.bandwidth

    low = min(range(bits), key=seconds)
    one, two = seconds(0), min(map(seconds, range(1, bits)), default=math.inf)
    if two == math.inf:
        return 0, ""
    chosen, other = ("two levels", "one") if low else ("one level", "two")
    times = f"{min(one, two):.2g} s, {other} {max(one, two):.2g} s"
    return low, f"{index.size} places in a table of {classes} x {columns}, {network}: {chosen} {times}"


@implements()
def lookup(array: Operand, index: Operand, axis: int = 0) -> Secret:
    """array[index] along an axis: NumPy's ``take`` by a secret or private index. The index stays secret.

    Of a public array: as :func:`table`. Of a secret one of n rows of d elements: 1 round, log2 N bits sent
    and 8 (N - 1 + N d) bytes dealt for each index, and 8 bytes sent for each element of the array, once. By a
    private vector: its one-hot vectors are masked, 8 n bytes sent by its owner for each index; the array is
    opened, 8 bytes sent for each element; 8 d dealt for each index. Exact, but for a public array's rounding.
    """
    if is_public(array):
        values = public_array(array, "lookup")
        axis = axis_of(axis, values.ndim)
        return _put_back(table(index, np.moveaxis(values, axis, 0)), axis, values.ndim)
    secret = secret_of(array, context_of(array))
    axis = axis_of(axis, secret.ndim)
    if axis:
        secret = views.transpose(secret, [axis, *(i for i in range(secret.ndim) if i != axis)])
    length, *rest = secret.shape
    if isinstance(index, Private) and index.ndim == 1 and length > 1:
        rows = matmul(one_hot(index, length), views.reshape(secret, [length, -1]))
        chosen = views.reshape(rows, [*index.shape, *rest])
    else:
        places = _index(index, length, "lookup")
        chosen = _chosen("rows", places, secret, (*places.shape, *rest))
    return _put_back(chosen, axis, secret.ndim)


def _put_back(chosen: Secret, axis: int, ndim: int) -> Secret:
    """The axes of an index, which are in front, to where its axis was in an array of ``ndim`` dimensions."""
    new = chosen.ndim - (ndim - 1)
    order = [*range(new, new + axis), *range(new), *range(new + axis, chosen.ndim)]
    return chosen if axis == 0 else views.transpose(chosen, order)


def _chosen(layout: str, places: Secret, array: Secret, shape: Sequence[int]) -> Secret:
    """See the protocol for the layouts."""
    if array.shape[0 if layout == "rows" else -1] == 1:
        return views.broadcast_to(array, shape)
    fresh = not array.opened
    result = places.context.one("lookup", [places, array], layout=layout, fresh=fresh)
    array.opened = True
    return result


@implements()
def take_along_axis(array: Operand, indices: Any, axis: int | None = -1) -> Secret:
    """NumPy's: along the axis the elements at these places, line by line; the other axes broadcast.

    Cost by public places: none. By secret ones 1 round, log2 N bits sent and 8 (2 N - 1) bytes dealt for each
    place, and 8 bytes sent for each element of the array, once; of a public array nothing for it, and
    8 (N - 1) dealt. Exact, but for a public array's rounding.
    """
    lines: Any = np.asarray(array) if is_public(array) else secret_of(array, context_of(array))
    if axis is None:
        lines, axis = np.ravel(lines), 0
    wanted = _shape(indices)
    axis = axis_of(axis, lines.ndim)
    if len(wanted) != lines.ndim:
        raise ShapeError(f"places of shape {wanted} along an axis of {lines.shape}")
    others = broadcast(_without(lines.shape, axis), _without(wanted, axis))
    lines = _lines(lines, axis, others)
    length = lines.shape[-1]
    if is_public(indices):
        places = np.broadcast_to(np.moveaxis(np.asarray(indices), axis, -1), (*others, wanted[axis]))
        chosen = _take_lines(lines, places)
    elif is_public(lines):
        vectors = one_hot(_lines(indices, axis, others), length)
        chosen = sum(multiply(vectors, lines[..., None, :]), axis=-1)
    else:
        index = _index(_lines(indices, axis, others), length, "take_along_axis")
        chosen = _chosen("lines", index, lines, index.shape)
    return views.transpose(chosen, [*range(axis), len(others), *range(axis, len(others))])


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, Opaque) else np.shape(value)


def _without(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def _lines(array: Any, axis: int, others: Sequence[int]) -> Any:
    """With the axis last, and the other axes broadcast."""
    if is_public(array):
        moved = np.moveaxis(public_array(array, "take_along_axis"), axis, -1)
        return np.broadcast_to(moved, (*others, moved.shape[-1]))
    secret = secret_of(array, context_of(array))
    order = [*(i for i in range(secret.ndim) if i != axis), axis]
    return views.broadcast_to(views.transpose(secret, order), (*others, secret.shape[axis]))


def _take_lines(array: Secret, places: Any) -> Secret:
    """At public places of each line."""
    length = array.shape[-1]
    whole = places.dtype.kind in "iu"
    if not whole or (places.size and not -length <= places.min() <= places.max() < length):
        raise ShapeError(f"places along an axis of {length} are whole numbers below it")
    starts = np.arange(math.prod(array.shape[:-1])).reshape(*array.shape[:-1], 1) * length
    return views.take(views.ravel(array), starts + places % length)


@implements()
def choose(index: Operand, choices: Sequence[Any]) -> Secret:
    """NumPy's: for each element of the index that of the choice of this number; all broadcast together.

    Cost: of one choice nothing. Of public choices as :func:`one_hot`, of others as :func:`take_along_axis`.
    """
    which = _index(index, len(choices), "choose")
    shape = broadcast(which.shape, *(_shape(choice) for choice in choices))
    which = views.broadcast_to(which, shape)
    if all(is_public(choice) for choice in choices):
        values = np.stack([np.broadcast_to(public_array(choice, "choose"), shape) for choice in choices], -1)
        return sum(multiply(one_hot(which, len(choices)), values), axis=-1)
    secrets = [views.broadcast_to(secret_of(choice, which.context), shape) for choice in choices]
    chosen = take_along_axis(views.stack(secrets, -1), views.expand_dims(which, -1), -1)
    return views.squeeze(chosen, -1)


@implements()
def select(conditions: Sequence[Bits], choices: Sequence[Any], default: Operand = 0) -> Any:
    """NumPy's: for each element that of the first choice whose condition is true, else the default.

    Cost: as many times that of :func:`where` as there are conditions, one after another.
    """
    if not conditions or len(conditions) != len(choices):
        raise ShapeError(f"{len(conditions)} conditions for {len(choices)} choices")
    result: Any = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = call("where", condition, choice, result)
    return result
