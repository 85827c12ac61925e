"""What goes into a program: own plaintext, kept shares, constants.

A private input of party K is masked once: the mask is known to K (and the dealer) alone, K publishes m = x +
mask, and keeps x in the clear. It is never sent again, however often it is multiplied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.form import Form, PrivateForm
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words, decode
from coterie.mpc.shares import Held, Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Message, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

CHUNK = 1 << 20
"""Words of a masked input in one message."""


class PrivateInput(Protocol):
    """A party's plaintext. Nothing happens to it until it is needed."""

    kind = "private"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if params["owner"] not in parties:
            raise ValueError(f"{params['owner']!r} is not a compute party")
        return (
            PrivateForm(
                tuple(params["shape"]),
                params["frac"],
                params["bound"],
                owner=params["owner"],
                row_sum=params["row_sum"],
                column_sum=params["column_sum"],
            ),
        )

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        params = instruction.call.params
        return [Held(own=party.input(params["name"]) if params["owner"] == party.me else None)]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [twin.input(call)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [twin.input(call)]


class Masking(Protocol):
    """Owners publish masked forms of private inputs, all in one round, in chunks."""

    kind = "mask"
    statement = ProtocolStatement(
        protocol="masked input",
        rounds="1",
        sent="8 bytes for each element, from its owner to each other compute party, once",
        dealt="0",
        learns="Nothing: what is received is uniformly random to those who lack the mask: all but the owner.",
        source="Beaver (1991), one-sided",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return ()

    def ids(self, call: Call, setting: Setting) -> int:
        return len(call.inputs)

    def cost(self, call: Call, setting: Setting) -> Cost:
        messages = tuple(
            Message(form.owner, other, form.size * WORD)
            for form in _private(call)
            for other in setting.others(form.owner)
        )
        # What is sent waits until the peer, who is sending too, takes it.
        return Cost(rounds=(messages,), scratch=WORD * max(form.size for form in _private(call)))

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call = instruction.call
        for number, form, id in zip(call.inputs, _private(call), instruction.ids, strict=True):
            dealer.own(number, form, call, id)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        work = list(zip(values, call.inputs, _private(call), instruction.ids, strict=True))
        for held, number, form, id in work:
            if form.owner == party.me:
                self._publish(party, call, held, number, id)
        for held, number, form, _ in work:
            if form.owner != party.me:
                held.masked = self._receive(party, call, form, number)
        return ()

    @staticmethod
    def _publish(party: Party, call: Call, held: Held, number: int, id: int) -> None:
        assert held.own is not None
        flat = held.own.reshape(-1)
        for part, start, stop in _chunks(flat.size):
            use = f"{call.tag} mask of {number}"
            masked = party.book.part(party.me, id, flat.size, start, stop - start, use)
            masked.view(np.int64)[:] += (
                flat[start:stop].view(np.int64) if flat.dtype == np.uint64 else flat[start:stop]
            )
            for other in party.others:
                party.mesh.to(other).send_array(f"{call.tag}/{number}/{part}", masked)

    @staticmethod
    def _receive(party: Party, call: Call, form: PrivateForm, number: int) -> Words:
        masked = np.empty(form.size, dtype=np.uint64)
        channel = party.mesh.to(form.owner)
        for part, start, stop in _chunks(form.size):
            tag = f"{call.tag}/{number}/{part}"
            masked[start:stop] = channel.recv_array(tag, np.uint64, (stop - start,))
        return masked.reshape(form.shape)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return ()


def _private(call: Call) -> list[PrivateForm]:
    return [form for form in call.input_forms if isinstance(form, PrivateForm)]


def _chunks(size: int) -> Iterator[tuple[int, int, int]]:
    for part, start in enumerate(range(0, size, CHUNK)):
        yield part, start, min(start + CHUNK, size)


class SharedInput(Protocol):
    """Shares that an earlier run kept."""

    kind = "shared"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return (Form(tuple(params["shape"]), params["frac"], params["bound"]),)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        return [Share(party.input(instruction.call.params["name"]))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [twin.input(call)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [twin.input(call)]


class Zeros(Protocol):
    """Shares of zero that are zero each: only to build on."""

    kind = "zeros"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return (Form(tuple(params["shape"]), params["frac"], 0.0),)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        return [Share(np.zeros(instruction.call.output_forms[0].shape, np.uint64))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [np.zeros(call.output_forms[0].shape, np.uint64)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [np.zeros(call.output_forms[0].shape)]


class PublicConstant(Protocol):
    """A public array as the first party's share."""

    kind = "public"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return (Form(tuple(params["shape"]), params["frac"], params["bound"]),)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        constant = instruction.call.constant
        assert constant is not None
        return [Share(constant if party.is_first else np.zeros_like(constant))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        assert call.constant is not None
        return [call.constant]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        assert call.constant is not None
        return [decode(call.constant, call.output_forms[0].frac)]


PROTOCOLS = (PrivateInput(), Masking(), SharedInput(), Zeros(), PublicConstant())
