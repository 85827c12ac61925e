"""Permutations of rows that some or all compute parties do not know.

*One party permutes.* K knows a permutation π. Each other party Pᵢ sends K its share, covered: xᵢ + aᵢ, and
takes −bᵢ for its share of the result; both streams are of the seed that it shares with the dealer. K adds its
own share to what comes, permutes the sum, and adds Σ bᵢ − π(Σ aᵢ), which the dealer sends it. One round. What
K receives is uniformly random to it, and to it with all but one of the others.

The dealer must know π for that. So π is drawn from the seed that it shares with K. Where K has a permutation
of its own, say τ, all apply another one ρ to the result, which K publishes in the same round: the one that
makes τ of π. As π is uniformly random and unknown to the others, so is ρ, whatever τ is.

*Shuffle.* Each party permutes in turn, by random permutations: the composition is unknown and uniformly
random to all but all together.

*By a secret permutation* σ, shares of places. Shuffle σ, with its elements as the values, and open it: places
p. They are σ after a uniformly random permutation that nobody knows, hence uniformly random, and say nothing
of σ. For y[σ[i]] = x[i], shuffle x along with σ: then y[p[j]] = x[j]. For y[i] = x[σ[i]], take u[j] =
x[p[j]]: that is y in the order of the shuffle, which all parties now undo, the last one first, by the inverse
permutations and with fresh streams.

All permutations are arrays of places, and to permute by p is to take x[p].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.errors import PERMUTATION_SENT
from coterie.mpc.form import BitsForm, Form, PrivateForm, ShapeError
from coterie.mpc.protocols.packing import pack_low, packed_size, unpack_low
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words, as_words
from coterie.mpc.seeds import SeedBook
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Message, Round, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

Places = NDArray[np.int64]

SOURCE = "after Chase, Ghosh, Poburinnaya (2020), with dealt streams"
_COVERED = "What the party that permutes receives is uniformly random to it."


def draw(book: SeedBook, label: str, id: int, n: int, use: str) -> Places:
    """A uniformly random permutation, from 128 bits for each place: two of them are equal, which would favour
    one order, with probability n² / 2^129."""
    keys = book.part(label, id, 2 * n, 0, n, use)
    order = np.argsort(keys)
    ordered = keys[order]
    if (ordered[1:] == ordered[:-1]).any():
        order = np.lexsort((book.part(label, id, 2 * n, n, n, use), keys))
    return order.astype(np.int64, copy=False)


def inverse(places: Places) -> Places:
    """The places p for which x[places][p] is x."""
    result = np.empty_like(places)
    result[places] = np.arange(places.size)
    return result


class Rows:
    """The arrays of a call that are permuted together, side by side: one row for each place."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._forms = forms
        self.length = forms[0].shape[0]
        self._widths = [math.prod(form.shape[1:]) for form in forms]
        self.width = sum(self._widths)

    @property
    def size(self) -> int:
        return self.length * self.width

    def join(self, shares: Sequence[Share]) -> Words:
        flat = [share.words.reshape(self.length, -1) for share in shares]
        return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)

    def split(self, rows: Words) -> list[Share]:
        parts = np.split(rows, np.cumsum(self._widths)[:-1], axis=1)
        return [
            Share(np.ascontiguousarray(part).reshape(len(rows), *form.shape[1:]))
            for part, form in zip(parts, self._forms, strict=True)
        ]


def check(forms: Forms) -> None:
    """Raises where these cannot be permuted together."""
    if not forms or any(isinstance(form, BitsForm | PrivateForm) for form in forms):
        raise ValueError("secret numbers are permuted")
    if any(not form.shape or form.shape[0] != forms[0].shape[0] for form in forms):
        raise ShapeError("arrays that are permuted together have one length along the first axis")


class Pass:
    """One party permutes ``size`` words: its messages and the parts of both sides."""

    def __init__(self, call: Call, owner: str, ids: Sequence[int], part: str) -> None:
        self._call, self.owner, self._part = call, owner, part
        self._covers, self._results = ids

    @staticmethod
    def round(setting: Setting, owner: str, size: int) -> Round:
        sent = (Message(other, owner, WORD * size) for other in setting.others(owner))
        return (*sent, Cost.deal(setting, WORD * size, owner))

    def deal(self, dealer: Dealer, order: Places, width: int) -> None:
        others, size = dealer.setting.others(self.owner), order.size * width
        covers = dealer.book.sum(others, self._covers, size, f"{self._call.tag} cover{self._part}")
        results = dealer.book.sum(others, self._results, size, f"{self._call.tag} result{self._part}")
        results -= covers.reshape(order.size, width)[order].reshape(-1)
        dealer.send_raw(self._call, results, self._part, self.owner)

    def give(self, party: Party, rows: Words) -> Words:
        """Not as the owner: send this share away; the new one."""
        tag, me = self._call.tag, party.me
        covered = rows.reshape(-1) + party.book.words(me, self._covers, rows.size, f"{tag} cover{self._part}")
        party.mesh.to(self.owner).send_array(tag + self._part, covered)
        result = party.book.words(me, self._results, rows.size, f"{tag} result{self._part}")
        return np.negative(result.view(np.int64)).view(np.uint64).reshape(rows.shape)

    def take(self, party: Party, rows: Words) -> tuple[Words, Words]:
        """As the owner: the covered whole, not permuted yet, and the dealer's correction."""
        total = rows.reshape(-1)
        for other in party.others:
            tag = self._call.tag + self._part
            total = total + party.mesh.to(other).recv_array(tag, np.uint64, (rows.size,))
        correction = party.correction(self._call, np.uint64, (rows.size,), self._part)
        return total.reshape(rows.shape), correction.reshape(rows.shape)

    def run(self, party: Party, rows: Words, order: Places | None) -> Words:
        """The new share. ``order`` is the owner's."""
        if order is None:
            return self.give(party, rows)
        total, correction = self.take(party, rows)
        return np.add(total[order], correction)


class Passes:
    """Every party permutes in turn, by a random permutation of its own."""

    def __init__(self, call: Call, length: int, ids: Sequence[int]) -> None:
        self._call, self._length, self._ids = call, length, ids

    def order(self, book: SeedBook, party: str, place: int) -> Places:
        use = f"{self._call.tag} permutation/{place}"
        return draw(book, party, self._ids[place], self._length, use)

    def deal(self, dealer: Dealer, width: int, ids: Sequence[int], *, undo: bool = False) -> None:
        for place, party in self._turns(dealer.setting.parties, undo):
            order = self.order(dealer.book, party, place)
            self._pass(party, place, ids, undo).deal(dealer, inverse(order) if undo else order, width)

    def run(self, party: Party, rows: Words, ids: Sequence[int], *, undo: bool = False) -> Words:
        for place, owner in self._turns(party.parties, undo):
            order = self.order(party.book, owner, place) if owner == party.me else None
            order = inverse(order) if order is not None and undo else order
            rows = self._pass(owner, place, ids, undo).run(party, rows, order)
        return rows

    def _pass(self, owner: str, place: int, ids: Sequence[int], undo: bool) -> Pass:
        return Pass(self._call, owner, ids[2 * place : 2 * place + 2], f"/{'undo' if undo else 'do'}{place}")

    @staticmethod
    def _turns(parties: Sequence[str], undo: bool) -> list[tuple[int, str]]:
        turns = list(enumerate(parties))
        return turns[::-1] if undo else turns

    @staticmethod
    def rounds(setting: Setting, size: int, *, undo: bool = False) -> list[Round]:
        return [Pass.round(setting, party, size) for _, party in Passes._turns(setting.parties, undo)]


class Shuffle(Protocol):
    """Arrays in one random order of their rows that nobody knows."""

    kind = "shuffle"
    statement = ProtocolStatement(
        protocol="shuffle",
        rounds="as many as there are compute parties",
        sent="8 bytes for each element, from each compute party to each other",
        dealt="8 bytes for each element, to each compute party",
        learns=f"Nothing. {_COVERED} Each knows its own part of the order, which is uniformly random to "
        "whoever lacks one part. The dealer knows the order, and sees none of the rows.",
        source=SOURCE,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        check(forms)
        return forms

    def ids(self, call: Call, setting: Setting) -> int:
        return 3 * len(setting.parties)

    def cost(self, call: Call, setting: Setting) -> Cost:
        rows = Rows(call.input_forms)
        return Cost(tuple(Passes.rounds(setting, rows.size)), scratch=5 * WORD * rows.size)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, count = instruction.call, len(dealer.setting.parties)
        rows = Rows(call.input_forms)
        Passes(call, rows.length, instruction.ids).deal(dealer, rows.width, instruction.ids[count:])

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, count = instruction.call, len(party.parties)
        rows = Rows(call.input_forms)
        passes = Passes(call, rows.length, instruction.ids)
        return rows.split(passes.run(party, rows.join(values), instruction.ids[count:]))

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return self._clear(call, values)

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return self._clear(call, values)

    @staticmethod
    def _clear(call: Call, values: Sequence[Any]) -> list[Any]:
        """A twin's order is the same at each run."""
        order = np.random.default_rng(call.index).permutation(len(values[0]))
        return [value[order] for value in values]


class OwnerPermute(Protocol):
    """Arrays in an order that one party knows: x[π], or with ``inverse`` the result y for which y[π] is x. Of
    that the first ``rows`` rows."""

    kind = "owner_permute"
    statement = ProtocolStatement(
        protocol="permutation by one party",
        rounds="1",
        sent="8 bytes for each element, from each compute party to the one that permutes; one place for each "
        "row of the result, in as many bits as it has, from that one to each other",
        dealt="8 bytes for each element, to the party that permutes",
        learns=f"Nothing. {_COVERED} The published places are uniformly random to all but that party.",
        source=SOURCE,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        places, *arrays = forms
        if not isinstance(places, PrivateForm) or not places.permutation:
            raise ValueError("takes a private permutation and secrets")
        check(tuple(arrays))
        if arrays[0].shape[0] != places.size or not 1 <= params["rows"] <= places.size:
            raise ShapeError(f"{params['rows']} of {arrays[0].shape[0]} rows by {places.size} places")
        return tuple(Form((params["rows"], *form.shape[1:]), form.frac, form.range) for form in arrays)

    def ids(self, call: Call, setting: Setting) -> int:
        return 3

    def cost(self, call: Call, setting: Setting) -> Cost:
        owner, rows = _owner(call), Rows(call.input_forms[1:])
        places = packed_size(call.params["rows"], bits(rows.length))
        published = (Message(owner, other, places) for other in setting.others(owner))
        return Cost(((*Pass.round(setting, owner, rows.size), *published),), scratch=5 * WORD * rows.size)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, owner, rows = instruction.call, _owner(instruction.call), Rows(instruction.call.input_forms[1:])
        order = draw(dealer.book, owner, instruction.ids[0], rows.length, f"{call.tag} permutation")
        Pass(call, owner, instruction.ids[1:], "").deal(dealer, order, rows.width)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, owner, rows = instruction.call, _owner(instruction.call), Rows(instruction.call.input_forms[1:])
        held, *shares = values
        step = Pass(call, owner, instruction.ids[1:], "")
        if party.me == owner:
            order = draw(party.book, owner, instruction.ids[0], rows.length, f"{call.tag} permutation")
            wanted = as_words(held.own).view(np.int64)
            wanted = (inverse(wanted) if call.params["inverse"] else wanted)[: call.params["rows"]]
            published = inverse(order)[wanted]
            self._publish(party, call, published)
            total, correction = step.take(party, rows.join(shares))
            return rows.split(np.add(total[wanted], correction[published]))
        result = step.give(party, rows.join(shares))
        return rows.split(result[self._received(party, call, rows.length)])

    @staticmethod
    def _publish(party: Party, call: Call, places: Places) -> None:
        packed = pack_low(places.view(np.uint64), bits(call.input_forms[0].size))
        for other in party.others:
            party.mesh.to(other).send_array(f"{call.tag}/places", packed)

    @staticmethod
    def _received(party: Party, call: Call, length: int) -> Places:
        """Errors: CT-2116."""
        count, width, owner = call.params["rows"], bits(length), _owner(call)
        packed = party.mesh.to(owner).recv_array(f"{call.tag}/places", np.uint8, (packed_size(count, width),))
        places = unpack_low(packed, width, count).view(np.int64)
        taken = np.zeros(1 << width, np.bool_)
        taken[places] = True
        if taken[:length].sum() < count:
            raise PERMUTATION_SENT(call.describe(), party=owner)
        return places

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return self._clear(call, values)

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return self._clear(call, values)

    @staticmethod
    def _clear(call: Call, values: Sequence[Any]) -> list[Any]:
        places = values[0].astype(np.int64)
        order = inverse(places) if call.params["inverse"] else places
        return [value[order[: call.params["rows"]]] for value in values[1:]]


def _owner(call: Call) -> str:
    form = call.input_forms[0]
    assert isinstance(form, PrivateForm)
    return form.owner


def bits(length: int) -> int:
    """Of a place."""
    return max(1, (length - 1).bit_length())


PROTOCOLS = (Shuffle(), OwnerPermute())
