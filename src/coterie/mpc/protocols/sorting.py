"""Which elements are compared with which, whatever they are: sorting networks, and all pairs.

Batcher's odd-even merge sort (1968), for any length: it compares elements k apart, the smaller to the front.
Where only some places of the sorted array are wanted, the comparators that no wanted place depends on are
left out: of a network for the first place of n, all but n − 1.

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

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """Comparators that are done at once: of ``lower[i]`` and ``lower[i] + step``."""

    step: int
    lower: Places


def steps(n: int) -> Iterator[tuple[int, int]]:
    """For each layer of n elements the half of its blocks, and how far apart it compares."""
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
    places = np.arange(first, n - step)
    chosen = (places - first) // step % 2 == 0
    chosen &= places // (2 * half) == (places + step) // (2 * half)
    return Layer(step, places[chosen])


@lru_cache(maxsize=16)
def network(n: int, wanted: tuple[int, ...]) -> tuple[Layer, ...]:
    """The layers, and comparators in them, that the wanted places of n sorted elements depend on."""
    live = np.zeros(n, np.bool_)
    live[list(wanted)] = True
    layers = []
    for half, step in reversed(list(steps(n))):
        whole = layer(n, half, step)
        lower = whole.lower[live[whole.lower] | live[whole.lower + step]]
        live[lower] = live[lower + step] = True
        if lower.size:
            layers.append(Layer(step, lower))
    return tuple(reversed(layers))


@lru_cache(maxsize=2)
def _whole(n: int, number: int) -> Layer:
    half, step = next(pair for i, pair in enumerate(steps(n)) if i == number)
    return layer(n, half, step)


def comparators(n: int) -> int:
    """How many the whole network has."""
    return sum(layer(n, half, step).lower.size for half, step in steps(n))


def _layer(n: int, params: Mapping[str, Any]) -> Layer:
    number: int = params["layer"]
    wanted = params["wanted"]
    return _whole(n, number) if wanted is None else network(n, tuple(wanted))[number]


class Operands(View):
    """What a layer compares, along the last axis: the lower of each pair, and then the upper, along a new
    first axis."""

    kind = "compared"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return (_pairs(forms[0], _layer(_length(forms[0]), params).lower.size),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        chosen = _layer(values[0].shape[-1], call.params)
        return np.stack([values[0][..., chosen.lower], values[0][..., chosen.lower + chosen.step]])


class PutBack(View):
    """An array with the operands of a layer replaced by others."""

    kind = "put_back"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        whole, changed = forms
        pairs = _pairs(whole, _layer(_length(whole), params).lower.size)
        if changed.shape != pairs.shape or (type(changed), changed.frac) != (type(whole), whole.frac):
            raise ShapeError(f"operands of shape {changed.shape} for a layer of shape {pairs.shape}")
        return (replace(whole, range=whole.range.hull(changed.range)),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        chosen = _layer(values[0].shape[-1], call.params)
        result = np.array(values[0])
        result[..., chosen.lower], result[..., chosen.lower + chosen.step] = values[1]
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
