"""Which elements are compared with which, whatever they are: sorting networks, and all pairs.

*Sorting.* Batcher's odd-even merge sort (1968), for any length: it compares elements k apart, the smaller to
the front.

*The first k.* Blocks of K, the next power of two, are sorted; then two and two become one, until one is left:
of the i-th of one block and the i-th from the end of the other the first comes to the front, which leaves the
K first of both as a bitonic sequence, and half-cleaners sort it (Batcher). About n (log² K / 4 + log K / 2 +
1) comparators instead of n log² n / 4.

Comparators that no wanted place depends on are left out.

The views here gather the operands of a layer and put back what became of them. Local and exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.form import Form, ShapeError
from coterie.mpc.protocols.protocol import Forms, Params
from coterie.mpc.protocols.views import Array, View
from coterie.mpc.tape import Call

Places = NDArray[np.int32]


@dataclass(frozen=True)
class Layer:
    """Comparators that are done at once: the one that comes first goes to ``front``."""

    front: Places
    back: Places


def steps(n: int) -> Iterator[tuple[int, int]]:
    """For each layer of a network of n elements the half of its blocks, and how far apart it compares."""
    half = 1
    while half < n:
        step = half
        while step:
            yield half, step
            step //= 2
        half *= 2


def depth(n: int) -> int:
    """How many layers a network of n has."""
    log = (n - 1).bit_length()
    return log * (log + 1) // 2


def layer(n: int, half: int, step: int) -> Layer:
    """One layer of the whole network: comparators within blocks of 2 half."""
    first = step % half
    front = np.arange(first, max(first, n - step), dtype=np.int32)
    chosen = (front - first) & step == 0
    chosen &= (front ^ (front + step)) < 2 * half
    front = front[chosen]
    return Layer(front, front + step)


def _first(n: int, size: int) -> Iterator[Layer]:
    """The layers after which the first ``size`` of n elements, a power of two, are sorted at the front."""
    for half, step in steps(size):
        yield layer(n, half, step)
    places = np.arange(size, dtype=np.int32)
    stride = size
    while stride < n:
        blocks = np.arange(0, n - stride, 2 * stride, dtype=np.int32)[:, None]
        yield _within(n, blocks + places, blocks + stride + places[::-1])
        step = size // 2
        while step:
            fronts = blocks + places[places & step == 0]
            yield _within(n, fronts, fronts + step)
            step //= 2
        stride *= 2


def _within(n: int, front: Places, back: Places) -> Layer:
    """Of the elements that there are: those beyond would stay at the back."""
    there = back < n
    return Layer(front[there], back[there])


@lru_cache(maxsize=4)
def network(n: int, wanted: tuple[int, ...]) -> tuple[Layer, ...]:
    """The layers, and comparators in them, that the wanted places of n sorted elements depend on."""
    size = 1 << max(wanted).bit_length()
    whole = list(_first(n, size)) if 4 * size <= n else [layer(n, *step) for step in steps(n)]
    live = np.zeros(n, np.bool_)
    live[list(wanted)] = True
    layers = []
    for each in reversed(whole):
        used = live[each.front] | live[each.back]
        front, back = each.front[used], each.back[used]
        live[front] = live[back] = True
        if front.size:
            layers.append(Layer(front, back))
    return tuple(reversed(layers))


@lru_cache(maxsize=2)
def _whole(n: int, number: int) -> Layer:
    half, step = next(pair for i, pair in enumerate(steps(n)) if i == number)
    return layer(n, half, step)


def _layer(n: int, params: Mapping[str, Any]) -> Layer:
    number: int = params["layer"]
    wanted = params["wanted"]
    return _whole(n, number) if wanted is None else network(n, tuple(wanted))[number]


class Operands(View):
    """What a layer compares, along the last axis: the front of each pair, and then the back, along a new
    first axis."""

    kind = "compared"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return (_pairs(forms[0], _layer(_length(forms[0]), params).front.size),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        chosen = _layer(values[0].shape[-1], call.params)
        return np.stack([values[0][..., chosen.front], values[0][..., chosen.back]])


class PutBack(View):
    """An array with the operands of a layer replaced by others."""

    kind = "put_back"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        whole, changed = forms
        pairs = _pairs(whole, _layer(_length(whole), params).front.size)
        if changed.shape != pairs.shape or (type(changed), changed.frac) != (type(whole), whole.frac):
            raise ShapeError(f"operands of shape {changed.shape} for a layer of shape {pairs.shape}")
        return (replace(whole, range=whole.range.hull(changed.range)),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        chosen = _layer(values[0].shape[-1], call.params)
        result = np.array(values[0])
        result[..., chosen.front], result[..., chosen.back] = values[1]
        return result


class AllPairs(View):
    """Every two elements along the last axis, the earlier first: as :class:`Operands` gives them."""

    kind = "all_pairs"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        n = _length(forms[0])
        return (_pairs(forms[0], n * (n - 1) // 2),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        earlier, later = np.triu_indices(values[0].shape[-1], 1)
        return np.stack([values[0][..., earlier], values[0][..., later]])


def _length(form: Form) -> int:
    if not form.shape:
        raise ShapeError("a scalar has no order")
    return form.shape[-1]


def _pairs(form: Form, count: int) -> Form:
    return replace(form, shape=(2, *form.shape[:-1], count))


PROTOCOLS = (Operands(), PutBack(), AllPairs())
