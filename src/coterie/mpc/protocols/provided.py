"""Inputs of parties that do not compute: shared by their owner among those who do.

The owner G and each compute party Pᵢ share a seed. All but the first take PRG(seed, id) for their share, and
G sends the first what is missing: x − Σ PRG(seedᵢ, id), uniform to all who lack one of these seeds. The first
is chosen because what is dealt goes to the last.

A compute party that provides an input takes the plaintext for its share, and the others take zeros: its
openings are masked and its reveals covered like those of any share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.form import Form
from coterie.mpc.plaintext import encoded_form
from coterie.mpc.protocols.inputs import chunks
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words, as_words
from coterie.mpc.seeds import pair_label
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Message, Setting

if TYPE_CHECKING:
    from coterie.mpc.guest import Guest
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


class ProvidedInput(Protocol):
    """An input party's plaintext, as shares."""

    kind = "provided"
    statement = ProtocolStatement(
        protocol="shared input",
        rounds="1",
        sent="8 bytes for each element, from an owner that does not compute to the first compute party, once",
        dealt="0",
        learns="Nothing: all but one of the compute parties together hold uniformly random numbers.",
        source="additive secret sharing with pseudorandom shares: Cramer, Damgård, Ishai (2005)",
        helper=None,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        plain = encoded_form(params)
        return (Form(plain.shape, plain.frac, plain.range),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 1

    def cost(self, call: Call, setting: Setting) -> Cost:
        owner, form = call.params["owner"], call.output_forms[0]
        if owner in setting.parties:
            return Cost()
        sent = Message(owner, setting.first, form.size * WORD)
        return Cost(rounds=((sent,),), scratch=form.size * WORD)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, id = instruction.call, instruction.ids[0]
        owner, form = call.params["owner"], call.output_forms[0]
        if owner == party.me:
            return [Share(as_words(party.input(call.params["name"])))]
        if owner in party.parties:
            return [Share(np.zeros(form.shape, np.uint64))]
        if party.is_first:
            words = np.empty(form.size, np.uint64)
            channel = party.mesh.to(owner)
            for part, start, stop in chunks(form.size):
                words[start:stop] = channel.recv_array(f"{call.tag}/{part}", np.uint64, (stop - start,))
        else:
            words = party.book.words(pair_label(owner, party.me), id, form.size, f"{call.tag} share")
        return [Share(words.reshape(form.shape))]

    def visit(self, instruction: Instruction, guest: Guest) -> None:
        call, id = instruction.call, instruction.ids[0]
        if call.params["owner"] != guest.me:
            return
        flat = guest.input(call.params["name"]).reshape(-1)
        channel = guest.mesh.to(guest.setting.first)
        for part, start, stop in chunks(flat.size):
            rest = flat[start:stop].astype(np.int64).view(np.uint64)
            for party in guest.setting.parties[1:]:
                label, use = pair_label(guest.me, party), f"{call.tag} share"
                rest -= guest.book.part(label, id, flat.size, start, stop - start, use)
            channel.send_array(f"{call.tag}/{part}", rest)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [twin.input(call)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [twin.input(call)]


PROTOCOLS = (ProvidedInput(),)
