"""Reveal to named parties, and shares that outlive the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.form import BitsForm, Form
from coterie.mpc.protocols import bits
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words, decode
from coterie.mpc.seeds import pair_label
from coterie.mpc.shares import Kept, Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Message, Setting
from coterie.wire import Mesh

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


def _wire_bytes(form: Form) -> int:
    """Of a share on its way: words, or packed bits."""
    return bits.packed_bytes(form.size) if isinstance(form, BitsForm) else form.size * WORD


def _covered(party: Party, call: Call, id: int, form: Form, share: Share) -> NDArray[Any]:
    """This party's share plus a share of zeros, flat, as it is sent."""
    if isinstance(form, BitsForm):
        return bits.pack(share.words) ^ bits.zero_share(party, call, id, form.size)
    covered: Words = share.words.reshape(-1) + zero_share(party, call, id, form.size)
    return covered


def _join(call: Call, form: Form, mesh: Mesh, senders: Sequence[str], total: NDArray[Any]) -> NDArray[Any]:
    """The value, of one's own covered share, or zeros, and those of the senders."""
    truths = isinstance(form, BitsForm)
    for sender in senders:
        theirs = mesh.to(sender).recv_array(call.tag, total.dtype, total.shape)
        total = total ^ theirs if truths else total + theirs
    return _read(form, bits.unpack(total, form.shape) if truths else total.reshape(form.shape))


def _read(form: Form, value: NDArray[Any]) -> NDArray[Any]:
    """As receivers get it: numbers, or booleans."""
    read: NDArray[Any] = value.astype(np.bool_) if isinstance(form, BitsForm) else decode(value, form.frac)
    return read


class Reveal(Protocol):
    """Every party sends its covered share to the receivers."""

    kind = "reveal"
    takes = (Form, BitsForm)
    statement = ProtocolStatement(
        protocol="reveal",
        rounds="1",
        sent="8 bytes for each number, 1 bit for each truth value, from each compute party to each receiver",
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
        size = _wire_bytes(call.input_forms[0])
        messages = tuple(
            Message(source, target, size) for target in call.params["to"] for source in setting.others(target)
        )
        return Cost(rounds=(messages,), scratch=2 * size)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, form = instruction.call, instruction.call.input_forms[0]
        covered = _covered(party, call, instruction.ids[0], form, values[0])
        for target in call.params["to"]:
            if target != party.me:
                party.mesh.to(target).send_array(call.tag, covered)
        if party.me in call.params["to"]:
            result = _join(call, form, party.mesh, party.others, covered)
            party.outputs.revealed[call.params["name"]] = result
        return ()

    def visit(self, instruction: Instruction, guest: Guest) -> None:
        call, form = instruction.call, instruction.call.input_forms[0]
        if guest.me not in call.params["to"]:
            return
        none = np.zeros(_wire_bytes(form), np.uint8).view(
            np.uint8 if isinstance(form, BitsForm) else np.uint64
        )
        guest.outputs.revealed[call.params["name"]] = _join(call, form, guest.mesh, guest.others, none)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Words]:
        twin.outputs.revealed[call.params["name"]] = _read(call.input_forms[0], values[0])
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Floats]:
        truths = isinstance(call.input_forms[0], BitsForm)
        twin.outputs.revealed[call.params["name"]] = values[0].astype(np.bool_) if truths else values[0]
        return ()


class Keep(Protocol):
    """Every party keeps its share, covered by a zero-sharing so that it is random on its own. Local."""

    kind = "keep"
    takes = (Form, BitsForm)

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return ()

    def ids(self, call: Call, setting: Setting) -> int:
        return 1

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, form = instruction.call, instruction.call.input_forms[0]
        covered = _covered(party, call, instruction.ids[0], form, values[0])
        if isinstance(form, BitsForm):
            covered = bits.unpack(covered, form.shape)
        party.outputs.kept[call.params["name"]] = Kept(covered.reshape(form.shape), form.frac, form.range)
        return ()

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Words]:
        twin.outputs.kept[call.params["name"]] = _read(call.input_forms[0], values[0])
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Floats]:
        truths = isinstance(call.input_forms[0], BitsForm)
        twin.outputs.kept[call.params["name"]] = values[0].astype(np.bool_) if truths else values[0]
        return ()


PROTOCOLS = (Reveal(), Keep())
