"""What an owner makes of its own plaintext by itself: private arrays of private whole numbers. No message.

And products of sums and the reciprocals of their counts, which are no larger than what is summed up.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.form import PrivateForm, Shape, ShapeError
from coterie.mpc.protocols.permutation import inverse
from coterie.mpc.protocols.product import PrivateProduct
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.protocols.tally import chunk_classes, chunk_count
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Floats, Words, as_words, encode
from coterie.mpc.shares import Held
from coterie.mpc.tape import Call, Instruction

if TYPE_CHECKING:
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

Integers = NDArray[np.int64]

_BLOCK = 1 << 20
"""Elements that are made at once."""


class _Own(Protocol):
    """Base: a function of one private array of whole numbers from 0 to ``classes`` - 1."""

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        if not isinstance(form, PrivateForm):
            raise ValueError("takes a private array")
        if form.low < 0 or form.high > params["classes"] - 1:
            raise ValueError(f"an index from {form.low:g} to {form.high:g} into {params['classes']} classes")
        shape, frac, span = self.shape(form, params)
        return (PrivateForm(shape, frac, span, owner=form.owner, **self.promises(shape)),)

    @abstractmethod
    def shape(self, form: PrivateForm, params: Params) -> tuple[Shape, int, Interval]:
        """Of the result: shape, fractional bits, range."""

    def promises(self, shape: Shape) -> dict[str, Any]:
        """What else is known of it."""
        return {}

    @abstractmethod
    def parts(self, call: Call, index: Integers) -> Iterator[NDArray[Any]]:
        """The result, flat, in parts: whole numbers, or numbers to be encoded."""

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, held = instruction.call, values[0]
        if not held.mine:
            return [Held(False)]
        stored, start = party.storage.new(call.outputs[0]), 0
        for part in self._encoded(call, as_words(held.own)):
            stored.write(start, part.view(np.int64).astype(stored.dtype))
            start += part.size
        return [Held(True, stored)]

    def _encoded(self, call: Call, words: Words) -> Iterator[Words]:
        frac = call.input_forms[0].frac
        half = np.int64(1 << frac >> 1)
        for part in self.parts(call, (words.view(np.int64) + half) >> np.int64(frac)):
            yield encode(part.astype(np.float64), call.output_forms[0].frac)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [np.concatenate(list(self._encoded(call, values[0]))).reshape(call.output_forms[0].shape)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        parts = list(self.parts(call, np.rint(values[0]).astype(np.int64)))
        return [np.concatenate(parts).astype(np.float64).reshape(call.output_forms[0].shape)]


class OwnOneHot(_Own):
    """One-hot vectors along a new last axis."""

    kind = "own_one_hot"

    def shape(self, form: PrivateForm, params: Params) -> tuple[Shape, int, Interval]:
        return (*form.shape, params["classes"]), 0, Interval(0.0, 1.0)

    def promises(self, shape: Shape) -> dict[str, Any]:
        return {"row_sum": 1.0} if len(shape) == 2 else {}

    def parts(self, call: Call, index: Integers) -> Iterator[NDArray[Any]]:
        classes = call.params["classes"]
        step = max(1, _BLOCK // classes)
        for start in range(0, max(1, index.size), step):
            places = index.reshape(-1)[start : start + step]
            yield np.equal.outer(places, np.arange(classes)).reshape(-1)


class OwnCounts(_Own):
    """How often each class is there."""

    kind = "own_counts"

    def shape(self, form: PrivateForm, params: Params) -> tuple[Shape, int, Interval]:
        return (params["classes"],), 0, Interval(0.0, float(form.size))

    def parts(self, call: Call, index: Integers) -> Iterator[NDArray[Any]]:
        yield np.bincount(index.reshape(-1), minlength=call.params["classes"])


class OwnReciprocals(_Own):
    """1 over how often each class is there, 0 where it is not, with ``frac`` fractional bits: a column."""

    kind = "own_reciprocals"

    def shape(self, form: PrivateForm, params: Params) -> tuple[Shape, int, Interval]:
        return (params["classes"], 1), params["frac"], Interval(0.0, 1.0)

    def parts(self, call: Call, index: Integers) -> Iterator[NDArray[Any]]:
        counts = np.bincount(index.reshape(-1), minlength=call.params["classes"])
        yield np.where(counts, 1 / np.maximum(counts, 1), 0.0)


class OwnChunks(_Own):
    """The class of each chunk of a layout by class: see :mod:`coterie.mpc.protocols.tally`."""

    kind = "own_chunks"

    def shape(self, form: PrivateForm, params: Params) -> tuple[Shape, int, Interval]:
        count = chunk_count(form.size, params["classes"], params["width"])
        return (count,), 0, Interval(0.0, float(params["classes"] - 1))

    def parts(self, call: Call, index: Integers) -> Iterator[NDArray[Any]]:
        yield chunk_classes(index.reshape(-1), call.params["classes"], call.params["width"])


class _Order(_Own):
    """Base: permutations of the rows of an array, followed by one row for each class."""

    def shape(self, form: PrivateForm, params: Params) -> tuple[Shape, int, Interval]:
        if len(form.shape) != 1:
            raise ShapeError(f"classes of shape {form.shape} order no rows")
        length = form.size + params["classes"]
        return (length,), 0, Interval(0.0, float(length - 1))

    def promises(self, shape: Shape) -> dict[str, Any]:
        return {"permutation": True}

    def parts(self, call: Call, index: Integers) -> Iterator[NDArray[Any]]:
        yield self.order(
            np.argsort(np.append(index, np.arange(call.params["classes"])), kind="stable"), index
        )

    @abstractmethod
    def order(self, by_class: Integers, index: Integers) -> Integers:
        """Of the order by class in which each class's own row comes last in it."""


class OwnOrder(_Order):
    """By class, with each class's own row behind its others."""

    kind = "own_order"

    def order(self, by_class: Integers, index: Integers) -> Integers:
        return by_class


class OwnEnds(_Order):
    """Of what is in the order of :class:`OwnOrder`, the classes' own rows in front."""

    kind = "own_ends"

    def order(self, by_class: Integers, index: Integers) -> Integers:
        ends = inverse(by_class)[index.size :]
        others = np.ones(by_class.size, np.bool_)
        others[ends] = False
        return np.append(ends, np.flatnonzero(others))


class PrivateMean(PrivateProduct):
    """Private reciprocals of counts times sums of as many values, which lie in ``range``: so do the means."""

    kind = "private_mean"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        (form,) = super().infer(parties, forms, params)
        reciprocals, sums = forms
        slack = sums.bound * math.ldexp(1.0, -reciprocals.frac)
        return (replace(form, range=Interval(*params["range"]).hull(Interval(0.0, 0.0)).widened(slack)),)


PROTOCOLS = (
    OwnOneHot(),
    OwnCounts(),
    OwnReciprocals(),
    OwnChunks(),
    OwnOrder(),
    OwnEnds(),
    PrivateMean(),
)
