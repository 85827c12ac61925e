"""A guest: gives inputs, gets results, and computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coterie.mpc.follower import Follower
from coterie.mpc.protocols import Protocol
from coterie.mpc.tape import Instruction


class Guest(Follower):
    """The interpreter at an input party or a result party. Most operations do not concern it."""

    def _act(self, protocol: Protocol, instruction: Instruction, values: list[Any]) -> Sequence[Any]:
        del values
        protocol.visit(instruction, self)
        return [None] * len(instruction.call.outputs)
