"""The tracer: runs a program over forms alone and writes the tape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from coterie.mpc.context import Context, Program
from coterie.mpc.errors import BAD_PROGRAM, BAD_ROLES
from coterie.mpc.needs import needs
from coterie.mpc.network import Network
from coterie.mpc.protocols import Protocol
from coterie.mpc.seeds import agreement
from coterie.mpc.tape import (
    Call,
    Correlations,
    Cost,
    Disclosure,
    Instruction,
    Round,
    Setting,
    Tape,
    count_bytes,
    count_rounds,
)


def trace(
    program: Program,
    parties: Sequence[str],
    dealer: str,
    guests: Sequence[str] = (),
    correlations: Correlations = "stream",
    network: Network | None = None,
    after: Mapping[str, int] | None = None,
) -> Tape:
    """Write the tape of ``program``.

    :param parties: compute parties, two to five, in the agreement's order.
    :param dealer: who deals; not one of them.
    :param guests: who gives inputs or gets results and does not compute. The dealer may be one of them; see
        docs/protocols.md for what that assumes.
    :param correlations: "tape" where the dealer's part is in tape files, dealt before: the plan is then that
        of a run without a dealer.
    :param network: what protocols are chosen by, where there are several for one operation; a local network
        where nothing is said.
    :param after: rounds that came before in the same step, by participant: the tape's count goes on from
        there.

    Errors: CT-2101 (values could overflow; the operation and section are named), CT-2106, CT-2109 (roles).
    """
    tracer = _Tracer(Setting(tuple(parties), dealer, tuple(guests), correlations, network))
    program(tracer)
    tracer.finish()
    return tracer.tape(after or {})


_DRAWN = frozenset({"noise", "random_integers", "random_bits"})
"""Kinds of operations whose result the dealer knows."""


class _Tracer(Context):
    def __init__(self, setting: Setting) -> None:
        super().__init__(setting.parties, setting.network)
        self._setting = setting
        self._instructions: list[Instruction] = []
        self._costs: list[Cost] = []
        self._next_id = 1
        self._used: set[int] = set()
        self._disclosures: list[Disclosure] = []
        self._drawn = False
        """Whether the dealer has drawn a value of the program."""

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
        self._drawn = self._drawn or (call.kind in _DRAWN and call.params.get("by") != "parties")
        if call.kind == "reveal":
            self._check_cover(call)
            size, note = call.input_forms[0].size, call.params.get("note", "")
            self._disclosures.append(Disclosure(call.params["name"], tuple(call.params["to"]), size, note))
        if protocol.discloses:
            self._disclosures.append(Disclosure(protocol.discloses, self.parties, 1))
        return [None] * len(call.outputs)

    def _check_cover(self, call: Call) -> None:
        """A dealer who gets a value must not know the noise that covers it.

        Which values carry what was drawn is not followed: after such a draw the dealer gets nothing. Raises
        CT-2109.
        """
        dealer = self._setting.dealer
        if self._drawn and dealer in call.params["to"]:
            raise BAD_ROLES(
                f"{call.describe()}: {dealer} would get a value of a program whose random numbers it has "
                'drawn; let noise be drawn by="parties"',
                party=dealer,
            )

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

    def tape(self, after: Mapping[str, int]) -> Tape:
        setting = self._setting
        rounds = [agreement(setting)]
        corrections = dict.fromkeys(setting.parties, 0)
        for message in (message for cost in self._costs for part in cost.rounds for message in part):
            if message.dealt:
                corrections[message.target] += message.size
        for cost in self._costs:
            rounds.extend(cost.rounds if setting.correlations == "stream" else _undealt(cost.rounds))
        sent: dict[str, dict[str, int]] = {}
        count_bytes(sent, rounds)
        depths = {name: after.get(name, 0) for name in setting.everyone}
        count_rounds(depths, rounds)
        party_work = sum(cost.party_work for cost in self._costs)
        work = dict.fromkeys(setting.everyone, 0) | dict.fromkeys(setting.parties, party_work)
        if setting.correlations == "stream":
            work[setting.dealer] = sum(cost.dealer_work for cost in self._costs)
        need = needs(setting, self._instructions, self._costs)
        return Tape(
            setting=setting,
            instructions=tuple(self._instructions),
            sent=sent,
            rounds=depths,
            disclosures=tuple(self._disclosures),
            memory=need.memory,
            disk=need.disk,
            multiplications=work,
            corrections=corrections,
        )


def _undealt(rounds: Iterable[Round]) -> Iterator[Round]:
    """Without the messages that are in files."""
    for messages in rounds:
        yield tuple(message for message in messages if not message.dealt)
