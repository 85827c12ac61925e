"""What goes into a program: own plaintext, kept shares, constants.

A private input of party K is masked once: the mask is known to K (and the dealer) alone, K publishes m = x +
mask, and keeps x in the clear. It is never sent again, however often it is multiplied.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.form import BitsForm, Form, PrivateForm
from coterie.mpc.plaintext import encoded_form
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Floats, Words, decode
from coterie.mpc.shares import Held, Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.storage import Stored
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Message, Setting
from coterie.wire import WINDOW

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

CHUNK = 1 << 20
"""Words of a masked input in one message."""
AHEAD = 4
"""Chunks that an owner sends before it takes one of another: enough to keep a link with latency busy."""


class PrivateInput(Protocol):
    """A party's plaintext. Nothing happens to it until it is needed."""

    kind = "private"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if params["owner"] not in parties:
            raise ValueError(f"{params['owner']!r} is not a compute party")
        return (encoded_form(params),)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        params = instruction.call.params
        mine = params["owner"] == party.me
        return [Held(mine, party.input(params["name"]) if mine else None)]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [twin.input(call)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [twin.input(call)]


class Masking(Protocol):
    """Owners publish masked forms of private inputs, all in one round, in chunks."""

    kind = "mask"
    takes = (PrivateForm,)
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
        # What is sent waits until a peer takes it, as far as the links' window goes.
        scratch = min(WORD * max(form.size for form in _private(call)), WINDOW)
        return Cost(rounds=(messages,), scratch=scratch)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call = instruction.call
        for number, form, id in zip(call.inputs, _private(call), instruction.ids, strict=True):
            dealer.own(number, form, call, id)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        publish: list[Iterator[None]] = []
        receive: dict[str, list[Iterator[None]]] = {other: [] for other in party.others}
        for held, number, form, id in zip(values, call.inputs, _private(call), instruction.ids, strict=True):
            if form.owner == party.me:
                publish.append(self._publish(party, call, held, number, id))
            else:
                held.stored = party.storage.new(number)
                receive[form.owner].append(self._receive(party, call, held.stored, form.owner, number))
        with party.mesh.at_once():
            mine = itertools.chain(*publish)
            for _ in itertools.islice(mine, AHEAD):
                pass
            # In turn: two parties who publish more than fits the links would else have to queue it in memory.
            for _ in itertools.zip_longest(mine, *(itertools.chain(*parts) for parts in receive.values())):
                pass
        return ()

    @staticmethod
    def _publish(party: Party, call: Call, held: Held, number: int, id: int) -> Iterator[None]:
        """Send a chunk of one's own at each step."""
        assert held.stored is not None
        size, use = held.stored.size, f"{call.tag} mask of {number}"
        for part, start, stop in chunks(size):
            masked = party.book.part(party.me, id, size, start, stop - start, use)
            own = held.stored.read(start, stop)
            masked.view(np.int64)[:] += own.view(np.int64) if own.dtype == np.uint64 else own
            for other in party.others:
                party.mesh.to(other).send_array(f"{call.tag}/{number}/{part}", masked)
            yield

    @staticmethod
    def _receive(party: Party, call: Call, stored: Stored, owner: str, number: int) -> Iterator[None]:
        """Take a chunk of another's at each step."""
        channel = party.mesh.to(owner)
        for part, start, stop in chunks(stored.size):
            stored.write(start, channel.recv_array(f"{call.tag}/{number}/{part}", np.uint64, (stop - start,)))
            yield

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return ()


def _private(call: Call) -> list[PrivateForm]:
    return [form for form in call.input_forms if isinstance(form, PrivateForm)]


def chunks(size: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and stop of each message in which so many words go."""
    for part, start in enumerate(range(0, size, CHUNK)):
        yield part, start, min(start + CHUNK, size)


class SharedInput(Protocol):
    """Shares that an earlier run kept."""

    kind = "shared"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if params.get("truth"):
            return (BitsForm(tuple(params["shape"])),)
        return (Form(tuple(params["shape"]), params["frac"], Interval(*params["range"])),)

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
        return (Form(tuple(params["shape"]), params["frac"], Interval(0.0, 0.0)),)

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
        return (Form(tuple(params["shape"]), params["frac"], Interval(*params["range"])),)

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
