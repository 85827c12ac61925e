"""What a piece of a program costs, by its tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from coterie.mpc import Context, Tape, trace
from coterie.mpc.network import Network

from .rig import DEALER, NAMES


@dataclass(frozen=True)
class Cost:
    """Beyond what comes before it."""

    rounds: int
    sent: int
    """Bytes from the first party to the second."""
    dealt: int
    """Bytes from the dealer to all."""


def cost(
    prepare: Callable[[Context], Any],
    piece: Callable[[Any], Any],
    parties: Sequence[str] = NAMES[:2],
    network: Network | None = None,
) -> Cost:
    """Of ``piece``, called with what ``prepare`` makes."""
    before = _tape(prepare, parties, network)
    after = _tape(lambda ctx: piece(prepare(ctx)), parties, network)
    first, second = parties[:2]
    return Cost(
        max(after.rounds.values()) - max(before.rounds.values()),
        after.sent[first].get(second, 0) - before.sent[first].get(second, 0),
        sum(after.corrections.values()) - sum(before.corrections.values()),
    )


def _tape(body: Callable[[Context], Any], parties: Sequence[str], network: Network | None) -> Tape:
    def program(ctx: Context) -> None:
        body(ctx)
        ctx.check()

    return trace(program, parties, DEALER, network=network)
