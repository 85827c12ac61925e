"""The faces of a protocol: what it makes of forms, what it costs, and what dealer, party and twin do.

A protocol is a class without state. Its methods are called with the :class:`~coterie.mpc.tape.Call` at hand
and the values that its interpreter keeps: a :class:`~coterie.mpc.party.Share` at a party, a plain array at a
twin, nothing at the tracer. How to add one: CONTRIBUTING.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from coterie.mpc.form import Form, PrivateForm
from coterie.mpc.ring import Floats, Words
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.ahead import Masks
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.guest import Guest
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

Params: TypeAlias = dict[str, Any]
Forms: TypeAlias = tuple[Form, ...]


class Protocol(ABC):
    """One kind of operation."""

    kind: ClassVar[str]
    takes: ClassVar[tuple[type[Form], ...]] = (Form, PrivateForm)
    """What kinds of arrays go in: truth values only where they are named."""
    discloses: ClassVar[str] = ""
    """What one bit it shows to all compute parties, for the plan. Reveals are listed by their own names."""
    keeps_opening: ClassVar[bool] = False
    """Whether the output of opened inputs counts as opened: true of mere views."""
    statement: ClassVar[ProtocolStatement | None] = None
    """None for what is local: it sends nothing and shows nothing."""

    @abstractmethod
    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        """The forms of the outputs. Raises ValueError for inputs that do not fit."""

    def ids(self, call: Call, setting: Setting) -> int:
        """How many ids of masks and correlations one execution uses."""
        return 0

    def cost(self, call: Call, setting: Setting) -> Cost:
        """Exactly the messages that one execution sends."""
        return Cost()

    def mask(self, instruction: Instruction, masks: Masks) -> None:
        """Say which arrays it opens or gives a view of. The tape alone tells: it may be long before the
        operation's turn."""
        del instruction, masks

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        """The dealer's side, in turn: send corrections."""
        del instruction, dealer

    @abstractmethod
    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        """A compute party's side."""

    def visit(self, instruction: Instruction, guest: Guest) -> None:
        """A guest's side: give its input, get its result. Most operations are none of its business."""
        del instruction, guest

    @abstractmethod
    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        """The same in exact fixed point, on one machine that sees everything."""

    @abstractmethod
    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        """The same in float64: what the protocol approximates."""
