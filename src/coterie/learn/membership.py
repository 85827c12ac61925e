"""Which bins of a table hold a common row, as shared truth values: what follows an intersection to none.

The strings come of :mod:`coterie.psi`: one party's, less the other's, are shares of zero where the bin's row
is common. All rounds are for all bins at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc import Bits, Context, Interval, Kept, functions
from coterie.psi import CostHidden, string_bits

__all__ = ["common", "differences", "with_intersection"]

STRINGS = "strings"
WHOLE = 60
"""Bits that are compared at once: the difference of two such numbers keeps within the ring's range."""
HALF = 32


def _parts(bins: int) -> tuple[tuple[int, ...], float]:
    """Shape of the strings as numbers, and their bound."""
    bits = string_bits(bins)
    return ((bins,), 2.0**bits) if bits <= WHOLE else ((2, bins), 2.0**HALF)


def differences(strings: NDArray[np.uint64], receives: bool) -> dict[str, Kept]:
    """A party's shares of the differences; the receiver of the intersection takes the first sign."""
    shape, bound = _parts(len(strings))
    low = np.uint64((1 << HALF) - 1)
    words = strings if len(shape) == 1 else np.stack([strings & low, strings >> np.uint64(HALF)])
    return {STRINGS: Kept(words if receives else np.negative(words), 0, Interval(-bound, bound))}


def common(ctx: Context, bins: int) -> Bits:
    """Shape (bins,): whether the strings of both parties are equal."""
    shape, bound = _parts(bins)
    equal = functions.equal(ctx.shared(STRINGS, shape, bound, 0), 0)
    return equal if len(shape) == 1 else functions.all(equal, axis=0)


def with_intersection(
    needs: dict[str, Any], cost: CostHidden, receiver: str, sender: str, everybody: tuple[str, ...]
) -> dict[str, Any]:
    """What a plan says of a program and of the intersection before it.

    :param needs: of a tape that was traced after the rounds of the intersection.
    """
    sent = {source: dict(targets) for source, targets in needs["sent"].items()}
    for source, target, size in (
        (receiver, sender, cost.receiver_to_sender),
        (sender, receiver, cost.sender_to_receiver),
    ):
        sent[source][target] = sent[source].get(target, 0) + size
    rounds: Mapping[str, int] = {**dict.fromkeys(everybody, 0), **needs["rounds"]}
    return needs | {
        "sent": sent,
        "rounds": rounds,
        "memory": max(cost.memory, needs["memory"]),
        "operations": needs["operations"] + cost.operations,
    }
