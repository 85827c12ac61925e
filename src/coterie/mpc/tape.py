"""The tape: everything a program will do, written down before any data is touched.

It is derived from public facts alone, equal at all participants, and hashable. The plan is made of it, the
dealer walks it, and every party checks its own program against it while it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import canonical, digest
from coterie.mpc.errors import BAD_ROLES
from coterie.mpc.form import Form

if TYPE_CHECKING:
    from coterie.mpc.network import Network

VERSION = 1
WORD = 8
"""Bytes of a ring element."""

MOST_PARTIES = 5
"""Compute parties: messages grow with the square of their number, and every operation is tested up to it."""

KEEP = 256 * 1024 * 1024
"""Bytes of masks of private inputs that a dealer keeps; larger ones are expanded again for each product."""


Correlations = Literal["stream", "tape"]
"""How what is dealt comes to the parties: while they run, from a dealer who takes part; or before, in tape
files."""


@dataclass(frozen=True)
class Setting:
    """Who computes, who deals, and who only gives or gets. Roles as in ISO/IEC 4922-1.

    Errors: CT-2109 for fewer than two compute parties or more than five, a dealer that computes, and names
    that stand in two places.
    """

    parties: tuple[str, ...]
    """Compute parties in the agreement's order. The first adds public terms, the last receives what is
    dealt."""
    dealer: str
    guests: tuple[str, ...] = ()
    """Input parties and result parties that do not compute. The dealer is one of them only where it is named
    here too."""
    correlations: Correlations = "stream"
    network: Network | None = None
    """What protocols are chosen by; None where nothing is known."""

    def __post_init__(self) -> None:
        if not 2 <= len(self.parties) <= MOST_PARTIES:
            raise BAD_ROLES(f"{len(self.parties)} compute parties")
        if not self.dealer:
            raise BAD_ROLES("no dealer")
        if self.dealer in self.parties:
            raise BAD_ROLES(f"{self.dealer} would compute and deal", party=self.dealer)
        for group in (self.parties, self.guests):
            if len(set(group)) != len(group):
                raise BAD_ROLES(f"a name stands twice in {', '.join(group)}")
        for name in (*self.parties, self.dealer, *self.guests):
            if not name or "/" in name:  # it would be the label of a seed that others share
                raise BAD_ROLES(f"{name!r} is no name of a party")
        if both := set(self.guests) & set(self.parties):
            raise BAD_ROLES(f"{', '.join(sorted(both))} would compute and be a guest")

    @property
    def first(self) -> str:
        return self.parties[0]

    @property
    def last(self) -> str:
        return self.parties[-1]

    @property
    def everyone(self) -> tuple[str, ...]:
        """All participants of a run, each once. The dealer of tape files is none."""
        dealer = (self.dealer,) if self.correlations == "stream" else ()
        return tuple(dict.fromkeys((*self.parties, *dealer, *self.guests)))

    def others(self, party: str) -> tuple[str, ...]:
        """The compute parties but this one; all of them for who does not compute."""
        return tuple(other for other in self.parties if other != party)


@dataclass(frozen=True)
class Message:
    """One planned transfer."""

    source: str
    target: str
    size: int
    """Payload bytes."""
    dealt: bool = False
    """Whether it is a correction of the dealer's: in a file where there are tape files."""


Round = tuple[Message, ...]
"""Messages that are all sent before any of them is awaited."""


@dataclass(frozen=True)
class Cost:
    """What one operation costs."""

    rounds: tuple[Round, ...] = ()
    dealt: int = 0
    """Bytes from the dealer."""
    party_work: int = 0
    """Ring multiplications of the busiest compute party."""
    dealer_work: int = 0
    scratch: int = 0
    """Bytes of the largest temporary, beside inputs and outputs."""

    @staticmethod
    def broadcast(setting: Setting, size: int) -> Iterator[Message]:
        """Every compute party sends ``size`` bytes to every other."""
        for source in setting.parties:
            for target in setting.others(source):
                yield Message(source, target, size)

    @staticmethod
    def deal(setting: Setting, size: int, to: str | None = None) -> Message:
        """The correction of one party, the last where none is named."""
        return Message(setting.dealer, to or setting.last, size, dealt=True)


@dataclass(frozen=True)
class Call:
    """An operation as a program names it: what must be equal at all parties, in order."""

    index: int
    kind: str
    section: str
    """The program's own name for where it is, such as ``pass 3``."""
    inputs: tuple[int, ...]
    """Numbers of the values that go in."""
    outputs: tuple[int, ...]
    params: Mapping[str, Any]
    """Plain JSON values."""
    input_forms: tuple[Form, ...]
    output_forms: tuple[Form, ...]
    constant: NDArray[np.uint64] | None = field(default=None, compare=False, repr=False)
    """A public array; its digest is among the params."""

    @property
    def tag(self) -> str:
        """What its messages are labelled with: a peer at another operation is noticed by it."""
        return f"{self.index}/{self.kind}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "section": self.section,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "params": dict(self.params),
            "forms": [form.to_dict() for form in self.output_forms],
        }

    def describe(self) -> str:
        """For error messages."""
        shapes = ", ".join("x".join(map(str, form.shape)) or "scalar" for form in self.input_forms)
        where = f" in {self.section!r}" if self.section else ""
        return f"operation {self.index} ({self.kind} of {shapes or 'nothing'}){where}"


@dataclass(frozen=True)
class Instruction:
    """A call with the ids of its masks and correlations."""

    call: Call
    ids: range
    """Ids for PRG(seed, id). No two instructions share one."""

    def to_dict(self) -> dict[str, Any]:
        return self.call.to_dict() | {"ids": [self.ids.start, len(self.ids)]}


@dataclass(frozen=True)
class Disclosure:
    """One value that the program reveals."""

    name: str
    to: tuple[str, ...]
    values: int
    note: str = ""
    """What the program says of it, such as the noise that it carries."""


@dataclass(frozen=True)
class Tape:
    """All of a program."""

    setting: Setting
    instructions: tuple[Instruction, ...]
    sent: Mapping[str, Mapping[str, int]]
    """Payload bytes by sender, then receiver. Seed agreement included."""
    rounds: Mapping[str, int]
    """Length of the longest chain of messages that ends at each participant."""
    disclosures: tuple[Disclosure, ...]
    memory: int
    """Bytes, estimated: the largest need of any participant."""
    multiplications: Mapping[str, int]
    """In the ring, by participant: the same for all compute parties, as the busiest one needs."""
    corrections: Mapping[str, int]
    """Payload bytes of the dealer's corrections by compute party, streamed or in tape files."""
    disk: int = 0
    """Bytes: the largest that a participant puts on its disk meanwhile."""

    @property
    def dealt(self) -> int:
        """Bytes of all corrections."""
        return sum(self.corrections.values())

    @property
    def messages(self) -> int:
        """Bytes that all participants send."""
        return sum(size for targets in self.sent.values() for size in targets.values())

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "parties": list(self.setting.parties),
            "dealer": self.setting.dealer,
            "guests": list(self.setting.guests),
            "correlations": self.setting.correlations,
            "network": self.setting.network.to_dict() if self.setting.network else None,
            "instructions": [instruction.to_dict() for instruction in self.instructions],
            "sent": {source: dict(targets) for source, targets in self.sent.items()},
            "rounds": dict(self.rounds),
        }

    @property
    def choices(self) -> tuple[str, ...]:
        """Why protocols were taken where there are several for one operation, each reason once."""
        because = (instruction.call.params.get("because") for instruction in self.instructions)
        return tuple(dict.fromkeys(reason for reason in because if reason))

    @cached_property
    def digest(self) -> str:
        """Of the canonical form: equal tapes, equal digests."""
        return digest(canonical(self.to_dict()))


def last_uses(instructions: Iterable[Instruction]) -> dict[int, int]:
    """For each value the index of the last instruction that reads it, or makes it."""
    uses: dict[int, int] = {}
    for instruction in instructions:
        call = instruction.call
        for value in (*call.outputs, *call.inputs):
            uses[value] = call.index
    return uses


def count_rounds(depths: dict[str, int], rounds: Iterable[Round]) -> None:
    """Advance Lamport clocks: a message carries its sender's depth + 1 and lifts its receiver to that."""
    for messages in rounds:
        sent = [(message.target, depths[message.source] + 1) for message in messages]
        for target, depth in sent:
            depths[target] = max(depths[target], depth)


def count_bytes(sent: dict[str, dict[str, int]], rounds: Iterable[Round]) -> None:
    """Add up payload bytes by sender and receiver."""
    for messages in rounds:
        for message in messages:
            targets = sent.setdefault(message.source, {})
            targets[message.target] = targets.get(message.target, 0) + message.size
