"""The twin: the same program on one machine that sees everything, in float64 or in exact fixed point.

The float twin is what a program approximates; the fixed twin is what all parties together compute, up to the
units in the last place that protocols state. The difference of the two is what precision costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.context import Context, Program
from coterie.mpc.errors import INPUT_MISSING
from coterie.mpc.form import BitsForm
from coterie.mpc.plaintext import Plaintext, as_blocks, encode_input, plain_form
from coterie.mpc.protocols import Protocol
from coterie.mpc.ring import as_words, encode, wrapping
from coterie.mpc.tape import Call

Mode = Literal["float", "fixed"]


@dataclass
class TwinOutputs:
    """What a twin leaves: every value, as numbers."""

    revealed: dict[str, NDArray[Any]] = field(default_factory=dict)
    kept: dict[str, NDArray[Any]] = field(default_factory=dict)


def twin(
    program: Program, parties: Sequence[str], inputs: Mapping[str, Plaintext], mode: Mode = "fixed"
) -> TwinOutputs:
    """Run ``program`` on the inputs of all parties together, shared ones given as numbers.

    :param mode: "float" for float64, "fixed" for the ring's arithmetic. ValueError for another word.

    Errors: as :func:`coterie.mpc.run`, without those of peers.
    """
    context = Twin(parties, inputs, mode)
    program(context)
    context.finish()
    return context.outputs


class Twin(Context):
    """The interpreter over clear values."""

    def __init__(self, parties: Sequence[str], inputs: Mapping[str, Plaintext], mode: Mode) -> None:
        super().__init__(parties)
        if mode not in get_args(Mode):
            raise ValueError(f"mode is 'float' or 'fixed', not {mode!r}")
        self.mode: Mode = mode
        self.outputs = TwinOutputs()
        self._inputs = inputs

    def _interpret(self, protocol: Protocol, call: Call, values: list[Any]) -> Sequence[Any]:
        if self.mode == "fixed":
            with wrapping():
                return protocol.clear_fixed(call, self, values)
        return protocol.clear_float(call, self, values)

    def input(self, call: Call) -> NDArray[Any]:
        """An input in the form of this mode."""
        form, name = call.output_forms[0], call.params["name"]
        values = self._inputs.get(name)
        if call.kind != "shared":
            plain = plain_form(call.params)
            blocks = as_blocks(values, plain, name)
            return as_words(encode_input(blocks, plain, name)) if self.mode == "fixed" else blocks.whole()
        if not isinstance(values, np.ndarray) or values.shape != form.shape:
            raise INPUT_MISSING(f"{name!r} must be an array of shape {form.shape}")
        if isinstance(form, BitsForm):
            return values.astype(np.uint8)
        return encode(values, form.frac) if self.mode == "fixed" else values.astype(np.float64)
