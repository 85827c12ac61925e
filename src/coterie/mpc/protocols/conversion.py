"""Between numbers and truth values.

A truth value b becomes a number with a random r, dealt both ways: c = b ⊕ r is opened, and b = c + (1 −
2c)·r in the ring. The other way is local for whole numbers: the lowest bits of the shares of a sum are shares
of its lowest bit, as no carry comes into them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.form import TRUTH, BitsForm, Form
from coterie.mpc.protocols import bits
from coterie.mpc.protocols.bits import Packed, pack, packed_bytes, unpack
from coterie.mpc.protocols.boolean import check_bits
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


class LowBit(Protocol):
    """Of whole numbers: whether they are odd. Local."""

    kind = "low_bit"
    takes = (Form,)

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if forms[0].frac or isinstance(forms[0], BitsForm):
            raise ValueError("takes whole numbers, without fractional bits")
        return (BitsForm(forms[0].shape),)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        return [Share(_odd(values[0].words))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Any]:
        return [_odd(values[0])]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Any]:
        return [_odd(np.rint(values[0]).astype(np.int64))]


def _odd(words: Any) -> Any:
    return np.bitwise_and(words, 1).astype(np.uint8)


class Numbers(Protocol):
    """Truth values as numbers 0 and 1."""

    kind = "numbers"
    takes = (BitsForm,)
    statement = ProtocolStatement(
        protocol="truth values to numbers",
        rounds="1",
        sent="1 bit for each element, from each compute party to each other",
        dealt="8 bytes for each element",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="dealt doubly shared bits: Rotaru, Wood (2019)",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        check_bits(*forms)
        return (Form(forms[0].shape, 0, TRUTH),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 2

    def cost(self, call: Call, setting: Setting) -> Cost:
        n = call.input_forms[0].size
        messages = (*Cost.broadcast(setting, packed_bytes(n)), Cost.deal(setting, WORD * n))
        return Cost((messages,), scratch=2 * WORD * n)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, dealt_id) = instruction.call, instruction.ids
        form = call.input_forms[0]
        mask = bits.mask(dealer, call, mask_id, form.size)
        dealer.send(call, dealt_id, unpack(mask, form.shape).astype(np.uint64))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, dealt_id) = instruction.call, instruction.ids
        form = call.input_forms[0]
        opened = bits.join(
            party, call, pack(values[0].words) ^ bits.mask_share(party, call, mask_id, form.size)
        )
        random = party.dealt(call, dealt_id, form.size).reshape(form.shape)
        return [Share(as_number(opened, random, party.is_first))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Words]:
        return [values[0].astype(np.uint64)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Floats]:
        return [values[0].astype(np.float64)]


def as_number(opened: Packed, random: Words, first: bool) -> Words:
    """A share of b = c + (1 − 2c)·r."""
    return flipped(unpack(opened, random.shape).astype(np.uint64), random, first)


def flipped(opened: Words, random: Words, first: bool) -> Words:
    """The same for c as words of 0 and 1."""
    # −(c) is all ones where c is 1: (r ⊕ −c) + c is −r there, and r elsewhere.
    result: Words = random ^ (np.uint64(0) - opened)
    result += opened << np.uint64(1) if first else opened
    return result


PROTOCOLS = (LowBit(), Numbers())
