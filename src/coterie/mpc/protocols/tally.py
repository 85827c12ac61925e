"""Sums of one party's small numbers by segments that another party knows: neither learns anything.

L has n whole numbers y ≥ 0, masked: m = y + λ is known, λ to L and the dealer. K has a segment for each. K
lays the rows out in *chunks* of w places: rows of one segment side by side, its last chunk filled up with
zeros. How many chunks there are, ⌊(n + G(w − 1)) / w⌋ = N / w, is public: enough for n rows of G segments.
So there are N − n zeros to fill up with, for which m = λ = 0, and the layout is a permutation τ of N places.

The dealer draws a random permutation ρ and N random numbers Δ from the seed that it shares with K, and sends
L b = λ[ρ] − Δ. K sends L δ = ρ⁻¹[τ]. Then y[τ] = m[τ] − Δ[δ] − b[δ], of which K has the first two and L the
last; each adds up its part by chunk. b is uniformly random to whoever lacks Δ, and δ to whoever lacks ρ: to
all but K and the dealer, who sees neither data nor δ. K receives nothing. After Chase, Ghosh, Poburinnaya
(2020), in one round.

All this is done modulo 2^16, as a sum of w numbers is below 2^13: what it takes for one number is two bytes
and a place. A share u modulo 2^16 is the share 2^48 u of 2^48 times the sum modulo 2^64: the sum with 48
fractional bits, all zero. Rounding that to none is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.errors import PERMUTATION_SENT
from coterie.mpc.form import Form, PrivateForm, ShapeError
from coterie.mpc.protocols.packing import pack_low, packed_size, unpack_low
from coterie.mpc.protocols.permutation import SOURCE, bits, draw, inverse
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Floats, Words, as_words
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Message, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

__all__ = ["MOST", "PROTOCOLS", "chunk_classes", "chunk_count", "laid_out"]

Integers = NDArray[np.int64]
Halves = NDArray[np.uint16]

_FRAC = 48
"""Of the result: what is modulo 2^16 fills the ring's highest bits."""
MOST = 2**13
"""Sums of a chunk are below it, so that the result, with its fractional bits, is within the ring."""
_PER_WORD = WORD // 2


def chunk_count(rows: int, classes: int, width: int) -> int:
    """Chunks of ``width`` places that any rows of so many classes fit into."""
    return (rows + classes * (width - 1)) // width


def chunk_classes(index: Integers, classes: int, width: int) -> Integers:
    """The class of each chunk of a layout; of those beyond the last class's, which are empty, 0."""
    chunks = -(-np.bincount(index, minlength=classes) // width)
    empty = chunk_count(index.size, classes, width) - int(chunks.sum())
    return np.pad(np.repeat(np.arange(classes), chunks), (0, empty))


def laid_out(index: Integers, classes: int, width: int) -> Integers:
    """The row at each place, with rows beyond the last one to fill up."""
    count = chunk_count(index.size, classes, width)
    sizes = np.bincount(index, minlength=classes)
    chunks = -(-sizes // width)
    ahead, first = np.cumsum(sizes) - sizes, (np.cumsum(chunks) - chunks) * width
    order = np.argsort(index.astype(np.min_scalar_type(classes - 1)), kind="stable")  # small ones by radix
    rows = np.full(count * width, -1, np.int64)
    rows[np.arange(index.size) + np.repeat(first - ahead, sizes)] = order
    rows[rows < 0] = np.arange(index.size, rows.size)
    return rows


class Tally(Protocol):
    """Sums of each chunk, in the order of the layout."""

    kind = "tally"
    statement = ProtocolStatement(
        protocol="sums of one party's numbers by another's segments",
        rounds="1",
        sent="one place for each row, in as many bits as it has, from the segments' owner to the numbers' "
        "owner; rows are those of the data, and some to fill up each segment",
        dealt="2 bytes for each row, to the numbers' owner",
        learns="Nothing. The places that are sent are uniformly random to all but the segments' owner, who "
        "receives nothing.",
        source=SOURCE,
    )
    takes = (PrivateForm,)

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        segments, numbers = forms
        if not isinstance(segments, PrivateForm) or not isinstance(numbers, PrivateForm):
            raise ValueError("takes private arrays")
        if segments.owner == numbers.owner:
            raise ValueError("segments and numbers are of two parties")
        classes, width = params["classes"], params["width"]
        if segments.frac or segments.low < 0 or segments.high > classes - 1:
            raise ValueError(f"whole segments from 0 to {classes - 1}")
        if numbers.frac or numbers.low < 0 or numbers.high * width >= MOST:
            raise ValueError(f"whole numbers from 0, whose sum is below {MOST}")
        if len(segments.shape) != 1 or segments.shape != numbers.shape:
            raise ShapeError(f"segments of shape {segments.shape} for numbers of shape {numbers.shape}")
        shape = (chunk_count(segments.size, classes, width),)
        return (Form(shape, _FRAC, Interval(0.0, numbers.high * width)),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 2

    def cost(self, call: Call, setting: Setting) -> Cost:
        length = _length(call)
        places = Message(_owner(call, 0), _owner(call, 1), packed_size(length, bits(length)))
        corrections = Cost.deal(setting, 2 * length, _owner(call, 1))
        return Cost(((places, corrections),), scratch=6 * WORD * length)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call = instruction.call
        length, owner = _length(call), _owner(call, 0)
        masks = np.zeros(length, np.uint16)
        own = dealer.owned(call.inputs[1]).words().reshape(-1)
        masks[: own.size] = own.astype(np.uint16)
        order = draw(dealer.book, owner, instruction.ids[0], length, f"{call.tag} permutation")
        correction = masks[order] - _cover(dealer.book.words, instruction, length)
        dealer.send_raw(call, correction, "", _owner(call, 1))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        length, width = _length(call), call.params["width"]
        segments, numbers = values
        if party.me == _owner(call, 0):
            order = draw(party.book, party.me, instruction.ids[0], length, f"{call.tag} permutation")
            rows = laid_out(as_words(segments.own).view(np.int64), call.params["classes"], width)
            places = inverse(order)[rows]
            self._publish(party, call, places)
            masked = np.zeros(length, np.uint16)
            masked[: numbers.stored.size] = as_words(numbers.stored.whole()).astype(np.uint16)
            part = masked[rows] - _cover(party.book.words, instruction, length)[places]
        elif party.me == _owner(call, 1):
            correction = party.correction(call, np.uint16, (length,))
            part = np.uint16(0) - correction[_received(party, call, length)]
        else:
            part = np.zeros(length, np.uint16)
        sums = part.reshape(-1, width).sum(1, dtype=np.uint16)
        return [Share(sums.astype(np.uint64) << np.uint64(_FRAC))]

    @staticmethod
    def _publish(party: Party, call: Call, places: Integers) -> None:
        packed = pack_low(places.view(np.uint64), bits(_length(call)))
        party.mesh.to(_owner(call, 1)).send_array(f"{call.tag}/places", packed)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [np.left_shift(self._sums(call, values), np.uint64(_FRAC))]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [self._sums(call, [np.rint(value) for value in values]).astype(np.float64)]

    @staticmethod
    def _sums(call: Call, values: Sequence[NDArray[Any]]) -> Words:
        segments, numbers = (value.astype(np.int64) for value in values)
        rows = laid_out(segments, call.params["classes"], call.params["width"])
        every = np.append(numbers, np.zeros(rows.size - numbers.size, np.int64))
        sums: Words = every[rows].reshape(-1, call.params["width"]).sum(1).astype(np.uint64)
        return sums


def _cover(words: Any, instruction: Instruction, length: int) -> Halves:
    """Δ: of the seed that the segments' owner shares with the dealer.

    :param words: of the book of either.
    """
    call = instruction.call
    count = -(-length // _PER_WORD)
    stream: Words = words(_owner(call, 0), instruction.ids[1], count, f"{call.tag} cover")
    return stream.astype("<u8", copy=False).view("<u2")[:length].astype(np.uint16, copy=False)


def _received(party: Party, call: Call, length: int) -> Integers:
    """Errors: CT-2116 for places that are no permutation."""
    width, owner = bits(length), _owner(call, 0)
    packed = party.mesh.to(owner).recv_array(f"{call.tag}/places", np.uint8, (packed_size(length, width),))
    places = unpack_low(packed, width, length).view(np.int64)
    taken = np.zeros(1 << width, np.bool_)
    taken[places] = True
    if not taken[:length].all():
        raise PERMUTATION_SENT(call.describe(), party=owner)
    return places


def _length(call: Call) -> int:
    """Places of the layout."""
    return call.output_forms[0].size * int(call.params["width"])


def _owner(call: Call, place: int) -> str:
    """Of the segments (0), of the numbers (1)."""
    form = call.input_forms[place]
    assert isinstance(form, PrivateForm)
    return form.owner


PROTOCOLS = (Tally(),)
