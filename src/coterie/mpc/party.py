"""A compute party: runs the program over shares, in step with its peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from coterie.mpc.ahead import Masks, Products
from coterie.mpc.corrections import Source
from coterie.mpc.follower import Follower, Progress
from coterie.mpc.protocols import Protocol
from coterie.mpc.protocols.product import by_blocks
from coterie.mpc.ring import Words, wrapping
from coterie.mpc.storage import Storage, Stored
from coterie.mpc.tape import Call, Instruction, Tape, last_uses
from coterie.wire import Mesh


class Party(Follower):
    """The interpreter at a compute party. Protocols use its methods; programs use those of Context."""

    def __init__(self, tape: Tape, mesh: Mesh, progress: Progress | None, storage: Storage) -> None:
        super().__init__(tape, mesh, progress, storage)
        self.is_first = self.me == tape.setting.first
        self.is_last = self.me == tape.setting.last
        self._masks = Masks(tape, lambda _, id, n, use: self.book.words(self.me, id, n, use))
        self._products = Products(tape, self._masks)
        self._last = last_uses(tape.instructions)

    def _act(self, protocol: Protocol, instruction: Instruction, values: list[Any]) -> Sequence[Any]:
        call = instruction.call
        self._masks.reach(call.index)
        with wrapping():
            result = protocol.run(instruction, self, values)
        for number in (*call.inputs, *call.outputs):
            if self._last[number] == call.index:
                self._masks.forget(number)
        return result

    # What protocols need

    corrections: Source
    """Where what is dealt comes from."""

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

    def exchange(self, call: Call, masked: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Open several arrays of masked shares in one round, by parts of the message's tag: words add up,
        bytes are packed truth values. They must not change afterwards."""
        for other in self.others:
            for part, array in masked.items():
                self.mesh.to(other).send_array(call.tag + part, array)
        totals = dict(masked)
        for other in self.others:
            for part, array in masked.items():
                theirs = self.mesh.to(other).recv_array(call.tag + part, array.dtype, array.shape)
                join = np.add if array.dtype == np.uint64 else np.bitwise_xor
                totals[part] = join(totals[part], theirs)
        return list(totals.values())

    def mask_share(self, call: Call, id: int, n: int) -> Words:
        """This party's share of a mask, a flat array."""
        return self.book.words(self.me, id, n, f"{call.tag} mask")

    def mask_of(self, number: int) -> Words:
        """This party's share of the mask of an opened array, in its shape."""
        return self._masks[number].whole

    def masked_product(self, call: Call, left: int, right: int, matrix: Stored) -> Words:
        """The peer's masked ``matrix``, value ``left``, times this party's share of the mask of ``right``."""
        operation, shape = call.params["operation"], call.output_forms[0].shape

        def times(factor: Words) -> Words:
            several = len(shape) == 1 and factor.ndim == 2
            return by_blocks(operation, matrix, factor, (*shape, factor.shape[1]) if several else shape)

        return self._products.get(call, left, right, None, times)

    def dealt(self, call: Call, id: int, n: int, part: str = "", to: str | None = None) -> Words:
        """This party's share of a value that the dealer chose, a flat array.

        :param to: who is corrected, as in the dealer's ``send``: the last where none is named.
        """
        if self.me == (to or self.setting.last):
            return self.correction(call, np.uint64, (n,), part)
        return self.book.words(self.me, id, n, f"{call.tag} dealt{part}")

    def correction(
        self, call: Call, dtype: DTypeLike, shape: tuple[int, ...], part: str = ""
    ) -> NDArray[Any]:
        """What the dealer has sent this party by ``send_raw``."""
        return self.corrections.take(call.tag + part, dtype, shape)
