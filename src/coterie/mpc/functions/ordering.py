"""Order along an axis: the largest and its place, the first few, sorted arrays, quantiles.

Which elements are compared never depends on the values: every byte is planned. Each function has several ways
that trade rounds for bytes, and takes the fastest on the plan's network: see
:mod:`coterie.mpc.functions.ordering_plan`. All is exact, and of equal elements the first comes first.

In the cost lines, n is the length along the axis, C the cost of comparing the elements that are named, and R
its rounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from coterie.mpc.arrays import Bits, Secret, implements
from coterie.mpc.form import ShapeError, axis_of
from coterie.mpc.functions import arithmetic, comparison, logic
from coterie.mpc.functions import shape as views
from coterie.mpc.functions.operands import Operand, context_of, secret_of
from coterie.mpc.functions.ordering_plan import by_ranks, group_size
from coterie.mpc.functions.permutation import permute
from coterie.mpc.functions.segments import segment_sum
from coterie.mpc.protocols.sorting import depth, network

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "max",
    "median",
    "min",
    "quantile",
    "sort",
    "sort_by_key",
    "top_k",
]

MOST_FACTORS = 6
"""Levels of a tournament whose winners are multiplied in one round."""


@implements("amax")
def max(x: Operand, axis: int | None = None, keepdims: bool = False) -> Secret:
    """The largest along an axis, or of all.

    Cost: a tournament of groups of k, log n / log k levels. Each level of m groups: C for m k (k - 1) / 2
    pairs; for k > 2 one round, (k - 1)² bits sent and (k - 1) (2^(k-1) - k) dealt for each group; and one
    round, 65 (k - 1) bits sent and 16 (k - 1) bytes dealt for each group. For k = 2: R + 1 rounds a level.
    """
    rows = _rows(x, axis)
    best, _ = _tournament(rows)
    return _reduced(best, x, axis, keepdims)


@implements("amin")
def min(x: Operand, axis: int | None = None, keepdims: bool = False) -> Secret:
    """The smallest; as :func:`max`."""
    return arithmetic.negative(max(arithmetic.negative(x), axis, keepdims))


@implements()
def argmax(x: Operand, axis: int | None = None, keepdims: bool = False) -> Secret:
    """The place of the largest along an axis, of the first if there are several; a whole number.

    Cost: as :func:`max`; one more round, or two beyond six levels, with about 2 n bits sent and 2^L - L - 1
    bits dealt for each element, L <= 6 the levels; and :func:`numbers` of log2 n truth values.
    """
    rows = _rows(x, axis)
    _, levels = _tournament(rows)
    return _reduced(_place(levels, rows), x, axis, keepdims)


@implements()
def argmin(x: Operand, axis: int | None = None, keepdims: bool = False) -> Secret:
    """The place of the smallest; as :func:`argmax`."""
    return argmax(arithmetic.negative(x), axis, keepdims)


def _rows(x: Operand, axis: int | None) -> Secret:
    """With the axis last, or flat. Raises ShapeError where there are no elements."""
    secret = secret_of(x, context_of(x))
    rows = views.reshape(secret, [-1]) if axis is None else _moved(secret, axis, -1)
    if not rows.shape[-1]:
        raise ShapeError(f"no elements to order in an array of shape {secret.shape}")
    return rows


def _moved(x: Secret, source: int, target: int) -> Secret:
    """An axis taken to another place."""
    source, target = axis_of(source, x.ndim), axis_of(target, x.ndim)
    order = [i for i in range(x.ndim) if i != source]
    order.insert(target, source)
    return x if source == target else views.transpose(x, order)


def _reduced(result: Secret, x: Any, axis: int | None, keepdims: bool) -> Secret:
    if not keepdims:
        return result
    gone = range(x.ndim) if axis is None else [axis_of(axis, x.ndim)]
    return views.reshape(result, [1 if i in gone else n for i, n in enumerate(x.shape)])


def _tournament(x: Secret) -> tuple[Secret, list[Bits]]:
    """The largest along the last axis, and for each level who wins, along a last axis for the members of a
    group."""
    size, levels = group_size(x), []
    while (n := x.shape[-1]) > 1:
        k = n if n < size else size
        missing = -n % k
        if missing:  # copies of the first never win, as the first comes before them
            copies = views.broadcast_to(x[..., :1], (*x.shape[:-1], missing))
            x = views.concatenate([x, copies], -1)
        x = views.reshape(x, (*x.shape[:-1], x.shape[-1] // k, k))
        others = _winners(x)
        levels.append(others)
        gains = logic.products([(others, x[..., 1:] - x[..., :1])])[0]
        # At most one of a group is not zero, so that the sum is no larger than one.
        gain = x.context.one("sum", [gains], axes=[gains.ndim - 1], range=gains.range.to_list())
        x = x.context.within(x[..., 0] + gain, x.range)
    return x[..., 0], levels


def _winners(x: Secret) -> Bits:
    """For each group, along the last axis, which of all but the first is the largest and comes first."""
    k = x.shape[-1]
    if k == 2:
        return views.reshape(comparison.less(x[..., 0], x[..., 1]), (*x.shape[:-1], 1))
    pairs = x.context.one("all_pairs", [x])
    later = comparison.less(pairs[0], pairs[1])
    earlier = ~later
    wins: dict[tuple[int, int], Bits] = {}
    for place, (i, j) in enumerate(zip(*np.triu_indices(k, 1), strict=True)):
        wins[int(i), int(j)], wins[int(j), int(i)] = earlier[..., place], later[..., place]
    groups = [[wins[i, j] for j in range(k) if j != i] for i in range(1, k)]
    return views.stack(logic.both(groups), -1)


def _place(levels: Sequence[Bits], rows: Secret) -> Secret:
    """The place of the winner of a tournament."""
    lead, n = rows.shape[:-1], rows.shape[-1]
    if n == 1:
        return rows.context.zeros(lead, 0)
    tree: list[Bits] = []
    sizes: list[int] = []
    for others in reversed(levels):
        nodes = math.prod(sizes)
        members = views.concatenate([_rest(others), others], -1)
        missing = nodes - members.shape[-2]
        if missing:
            none = comparison.known(rows.context, False, (*lead, missing, members.shape[-1]))
            members = views.concatenate([members, none], -2)
        sizes.append(members.shape[-1])
        tree.append(views.reshape(members, (*lead, *sizes)))
    leaves = views.reshape(_path(tree), (*lead, -1))[..., :n]
    digits = logic.numbers(rows.context.truth("encode", [leaves]))
    place = (digits * 2.0 ** np.arange(digits.shape[-1])).sum(axis=-1)
    return rows.context.within(place, (0.0, n - 1.0))


def _rest(others: Bits) -> Bits:
    """Whether it is none of the others."""
    result = others[..., :1]
    for place in range(1, others.shape[-1]):
        result = result ^ others[..., place : place + 1]
    return ~result


def _path(tree: Sequence[Bits]) -> Bits:
    """Of a tree whose every level has an axis more, who wins all the way: the product of all levels."""
    count = -(-len(tree) // MOST_FACTORS)
    ends = [round(len(tree) * (i + 1) / count) for i in range(count)]
    chunks = [tree[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    joined = [chunk for chunk in chunks if len(chunk) > 1]
    products = iter(logic.both([_filled(chunk) for chunk in joined]) if joined else ())
    parts = [next(products) if len(chunk) > 1 else chunk[0] for chunk in chunks]
    return parts[0] if len(parts) == 1 else logic.both([_filled(parts)])[0]


def _filled(factors: Sequence[Bits]) -> list[Bits]:
    """With as many axes as the last."""
    ndim = factors[-1].ndim
    return [views.reshape(one, (*one.shape, *[1] * (ndim - one.ndim))) for one in factors]


@implements()
def sort(x: Operand, axis: int | None = -1) -> Secret:
    """In ascending order along an axis, or of all elements.

    Cost by a network: ⌈log2 n⌉ (⌈log2 n⌉ + 1) / 2 layers of R + 1 rounds; for each of its comparators, about
    n log2² n / 4, C and 8 bytes and 1 bit sent, 16 bytes dealt. By ranks: C for n (n - 1) / 2 pairs, one
    round with 1 bit sent and 8 bytes dealt for each pair, and a secret permutation of all elements
    (:func:`permute` with ``inverse``).
    """
    rows = _rows(x, axis)
    (result,) = _ordered([rows], None, largest=False)
    return _restored(result, axis)


@implements()
def argsort(x: Operand, axis: int | None = -1) -> Secret:
    """The places of the elements in ascending order, equal ones in their own order; whole numbers.

    Cost: as :func:`sort`; by a network, each comparator carries a place too: 8 bytes sent and 8 dealt more,
    and compares log2 n bits more, which must fit the ring (CT-2101).
    """
    rows = _rows(x, axis)
    _, places = _ordered([rows, _counted(rows)], None, largest=False)
    return _restored(places, axis)


def _restored(rows: Secret, axis: int | None) -> Secret:
    return rows if axis is None else _moved(rows, -1, axis)


def _counted(rows: Secret) -> Secret:
    """The number of each element along the last axis."""
    counted = np.broadcast_to(np.arange(rows.shape[-1], dtype=np.float64), rows.shape)
    return rows.context.public(counted, 0)


@implements()
def sort_by_key(key: Operand, *columns: Operand, descending: bool = False) -> tuple[Secret, ...]:
    """Keys, and rows of columns, in the order of the keys; equal keys keep their order.

    :param key: (n,)
    :param columns: of n rows each, of any shape.

    Cost: by ranks as :func:`sort`, with all columns in its permutation. By a network as :func:`argsort`, and
    :func:`permute` of the columns by secret places.
    """
    keys = secret_of(key, context_of(key))
    if keys.ndim != 1 or not keys.size:
        raise ShapeError(f"one key for each row, not an array of shape {keys.shape}")
    rows = [secret_of(column, keys.context) for column in columns]
    if any(row.shape[:1] != keys.shape for row in rows):
        raise ShapeError(f"columns of {keys.shape[0]} rows each, one for each key")
    if keys.size == 1:
        return (keys, *rows)
    if by_ranks(keys, None, 1 + len(rows)):
        return tuple(permute((keys, *rows), _ranks(keys, descending), inverse=True))
    if not rows:
        return tuple(_by_network([keys], None, descending))
    ordered, places = _by_network([keys, _counted(keys)], None, descending)
    return (ordered, *permute(tuple(rows), places))


@implements()
def top_k(x: Operand, k: int, axis: int = -1) -> tuple[Secret, Secret]:
    """The k largest along an axis, the largest first, and their places; of equal ones the first.

    Cost: as :func:`argsort`, by a network of only those comparators that the k depend on.
    """
    rows = _rows(x, axis)
    if not 1 <= k <= rows.shape[-1]:
        raise ShapeError(f"the {k} largest of {rows.shape[-1]}")
    values, places = _ordered([rows, _counted(rows)], tuple(range(k)), largest=True)
    return _restored(values, axis), _restored(places, axis)


@implements()
def median(x: Operand, axis: int | None = None) -> Secret:
    """The one in the middle, or the mean of the two; with one more fractional bit.

    Cost: as :func:`sort`, by a network of only those comparators that the middle depends on.
    """
    rows = _rows(x, axis)
    n = rows.shape[-1]
    (middle,) = _ordered([rows], ((n - 1) // 2, n // 2) if n % 2 == 0 else (n // 2,), largest=False)
    return arithmetic.mean(middle, -1)


@implements()
def quantile(x: Operand, q: Any, axis: int | None = None) -> Secret:
    """Quantiles by linear interpolation, of public q from 0 to 1: along a first axis if they are several.

    Cost: as :func:`sort`, by a network of only those comparators that they depend on. Error: of the public
    weight between two elements, 2^-20 of their distance.
    """
    rows, wanted = _rows(x, axis), np.asarray(q, dtype=np.float64)
    if wanted.size == 0 or not ((wanted >= 0) & (wanted <= 1)).all():
        raise ValueError("quantiles are public numbers from 0 to 1")
    positions = wanted * (rows.shape[-1] - 1)
    below = np.floor(positions).astype(np.int64)
    above = np.ceil(positions).astype(np.int64)
    places = np.union1d(below, above)
    (found,) = _ordered([rows], tuple(int(place) for place in places), largest=False)
    low, high = (views.take(found, np.searchsorted(places, ends), -1) for ends in (below, above))
    result = low + (high - low) * (positions - below)
    for _ in range(wanted.ndim):
        result = _moved(result, -1, 0)
    return result


def _ordered(arrays: list[Secret], wanted: tuple[int, ...] | None, *, largest: bool) -> list[Secret]:
    """Arrays in the order of the first along the last axis, or the wanted places of them alone. The second,
    if there is one, holds places."""
    rows = arrays[0]
    n = rows.shape[-1]
    if n == 1:
        return arrays
    layers = None if wanted is None else network(n, wanted)
    if by_ranks(rows, layers, len(arrays)):
        arrays = _by_ranks(arrays, largest)
    else:
        arrays = _by_network(arrays, wanted, largest)
    if wanted is None:
        return arrays
    return [views.take(array, np.array(wanted), -1) for array in arrays]


def _by_network(arrays: list[Secret], wanted: tuple[int, ...] | None, largest: bool) -> list[Secret]:
    n = arrays[0].shape[-1]
    count = depth(n) if wanted is None else len(network(n, wanted))
    for number in range(count):
        params = {"layer": number, "wanted": None if wanted is None else list(wanted)}
        arrays = _exchanged(arrays, params, largest)
    return arrays


def _exchanged(arrays: list[Secret], params: dict[str, Any], largest: bool) -> list[Secret]:
    """After one layer: of each two that it compares, the smaller, or larger, comes to the front."""
    context = arrays[0].context
    sides = [context.one("compared", [array], **params) for array in arrays]
    steps = [side[1] - side[0] for side in sides]
    order = -steps[0] if largest else steps[0]
    if len(arrays) > 1:
        finer = order.frac + arrays[0].shape[-1].bit_length()
        order = context.refine(order, finer) + steps[1].ldexp(-finer)
    swap = comparison.less(order, 0)
    moves = logic.products([(swap, step) for step in steps])
    result = []
    for array, side, move in zip(arrays, sides, moves, strict=True):
        changed = views.stack([side[0] + move, side[1] - move])
        back = context.one("put_back", [array, changed], **params)
        result.append(context.within(back, array.range))
    return result


def _by_ranks(arrays: list[Secret], largest: bool) -> list[Secret]:
    """All rows at once by one permutation."""
    rows = arrays[0]
    n = rows.shape[-1]
    count = rows.size // n
    starts = np.arange(count, dtype=np.float64)[:, None] * n
    ranks = views.reshape(_ranks(rows, largest), (count, n)) + starts
    places = rows.context.within(views.reshape(ranks, [-1]), (0.0, rows.size - 1.0))
    flat = tuple(views.reshape(array, [-1]) for array in arrays)
    return [views.reshape(moved, rows.shape) for moved in permute(flat, places, inverse=True)]


def _ranks(rows: Secret, largest: bool) -> Secret:
    """The place of each element among those along the last axis, equal ones in their own order."""
    n = rows.shape[-1]
    pairs = rows.context.one("all_pairs", [rows])
    first, second = (pairs[0], pairs[1]) if largest else (pairs[1], pairs[0])
    later = _moved(logic.numbers(comparison.less(first, second)), -1, 0)
    earlier_places, later_places = np.triu_indices(n, 1)
    # A later one that comes before takes the earlier back by one; else the earlier takes it back.
    ranks = segment_sum(later, earlier_places, n) - segment_sum(later, later_places, n)
    own = np.arange(n, dtype=np.float64).reshape(n, *[1] * (rows.ndim - 1))
    return rows.context.within(_moved(ranks + own, 0, -1), (0.0, n - 1.0))
