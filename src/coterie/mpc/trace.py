"""The tracer: runs a program over forms alone and writes the tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coterie.mpc.context import Context, Program
from coterie.mpc.errors import BAD_PROGRAM, BAD_ROLES
from coterie.mpc.form import Form, PrivateForm
from coterie.mpc.protocols import Protocol
from coterie.mpc.seeds import agreement
from coterie.mpc.tape import (
    KEEP,
    WORD,
    Call,
    Cost,
    Disclosure,
    Instruction,
    Setting,
    Tape,
    count_bytes,
    count_rounds,
    last_uses,
)


def trace(program: Program, parties: Sequence[str], dealer: str, guests: Sequence[str] = ()) -> Tape:
    """Write the tape of ``program``.

    :param parties: compute parties, two to five, in the agreement's order.
    :param dealer: who deals; not one of them.
    :param guests: who gives inputs or gets results and does not compute. The dealer may be one of them; see
        docs/protocols.md for what that assumes.

    Errors: CT-2101 (values could overflow; the operation and section are named), CT-2106, CT-2109 (roles).
    """
    tracer = _Tracer(Setting(tuple(parties), dealer, tuple(guests)))
    program(tracer)
    tracer.finish()
    return tracer.tape()


class _Tracer(Context):
    def __init__(self, setting: Setting) -> None:
        super().__init__(setting.parties)
        self._setting = setting
        self._instructions: list[Instruction] = []
        self._costs: list[Cost] = []
        self._next_id = 1
        self._used: set[int] = set()
        self._disclosures: list[Disclosure] = []

    def _interpret(self, protocol: Protocol, call: Call, values: list[Any]) -> Sequence[Any]:
        del values
        count = protocol.ids(call, self._setting)
        ids = range(self._next_id, self._next_id + count)
        if not self._used.isdisjoint(ids):
            raise BAD_PROGRAM(f"{call.describe()}: an id of a random stream would be used twice")
        self._used.update(ids)
        self._next_id += count
        self._instructions.append(Instruction(call, ids))
        cost = protocol.cost(call, self._setting)
        self._check_roles(call, cost)
        self._costs.append(cost)
        if call.kind == "reveal":
            size = call.input_forms[0].size
            self._disclosures.append(Disclosure(call.params["name"], tuple(call.params["to"]), size))
        if call.kind == "check":
            self._disclosures.append(Disclosure("whether every value was in range", self.parties, 1))
        return [None] * len(call.outputs)

    def _check_roles(self, call: Call, cost: Cost) -> None:
        """Guests give inputs and get reveals, the dealer deals, and nobody else is there.

        Raises CT-2109: so no program can show the dealer an opening, or a stranger anything.
        """
        setting, kind = self._setting, call.kind
        senders = {*setting.parties, *(setting.guests if kind == "provided" else (setting.dealer,))}
        receivers = {*setting.parties, *(setting.guests if kind == "reveal" else ())}
        for message in (message for messages in cost.rounds for message in messages):
            if message.source not in senders:
                raise BAD_ROLES(f"{call.describe()}: {message.source!r} would give an input and is no guest")
            if message.target not in receivers:
                raise BAD_ROLES(f"{call.describe()}: {message.target!r} would get a value and is no guest")

    def tape(self) -> Tape:
        setting = self._setting
        rounds = [agreement(setting)]
        for cost in self._costs:
            rounds.extend(cost.rounds)
        sent: dict[str, dict[str, int]] = {}
        count_bytes(sent, rounds)
        depths = dict.fromkeys(setting.everyone, 0)
        count_rounds(depths, rounds)
        party_work = sum(cost.party_work for cost in self._costs)
        work = dict.fromkeys(setting.everyone, 0) | dict.fromkeys(setting.parties, party_work)
        work[setting.dealer] = sum(cost.dealer_work for cost in self._costs)
        return Tape(
            setting=setting,
            instructions=tuple(self._instructions),
            sent=sent,
            rounds=depths,
            disclosures=tuple(self._disclosures),
            memory=_memory(setting, self._instructions, self._costs),
            multiplications=work,
        )


def _memory(setting: Setting, instructions: Sequence[Instruction], costs: Sequence[Cost]) -> int:
    """The largest need of a participant: at a compute party private arrays, live shares and openings, and one
    temporary; at the dealer the masks of private arrays, as far as it keeps them, and the same temporary."""
    last = last_uses(instructions)
    live: dict[int, int] = {}
    held = dict.fromkeys(setting.parties, 0)
    peak = masks = 0
    for instruction, cost in zip(instructions, costs, strict=True):
        call = instruction.call
        for number, form in zip(call.outputs, call.output_forms, strict=True):
            if isinstance(form, PrivateForm):
                held[form.owner] += form.size * (WORD // 2 if form.narrow else WORD)
            else:
                live[number] = form.size * WORD
        if call.kind == "open":
            for number, form in zip(call.inputs, call.input_forms, strict=True):
                live[number] = live.get(number, 0) + 2 * form.size * WORD
        if call.kind == "mask":
            for form in call.input_forms:
                masks += form.size * WORD
                for party in setting.others(_owner(form)):
                    held[party] += form.size * WORD
        at_party, at_dealer = max(held.values()) + sum(live.values()), min(masks, KEEP)
        peak = max(peak, max(at_party, at_dealer) + cost.scratch)
        for number in (*call.inputs, *call.outputs):
            if last[number] == call.index:
                live.pop(number, None)
    return peak


def _owner(form: Form) -> str:
    assert isinstance(form, PrivateForm)
    return form.owner
