"""A compute party: runs the program over shares, in step with the tape and with its peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import random_seed
from coterie.mpc.context import Context, Program
from coterie.mpc.errors import BAD_ROLES, DIVERGED, INPUT_MISSING, UNPLANNED_REVEAL
from coterie.mpc.form import Form, PrivateForm
from coterie.mpc.plaintext import Plaintext, as_blocks, encode_input
from coterie.mpc.protocols import Protocol
from coterie.mpc.ring import Floats, Words
from coterie.mpc.seeds import Entropy, SeedBook, agree
from coterie.mpc.shares import Kept
from coterie.mpc.tape import Call, Instruction, Tape
from coterie.wire import Mesh

Progress = Callable[[int, int, str], None]
"""``progress(done, total, what)``; may raise to end the run."""


@dataclass
class Outputs:
    """What a run leaves at one party."""

    revealed: dict[str, Floats] = field(default_factory=dict)
    """By name; only what was revealed to this party."""
    kept: dict[str, Kept] = field(default_factory=dict)


Inputs: TypeAlias = Mapping[str, Plaintext | Kept]
"""By name: own plaintext as numbers, whole or in blocks, and shares of an earlier run."""


def run(
    program: Program,
    tape: Tape,
    mesh: Mesh,
    inputs: Inputs,
    *,
    progress: Progress | None = None,
    entropy: Entropy = random_seed,
) -> Outputs:
    """Run ``program`` as the compute party ``mesh.me``.

    :param tape: of the same program, as every participant has it.
    :param inputs: own private inputs and kept shares. They are checked before anything is sent.
    :param progress: called before each operation with its number, their total and the section's name.
    :param entropy: gives 16 secret random bytes at each call; anything but the default is for tests.

    Errors: CT-2102, CT-2103, CT-2107 (inputs), CT-2104, CT-2105, CT-2110 (program, tape and peers differ),
    CT-2108 (a value left its range), and whatever the links raise.
    """
    if mesh.me not in tape.setting.parties:
        raise BAD_ROLES(f"{mesh.me} is not a compute party of this tape")
    party = Party(tape, mesh, progress)
    party.take(inputs)
    party.book = agree(tape, mesh, entropy)
    program(party)
    party.finish()
    if party.done != len(tape.instructions):
        raise DIVERGED(
            f"the program ends before {tape.instructions[party.done].call.describe()}", party=mesh.me
        )
    return party.outputs


class Party(Context):
    """The interpreter at a compute party. Protocols use its methods; programs use those of Context."""

    def __init__(self, tape: Tape, mesh: Mesh, progress: Progress | None) -> None:
        super().__init__(tape.setting.parties)
        self.tape = tape
        self.setting = tape.setting
        self.mesh = mesh
        self.me = mesh.me
        self.others = tape.setting.others(mesh.me)
        self.is_first = self.me == tape.setting.first
        self.is_last = self.me == tape.setting.last
        self.outputs = Outputs()
        self.done = 0
        self.book = SeedBook({})
        self._progress = progress
        self._inputs: dict[str, Any] = {}

    def take(self, inputs: Inputs) -> None:
        """Encode and check all own inputs that the tape names."""
        for instruction in self.tape.instructions:
            call = instruction.call
            if call.kind == "private" and call.params["owner"] == self.me:
                form = call.output_forms[0]
                assert isinstance(form, PrivateForm)
                name = call.params["name"]
                self._inputs[name] = encode_input(as_blocks(inputs.get(name), form, name), form, name)
            elif call.kind == "shared":
                name = call.params["name"]
                self._inputs[name] = self._share(inputs, name, call.output_forms[0])

    def _share(self, inputs: Inputs, name: str, form: Form) -> Words:
        kept = inputs.get(name)
        if not isinstance(kept, Kept) or kept.words.shape != form.shape or kept.frac != form.frac:
            raise INPUT_MISSING(f"{name!r} must be a kept share of shape {form.shape}", party=self.me)
        return kept.words

    def input(self, name: str) -> Any:
        """An encoded input, handed over: this object keeps none."""
        return self._inputs.pop(name)

    def _interpret(self, protocol: Protocol, call: Call, values: list[Any]) -> Sequence[Any]:
        instruction = self._planned(call)
        if self._progress:
            self._progress(call.index, len(self.tape.instructions), call.section)
        result = protocol.run(instruction, self, values)
        self.done += 1
        return result

    def _planned(self, call: Call) -> Instruction:
        """The tape's instruction for this call, which must be the same."""
        if call.index < len(self.tape.instructions):
            instruction = self.tape.instructions[call.index]
            if instruction.call == call:
                return instruction
            planned = instruction.call.describe()
        else:
            planned = "the end of the program"
        error = UNPLANNED_REVEAL if call.kind in ("reveal", "check") else DIVERGED
        raise error(f"{call.describe()} where the tape has {planned}", party=self.me)

    # What protocols need

    def broadcast(self, call: Call, array: NDArray[Any], part: str = "") -> list[NDArray[Any]]:
        """Send an array to all other compute parties, and return theirs. One round."""
        for other in self.others:
            self.mesh.to(other).send_array(call.tag + part, array)
        return [
            self.mesh.to(other).recv_array(call.tag + part, array.dtype, array.shape) for other in self.others
        ]

    def join(self, call: Call, masked: Words) -> Words:
        """The sum of everybody's masked shares. ``masked`` must not change afterwards."""
        total: Words | None = None
        for theirs in self.broadcast(call, masked):
            total = theirs + masked if total is None else np.add(total, theirs, out=total)
        assert total is not None
        return total

    def mask_share(self, call: Call, id: int, n: int) -> Words:
        """This party's share of a mask, a flat array."""
        return self.book.words(self.me, id, n, f"{call.tag} mask")

    def dealt(self, call: Call, id: int, n: int, part: str = "") -> Words:
        """This party's share of a value that the dealer chose, a flat array."""
        if self.is_last:
            return self.mesh.to(self.setting.dealer).recv_array(call.tag + part, np.uint64, (n,))
        return self.book.words(self.me, id, n, f"{call.tag} dealt{part}")
