"""The dealer: walks the tape, without data, and sends what corrects the parties' shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from coterie._kernels import prg_matmul, prg_matmul_t
from coterie.crypto import random_seed
from coterie.mpc.ahead import Mask, Masks, Products
from coterie.mpc.corrections import LinkSink, Sink
from coterie.mpc.errors import BAD_ROLES
from coterie.mpc.follower import Inputs, Outputs, Progress
from coterie.mpc.form import PrivateForm
from coterie.mpc.guest import Guest
from coterie.mpc.protocols import PROTOCOLS
from coterie.mpc.protocols.product import bilinear
from coterie.mpc.ring import Words, wrapping
from coterie.mpc.seeds import Entropy, SeedBook, agree
from coterie.mpc.tape import KEEP, WORD, Call, Instruction, Tape, last_uses
from coterie.wire import Mesh


def deal(
    tape: Tape,
    mesh: Mesh,
    inputs: Inputs | None = None,
    *,
    progress: Progress | None = None,
    keep: int = KEEP,
    entropy: Entropy = random_seed,
) -> Outputs:
    """Deal all that the tape asks for, as the dealer ``mesh.me``.

    It runs ahead of the parties as far as the channel's window lets it. It receives nothing but seeds, unless
    it is a guest as well: then it waits at each reveal to it.

    :param inputs: own inputs of a dealer who is a guest.
    :param keep: bytes of masks of private inputs to hold in memory.
    :returns: what was revealed to a dealer who is a guest.

    Errors: CT-2102, CT-2103, CT-2107 (inputs), CT-2105, CT-2109, and whatever the links raise.
    """
    if mesh.me != tape.setting.dealer or tape.setting.correlations != "stream":
        raise BAD_ROLES(f"{mesh.me} does not deal while this tape is run", party=mesh.me)
    dealer = Dealer(tape, LinkSink(mesh), keep)
    guest = Guest(tape, mesh, None)
    guest.take(inputs or {})
    dealer.book = guest.book = agree(tape, mesh, entropy)
    for instruction in dealer.walk(progress):
        PROTOCOLS[instruction.call.kind].visit(instruction, guest)
    return guest.outputs


class OwnerMask:
    """The mask of a private array, which its owner and the dealer know."""

    def __init__(self, book: SeedBook, form: PrivateForm, id: int, use: str, keep: bool) -> None:
        self._book, self._form, self._id, self._use, self._keep = book, form, id, use, keep
        self._words: Words | None = None

    def words(self) -> Words:
        """All of it, in its shape."""
        form = self._form
        if self._words is not None:
            return self._words
        words = self._book.words(form.owner, self._id, form.size, self._use).reshape(form.shape)
        if self._keep:
            self._words = words
        return words

    def times(self, operation: str, right: Words) -> Words:
        """``mask @ right``, ``mask.T @ right`` or ``mask * right``, never whole in memory where it is not
        kept."""
        if self._keep or operation == "multiply":
            return bilinear(operation, self.words(), right)
        form = self._form
        seed = self._book.seeds([form.owner], self._id, form.size, self._use)[0]
        rows, columns = form.shape
        expand = prg_matmul if operation == "matmul" else prg_matmul_t
        return expand(seed, self._id, rows, columns, right)


class Dealer:
    """The interpreter of tapes at the dealer. Protocols use its methods."""

    def __init__(self, tape: Tape, sink: Sink, keep: int) -> None:
        self._tape = tape
        self.setting = tape.setting
        self._sink = sink
        self.book = SeedBook({})
        self._owners: dict[int, OwnerMask] = {}
        self.masks = Masks(tape, self._expand)
        self._products = Products(tape, self.masks)
        self._left = keep

    def walk(self, progress: Progress | None) -> Iterator[Instruction]:
        """Deal each instruction of the tape, and give it back then."""
        instructions = self._tape.instructions
        last = last_uses(instructions)
        for instruction in instructions:
            call = instruction.call
            self.masks.reach(call.index)
            if progress:
                progress(call.index, len(instructions), call.section)
            with wrapping():
                PROTOCOLS[call.kind].deal(instruction, self)
            yield instruction
            for number in (*call.inputs, *call.outputs):
                if last[number] == call.index:
                    self.forget(number)

    def _expand(self, besides: str | None, id: int, n: int, use: str) -> Words:
        return self.book.sum([label for label in self.setting.parties if label != besides], id, n, use)

    def mask(self, number: int) -> Mask:
        """Of an opened array."""
        return self.masks[number]

    def own(self, number: int, form: PrivateForm, call: Call, id: int) -> None:
        """Remember the mask of a private array."""
        size = form.size * WORD
        keep = size <= self._left or len(form.shape) != 2
        if keep:
            self._left -= size
        self._owners[number] = OwnerMask(self.book, form, id, f"{call.tag} mask of {number}", keep)

    def owned(self, number: int) -> OwnerMask:
        return self._owners[number]

    def product(self, call: Call, left: int, right: int, owner: str) -> Words:
        """The mask of the private array ``left`` times what of the mask of ``right`` is not ``owner``'s."""
        operation, mask = call.params["operation"], self.owned(left)
        return self._products.get(call, left, right, owner, lambda factor: mask.times(operation, factor))

    def forget(self, number: int) -> None:
        """After the last use of a value."""
        self.masks.forget(number)
        self._owners.pop(number, None)

    def new_mask(self, call: Call, id: int, n: int) -> Words:
        """The whole mask that an operation opens its input with, used once."""
        return self.book.sum(self.setting.parties, id, n, f"{call.tag} mask")

    @property
    def expanding(self) -> tuple[str, ...]:
        """Parties whose dealt shares are expanded from seeds, where the last is corrected."""
        return self.setting.parties[:-1]

    def send(self, call: Call, id: int, value: Words, part: str = "", to: str | None = None) -> None:
        """Share a chosen value: send one party, the last where none is named, what the others' streams
        lack."""
        labels = self.setting.others(to or self.setting.last)
        correction = self.book.correction(value.reshape(-1), labels, id, f"{call.tag} dealt{part}")
        self.send_raw(call, correction, part, to)

    def send_raw(self, call: Call, correction: NDArray[Any], part: str = "", to: str | None = None) -> None:
        """A correction as a protocol of its own makes it."""
        self._sink.put(to or self.setting.last, call.tag + part, correction)
