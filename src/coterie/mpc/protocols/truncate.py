"""Exact truncation in one round.

For x in [−2^62, 2^62) open m = x + 2^62 + λ. The dealer shares λ >> f and b, the highest bit of λ. The sum
wrapped if and only if b = 1 and the highest bit of m is 0. So x >> f = (m >> f) − (λ >> f) + b·(1 − msb
m)·2^(64−f) − 2^(62−f), exact up to one unit in the last place. The unit is drawn in proportion to the part
cut off, so that rounding has no bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import deal_truncation, truncate
from coterie.mpc.form import Form
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import HEADROOM, Floats, Words
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

_OFFSET = np.uint64(1 << HEADROOM)


class Truncate(Protocol):
    """Several arrays at once, each by its own number of bits, to one fixed-point format."""

    kind = "truncate"
    takes = (Form,)
    statement = ProtocolStatement(
        protocol="exact truncation",
        rounds="1",
        sent="8 bytes for each element, from each compute party to each other",
        dealt="16 bytes for each element",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="after Escudero, Ghosh, Keller, Rachuri, Scholl (2020), with a dealt wrap bit",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        frac = params["frac"]
        for form in forms:
            if not frac < form.frac <= frac + HEADROOM:
                raise ValueError(f"cannot truncate {form.frac} fractional bits to {frac}")
        return tuple(Form(form.shape, frac, form.range.widened(2.0**-frac)) for form in forms)

    def ids(self, call: Call, setting: Setting) -> int:
        return 2

    def cost(self, call: Call, setting: Setting) -> Cost:
        size = WORD * _size(call)
        messages = (*Cost.broadcast(setting, size), Cost.deal(setting, 2 * size))
        return Cost(rounds=(messages,), scratch=6 * size, party_work=_size(call))

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call = instruction.call
        mask = dealer.new_mask(call, instruction.ids[0], _size(call))
        parts = [deal_truncation(mask[part], shift) for part, shift in _parts(call)]
        dealer.send(
            call, instruction.ids[1], np.concatenate([high for high, _ in parts] + [msb for _, msb in parts])
        )

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, size = instruction.call, _size(instruction.call)
        masked = np.concatenate([share.words.reshape(-1) for share in values])
        masked += party.mask_share(call, instruction.ids[0], size)
        if party.is_first:
            masked += _OFFSET
        opened = party.join(call, masked)
        dealt = party.dealt(call, instruction.ids[1], 2 * size)
        high, msb = dealt[:size], dealt[size:]
        return [
            Share(truncate(opened[part], high[part], msb[part], shift, party.is_first).reshape(form.shape))
            for (part, shift), form in zip(_parts(call), call.output_forms, strict=True)
        ]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [
            (value.view(np.int64) >> shift).view(np.uint64)
            for value, (_, shift) in zip(values, _parts(call), strict=True)
        ]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return values


def _size(call: Call) -> int:
    return sum(form.size for form in call.input_forms)


def _parts(call: Call) -> list[tuple[slice, int]]:
    """Where each array lies in the joined one, and by how many bits it is shifted."""
    parts, start = [], 0
    for form in call.input_forms:
        parts.append((slice(start, start + form.size), form.frac - call.params["frac"]))
        start += form.size
    return parts


PROTOCOLS = (Truncate(),)
