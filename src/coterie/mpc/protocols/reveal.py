"""Reveal to named parties, and shares that outlive the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words, decode
from coterie.mpc.seeds import pair_label
from coterie.mpc.shares import Kept
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Message, Setting

if TYPE_CHECKING:
    from coterie.mpc.guest import Guest
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


def zero_share(party: Party, call: Call, id: int, n: int) -> Words:
    """This party's share of zero, from the seeds that it has with each other party.

    Shares of inputs and of local results are not uniform on their own: without it a receiver could learn more
    from the single shares than from their sum. Each pair's stream is unknown to every third party, the
    receiver included.
    """
    total = np.zeros(n, np.uint64)
    place = party.parties.index(party.me)
    for other in party.others:
        stream = party.book.words(pair_label(party.me, other), id, n, f"{call.tag} zero sharing")
        if place < party.parties.index(other):
            total += stream
        else:
            total -= stream
    return total


class Reveal(Protocol):
    """Every party sends its covered share to the receivers."""

    kind = "reveal"
    statement = ProtocolStatement(
        protocol="reveal",
        rounds="1",
        sent="8 bytes for each element, from each compute party to each receiver",
        dealt="0",
        learns="The receivers learn the value, everybody else nothing.",
        source="pseudorandom zero-sharing: Cramer, Damgård, Ishai (2005)",
        helper=None,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        to = params["to"]
        if not to or len(set(to)) != len(to):
            raise ValueError(f"cannot reveal to {', '.join(to) or 'nobody'}")
        return ()

    def ids(self, call: Call, setting: Setting) -> int:
        return 1

    def cost(self, call: Call, setting: Setting) -> Cost:
        size = call.input_forms[0].size * WORD
        messages = tuple(
            Message(source, target, size) for target in call.params["to"] for source in setting.others(target)
        )
        return Cost(rounds=(messages,), scratch=2 * size)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, form = instruction.call, instruction.call.input_forms[0]
        covered = values[0].words.reshape(-1) + zero_share(party, call, instruction.ids[0], form.size)
        to = call.params["to"]
        for target in to:
            if target != party.me:
                party.mesh.to(target).send_array(call.tag, covered)
        if party.me in to:
            total = covered
            for other in party.others:
                total = total + party.mesh.to(other).recv_array(call.tag, np.uint64, (form.size,))
            party.outputs.revealed[call.params["name"]] = decode(total, form.frac).reshape(form.shape)
        return ()

    def visit(self, instruction: Instruction, guest: Guest) -> None:
        call, form = instruction.call, instruction.call.input_forms[0]
        if guest.me not in call.params["to"]:
            return
        total = np.zeros(form.size, np.uint64)
        for party in guest.others:
            total += guest.mesh.to(party).recv_array(call.tag, np.uint64, (form.size,))
        guest.outputs.revealed[call.params["name"]] = decode(total, form.frac).reshape(form.shape)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        twin.outputs.revealed[call.params["name"]] = decode(values[0], call.input_forms[0].frac)
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        twin.outputs.revealed[call.params["name"]] = values[0]
        return ()


class Keep(Protocol):
    """Every party keeps its share, covered by a zero-sharing so that it is random on its own. Local."""

    kind = "keep"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return ()

    def ids(self, call: Call, setting: Setting) -> int:
        return 1

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, form = instruction.call, instruction.call.input_forms[0]
        zeros = zero_share(party, call, instruction.ids[0], form.size).reshape(form.shape)
        party.outputs.kept[call.params["name"]] = Kept(values[0].words + zeros, form.frac, form.range)
        return ()

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        twin.outputs.kept[call.params["name"]] = decode(values[0], call.input_forms[0].frac)
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        twin.outputs.kept[call.params["name"]] = values[0]
        return ()


PROTOCOLS = (Reveal(), Keep())
