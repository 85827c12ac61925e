"""Truth values times numbers, in one round.

Of a truth value b, c = b ⊕ r is opened; of a number x, m = x + λ, where that is not done yet. Then b = c +
(1 − 2c)·r, so that b·x = c·x + (1 − 2c)·(m·r − r·λ), for dealt shares of r and of r·λ. Where K owns x in the
clear and the others have m: K takes c·x + (1 − 2c)·(x·r_K − q_K), each other i (1 − 2c)·(m·r_i − q_i), for
dealt shares q of (r − r_K)·λ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.form import TRUTH, BitsForm, Form, PrivateForm, broadcast
from coterie.mpc.protocols import bits
from coterie.mpc.protocols.bits import Packed, pack, packed_bytes, unpack
from coterie.mpc.protocols.boolean import check_bits
from coterie.mpc.protocols.conversion import flipped
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Floats, Words, as_words
from coterie.mpc.shares import Held, Opening, Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.ahead import Masks
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

ALONE = -1
"""In place of a number: the truth value itself becomes one."""


class Select(Protocol):
    """Several products at once: ``pairs`` of a truth value and a number, by their places among the inputs.

    The first ``truths`` of the inputs are truth values. Each input is opened once, in its own shape; those
    numbers whose places are in ``closed`` are opened by this operation and stay opened, the others are opened
    already, or masked. The two of a pair broadcast.
    """

    kind = "select"
    takes = (Form, PrivateForm, BitsForm)
    statement = ProtocolStatement(
        protocol="selection",
        rounds="1",
        sent="1 bit for each truth value, and 8 bytes for each number that is not opened yet, from each "
        "compute party to each other",
        dealt="8 bytes for each truth value, and 8 bytes for each element of a result",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="this file; doubly shared bits: Rotaru, Wood (2019)",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        truths, pairs, closed = params["truths"], params["pairs"], params["closed"]
        check_bits(*forms[:truths])
        if not pairs or not all(
            0 <= b < truths and x in (ALONE, *range(truths, len(forms))) for b, x in pairs
        ):
            raise ValueError("takes pairs of a truth value and a number")
        if any(isinstance(forms[x], PrivateForm) for x in closed):
            raise ValueError("a private number is masked, not opened")
        return tuple(_form(forms[b], None if x == ALONE else forms[x]) for b, x in pairs)

    def ids(self, call: Call, setting: Setting) -> int:
        return len(_parts(call).masked) + 1

    def cost(self, call: Call, setting: Setting) -> Cost:
        parts = _parts(call)
        sent = sum(packed_bytes(form.size) for form in parts.truths)
        opened = WORD * sum(call.input_forms[place].size for place in parts.closed)
        messages = (*Cost.broadcast(setting, sent + opened), Cost.deal(setting, WORD * parts.dealt))
        scratch = WORD * (2 * parts.dealt + 3 * sum(form.size for form in parts.truths)) + 2 * opened
        return Cost((messages,), party_work=parts.dealt, dealer_work=parts.dealt, scratch=scratch)

    def mask(self, instruction: Instruction, masks: Masks) -> None:
        call, parts = instruction.call, _parts(instruction.call)
        ids = dict(zip(parts.masked, instruction.ids, strict=False))
        for place in parts.closed:
            form = call.input_forms[place]
            view = partial(np.reshape, shape=form.shape)
            masks.open(call.inputs[place], call, ids[place], form.size, view)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, parts, dealt_id = instruction.call, _parts(instruction.call), instruction.ids[-1]
        ids = dict(zip(parts.masked, instruction.ids, strict=False))
        random = [
            unpack(bits.mask(dealer, call, ids[place], form.size), form.shape).astype(np.uint64)
            for place, form in enumerate(parts.truths)
        ]
        dealt = [one.reshape(-1) for one in random]
        others = _Without(dealer, call, dealt_id, parts, random)
        for b, x in parts.products:
            form = call.input_forms[x]
            if isinstance(form, PrivateForm):
                product = others.of(form.owner, b) * dealer.owned(call.inputs[x]).words()
            else:
                product = random[b] * dealer.mask(call.inputs[x]).whole
            dealt.append(product.reshape(-1))
        dealer.send(call, dealt_id, np.concatenate(dealt))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, parts = instruction.call, _parts(instruction.call)
        ids = dict(zip(parts.masked, instruction.ids, strict=False))
        opened = [
            unpack(one, form.shape).astype(np.uint64)
            for one, form in zip(_open(call, party, parts, ids, values), parts.truths, strict=True)
        ]
        dealt = _Cutter(party.dealt(call, instruction.ids[-1], parts.dealt))
        random = [dealt.next(form) for form in parts.truths]
        results = []
        for (b, x), form in zip(parts.pairs, call.output_forms, strict=True):
            if x == ALONE:
                results.append(Share(flipped(opened[b], random[b], party.is_first)))
            else:
                results.append(Share(_product(opened[b], random[b], values[x], dealt.next(form))))
        return results

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Words]:
        return self._clear(call, values, np.uint64)

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Floats]:
        return self._clear(call, values, np.float64)

    @staticmethod
    def _clear(call: Call, values: Sequence[Any], dtype: Any) -> Sequence[Any]:
        return [
            values[b].astype(dtype) if x == ALONE else np.multiply(values[b].astype(dtype), values[x])
            for b, x in call.params["pairs"]
        ]


def _form(truth: Form, number: Form | None) -> Form:
    if number is None:
        return Form(truth.shape, 0, TRUTH)
    shape = broadcast(truth.shape, number.shape)
    return Form(shape, number.frac, number.range.hull(Interval(0.0, 0.0)))


@dataclass(frozen=True)
class _Parts:
    """What the inputs are for."""

    truths: tuple[Form, ...]
    closed: tuple[int, ...]
    """Numbers that are opened here."""
    pairs: tuple[tuple[int, int], ...]
    dealt: int
    """Words."""

    @property
    def masked(self) -> tuple[int, ...]:
        """Places of the inputs that take a mask here."""
        return (*range(len(self.truths)), *self.closed)

    @property
    def products(self) -> Iterator[tuple[int, int]]:
        """Pairs with a number."""
        return ((b, x) for b, x in self.pairs if x != ALONE)


def _parts(call: Call) -> _Parts:
    params = call.params
    truths = call.input_forms[: params["truths"]]
    pairs = tuple((b, x) for b, x in params["pairs"])
    dealt = sum(form.size for form in truths)
    dealt += sum(form.size for (_, x), form in zip(pairs, call.output_forms, strict=True) if x != ALONE)
    return _Parts(truths, tuple(params["closed"]), pairs, dealt)


class _Cutter:
    """Takes arrays off the front of a flat one."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._start = 0

    def next(self, form: Form) -> Words:
        start, self._start = self._start, self._start + form.size
        return self._words[start : self._start].reshape(form.shape)


class _Without:
    """At the dealer: r without the owner's share of it."""

    def __init__(self, dealer: Dealer, call: Call, id: int, parts: _Parts, random: Sequence[Words]) -> None:
        self._dealer, self._call, self._id = dealer, call, id
        self._parts, self._random = parts, random

    def of(self, owner: str, place: int) -> Words:
        """r of the truth value at ``place``, all shares but the owner's."""
        dealer, parts = self._dealer, self._parts
        start = sum(form.size for form in parts.truths[:place])
        form, use = parts.truths[place], f"{self._call.tag} dealt"

        def share(label: str) -> Words:
            return dealer.book.part(label, self._id, parts.dealt, start, form.size, use).reshape(form.shape)

        if owner in dealer.expanding:
            return self._random[place] - share(owner)
        total = share(dealer.expanding[0])
        for label in dealer.expanding[1:]:
            total += share(label)
        return total


def _open(
    call: Call, party: Party, parts: _Parts, ids: dict[int, int], values: Sequence[Any]
) -> list[Packed]:
    """Open truth values, which are returned packed, and those numbers that are closed, in one round."""
    masked = [
        pack(values[place].words) ^ bits.mask_share(party, call, ids[place], form.size)
        for place, form in enumerate(parts.truths)
    ]
    masks = {
        place: party.mask_share(call, ids[place], call.input_forms[place].size) for place in parts.closed
    }
    words = [values[place].words.reshape(-1) + masks[place] for place in parts.closed]
    arrays = {"": np.concatenate(masked)} | ({"/numbers": np.concatenate(words)} if words else {})
    opened, *numbers = party.exchange(call, arrays)
    cutter = _Cutter(numbers[0] if numbers else np.zeros(0, np.uint64))
    for place in parts.closed:
        form = call.input_forms[place]
        values[place].opening = Opening(cutter.next(form), masks[place].reshape(form.shape))
    return np.split(opened, np.cumsum([one.size for one in masked])[:-1])


def _product(opened: Words, random: Words, value: Share | Held, dealt: Words) -> Words:
    """A share of b·x, of c, shares of r, x, and shares of r·λ."""
    result: Words
    if isinstance(value, Held):
        assert value.stored is not None
        known = as_words(value.stored.whole())
        result, kept = random * known - dealt, known if value.mine else np.uint64(0)
    else:
        assert value.opening is not None
        result, kept = random * value.opening.opened - dealt, value.words
    result = result * (np.uint64(1) - (opened << np.uint64(1)))
    result += opened * kept
    return result


PROTOCOLS = (Select(),)
