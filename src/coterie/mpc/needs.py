"""What a tape needs of its participants' machines: an estimate that the plan shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coterie.mpc.form import PrivateForm
from coterie.mpc.storage import BLOCK, HOLD, Place, places
from coterie.mpc.tape import KEEP, WORD, Cost, Instruction, Setting, last_uses


@dataclass(frozen=True)
class Needs:
    """The largest of any participant, in bytes."""

    memory: int
    """Beside the participant's own table."""
    disk: int
    """For private arrays that are beyond the budget of memory."""


def needs(
    setting: Setting, instructions: Sequence[Instruction], costs: Sequence[Cost], memory: int = HOLD
) -> Needs:
    """At a compute party: private arrays as far as memory holds them, blocks of the others, live shares and
    openings, and one temporary; at the dealer the masks of private arrays, as far as it keeps them, and the
    same temporary.

    :param memory: bytes of private arrays that each compute party holds in memory.
    """
    held = {party: _Held(places(instructions, party, memory)) for party in setting.parties}
    last = last_uses(instructions)
    live: dict[int, int] = {}
    peak = masks = 0
    for instruction, cost in zip(instructions, costs, strict=True):
        call = instruction.call
        for number, form in zip(call.outputs, call.output_forms, strict=True):
            if not isinstance(form, PrivateForm):
                live[number] = form.size * form.item_bytes
        opened = range(len(call.inputs)) if call.kind == "open" else call.params.get("closed", ())
        for place in opened:
            number, form = call.inputs[place], call.input_forms[place]
            live[number] = live.get(number, 0) + 2 * form.size * form.item_bytes
        if call.kind == "mask":
            masks += sum(form.size for form in call.input_forms) * WORD
            for party in held.values():
                party.mask(call.inputs)
        at_party = max(party.bytes for party in held.values()) + sum(live.values())
        peak = max(peak, max(at_party, min(masks, KEEP)) + cost.scratch)
        for number in (*call.inputs, *call.outputs):
            if last[number] == call.index:
                live.pop(number, None)
    return Needs(peak, max(party.disk for party in held.values()))


class _Held:
    """Private arrays at one party."""

    def __init__(self, found: Iterable[Place]) -> None:
        all_places = list(found)
        self.disk = sum(place.size for place in all_places if place.disk)
        here = [place for place in all_places if not place.disk]
        # A party's own arrays are encoded before its run begins.
        self.bytes = sum(place.size for place in here if place.own) + (2 * BLOCK if self.disk else 0)
        self._coming = {place.number: place.size for place in here if not place.own}

    def mask(self, numbers: Iterable[int]) -> None:
        """Masked forms of these arrays come."""
        for number in numbers:
            self.bytes += self._coming.pop(number, 0)
