"""What a compute party and a guest have in common: they run the program in step with its tape."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.context import Context
from coterie.mpc.errors import DIVERGED, INPUT_MISSING, UNPLANNED_REVEAL
from coterie.mpc.form import BitsForm, Form
from coterie.mpc.plaintext import Plaintext, as_blocks, encode_input, encode_into, plain_form
from coterie.mpc.protocols import PROTOCOLS, Protocol
from coterie.mpc.seeds import SeedBook
from coterie.mpc.shares import Kept
from coterie.mpc.storage import Storage
from coterie.mpc.tape import Call, Instruction, Tape
from coterie.wire import Mesh

Progress = Callable[[int, int, str], None]
"""``progress(done, total, what)``; may raise to end the run."""


@dataclass
class Outputs:
    """What a run leaves at one participant."""

    revealed: dict[str, NDArray[Any]] = field(default_factory=dict)
    """By name; only what was revealed to this participant."""
    kept: dict[str, Kept] = field(default_factory=dict)


Inputs: TypeAlias = Mapping[str, Plaintext | Kept]
"""By name: own plaintext as numbers, whole or in blocks, and shares of an earlier run."""


class Follower(Context):
    """Checks each operation against the tape, and then does its part of it."""

    def __init__(
        self, tape: Tape, mesh: Mesh, progress: Progress | None, storage: Storage | None = None
    ) -> None:
        super().__init__(tape.setting.parties, tape.setting.network)
        self.tape = tape
        self.setting = tape.setting
        self.mesh = mesh
        self.storage = storage or Storage((), mesh.me)
        self.me = mesh.me
        self.others = tape.setting.others(mesh.me)
        """The compute parties but this one."""
        self.outputs = Outputs()
        self.book = SeedBook({})
        self._done = 0
        self._progress = progress
        self._inputs: dict[str, Any] = {}

    def take(self, inputs: Inputs) -> None:
        """Encode and check all own inputs that the tape names."""
        for instruction in self.tape.instructions:
            call = instruction.call
            if call.kind in ("private", "provided") and call.params["owner"] == self.me:
                form, name = plain_form(call.params), call.params["name"]
                blocks = as_blocks(inputs.get(name), form, name)
                if call.kind == "provided":
                    self._inputs[name] = encode_input(blocks, form, name)
                    continue
                self._inputs[name] = self.storage.new(call.outputs[0])
                encode_into(self._inputs[name], blocks, form, name)
            elif call.kind == "shared" and self.me in self.setting.parties:
                name = call.params["name"]
                self._inputs[name] = self._share(inputs, name, call.output_forms[0])

    def _share(self, inputs: Inputs, name: str, form: Form) -> NDArray[Any]:
        kept = inputs.get(name)
        dtype = np.dtype(np.uint8 if isinstance(form, BitsForm) else np.uint64)
        if not isinstance(kept, Kept) or kept.words.shape != form.shape or kept.frac != form.frac:
            raise INPUT_MISSING(f"{name!r} must be a kept share of shape {form.shape}", party=self.me)
        if kept.words.dtype != dtype:
            raise INPUT_MISSING(f"{name!r} must be a kept share of another kind", party=self.me)
        return kept.words

    def input(self, name: str) -> Any:
        """An encoded input, handed over: this object keeps none."""
        return self._inputs.pop(name)

    def _interpret(self, protocol: Protocol, call: Call, values: list[Any]) -> Sequence[Any]:
        instruction = self._planned(call)
        if self._progress:
            self._progress(call.index, len(self.tape.instructions), call.section)
        result = self._act(protocol, instruction, values)
        self._done += 1
        return result

    @abstractmethod
    def _act(self, protocol: Protocol, instruction: Instruction, values: list[Any]) -> Sequence[Any]:
        """This participant's part; gives what it keeps of each output."""

    def _planned(self, call: Call) -> Instruction:
        """The tape's instruction for this call, which must be the same."""
        if call.index < len(self.tape.instructions):
            instruction = self.tape.instructions[call.index]
            if instruction.call == call:
                return instruction
            planned = instruction.call.describe()
        else:
            planned = "the end of the program"
        reveals = call.kind == "reveal" or PROTOCOLS[call.kind].discloses
        error = UNPLANNED_REVEAL if reveals else DIVERGED
        raise error(f"{call.describe()} where the tape has {planned}", party=self.me)

    def finish(self) -> None:
        """Raises CT-2104 where the tape goes on after the program's end."""
        super().finish()
        if self._done != len(self.tape.instructions):
            due = self.tape.instructions[self._done].call.describe()
            raise DIVERGED(f"the program ends before {due}", party=self.me)
