"""What secure sums over a mesh take: exact bytes and rounds, from public sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coterie.fl.fixed import Fixed
from coterie.fl.messages import (
    all_keys_size,
    answer_size,
    keys_size,
    sealed_size,
    shares_size,
    signatures_size,
)
from coterie.fl.session import DIGEST, SIGNATURE, bitmap_bytes, payload_of

RUN_KEY = 32
"""Bytes of the key by which a contributor signs in a run."""
RUN_SECRET = 32
"""Bytes that it tells other contributors beside: a part of what hides totals from the coordinator."""
HEADER = 40
"""Bytes that tell the coordinator what is summed next, or that nothing is."""
ROUNDS = 10
"""Keys, their list, shares, those for each, masked values, who is there, signatures, all of them, shares that
take masks off, the total.
"""


_VECTORS = 6
"""As many masked vectors are in memory at once, at most: at a contributor that coordinates as well."""
_MEMORY = 1 << 20
"""Bytes for keys and shares."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of each message of a sum in which all are neighbours and nobody drops out."""

    up: tuple[int, ...]
    """From a contributor: header, keys, shares, masked values, signature, answer."""
    down: tuple[int, ...]
    """To a contributor: keys, shares, survivors, signatures, total."""

    @classmethod
    def of(cls, contributors: int, values: int, form: Fixed) -> Sizes:
        """For so many contributors and values."""
        payload = 1 + payload_of(values, form)
        return cls(
            (
                HEADER,
                keys_size(),
                shares_size(contributors - 1),
                payload,
                1 + SIGNATURE,
                answer_size(contributors),
            ),
            (
                all_keys_size(contributors, contributors),
                sealed_size(contributors, contributors - 1),
                1 + bitmap_bytes(contributors),
                signatures_size(contributors, contributors),
                payload,
            ),
        )


@dataclass(frozen=True)
class Cost:
    """What goes over a mesh."""

    sent: dict[str, dict[str, int]]
    """Payload bytes by sender and receiver."""
    rounds: int
    memory: int = 0
    """Bytes at a participant, at most, beyond the values given and the total returned."""


def cost(contributors: Sequence[str], coordinator: str, values: int, form: Fixed) -> Cost:
    """Of one total of so many values, by :class:`coterie.fl.MeshSums`. Nothing for no values."""
    if values == 0:
        return Cost({}, 0)
    sizes = Sizes.of(len(contributors), values, form)
    others = [name for name in contributors if name != coordinator]
    sent = {name: {coordinator: sum(sizes.up)} for name in others}
    sent[coordinator] = dict.fromkeys(others, sum(sizes.down))
    return Cost(sent, ROUNDS, _VECTORS * payload_of(values, form) + 32 * values + _MEMORY)


def cost_begin(contributors: Sequence[str], coordinator: str) -> Cost:
    """Of the beginning of a run: each contributor tells all others its key, and contributors a secret."""
    both = RUN_KEY + RUN_SECRET
    sent = {name: {other: both for other in contributors if other != name} for name in contributors}
    if coordinator not in contributors:
        for name in contributors:
            sent[name][coordinator] = RUN_KEY
    return Cost(sent, 1)


def cost_end(contributors: Sequence[str], coordinator: str) -> Cost:
    """Of its end: contributors compare what they heard, and tell a coordinator that is none of them."""
    sent = {name: {other: DIGEST for other in contributors if other != name} for name in contributors}
    if coordinator not in contributors:
        for name in contributors:
            sent[name][coordinator] = HEADER
    return Cost(sent, 1)
