"""Masked opening: x + mask becomes public among the compute parties, x does not.

The pair (m, shares of the mask) stays with the array, so that an array is opened at most once however often
it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.form import Form
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words
from coterie.mpc.shares import Opening
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.ahead import Masks
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


class Open(Protocol):
    """Several arrays at once: one mask each, one message to each peer."""

    kind = "open"
    takes = (Form,)
    statement = ProtocolStatement(
        protocol="masked opening",
        rounds="1",
        sent="8 bytes for each element, from each compute party to each other",
        dealt="0",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="Beaver (1991)",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return ()

    def ids(self, call: Call, setting: Setting) -> int:
        return len(call.inputs)

    def cost(self, call: Call, setting: Setting) -> Cost:
        size = WORD * sum(form.size for form in call.input_forms)
        return Cost(rounds=(tuple(Cost.broadcast(setting, size)),), scratch=2 * size)

    def mask(self, instruction: Instruction, masks: Masks) -> None:
        call = instruction.call
        for number, form, id in zip(call.inputs, call.input_forms, instruction.ids, strict=True):
            masks.open(number, call, id, form.size, partial(np.reshape, shape=form.shape))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        masks = [party.mask_of(number).reshape(-1) for number in call.inputs]
        masked = [share.words.reshape(-1) + mask for share, mask in zip(values, masks, strict=True)]
        opened = party.join(call, masked[0] if len(masked) == 1 else np.concatenate(masked))
        start = 0
        for share, mask in zip(values, masks, strict=True):
            shape = share.words.shape
            share.opening = Opening(opened[start : start + mask.size].reshape(shape), mask.reshape(shape))
            start += mask.size
        return ()

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return ()


PROTOCOLS = (Open(),)
