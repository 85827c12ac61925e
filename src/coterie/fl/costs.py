"""What secure sums over a mesh take: exact bytes and rounds, from public sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coterie.fl import pairs
from coterie.fl.fixed import Fixed
from coterie.fl.messages import (
    all_keys_size,
    answer_size,
    heard_size,
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
"""Bytes that tell the coordinator what is summed next, or that nothing is; a bitmap of whose values are in it
comes behind."""
ROUNDS = 10
"""Of a sum in which some may drop out: keys, their list, shares, those for each, masked values, who is there,
signatures, all of them, shares that take masks off, the total.
"""
ROUNDS_TOGETHER = 2
"""Of one in which all must be: masked values, the total."""


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
    heard: int
    """To a contributor of the run that gives nothing to this sum."""

    @classmethod
    def of(cls, contributors: int, values: int, form: Fixed, run: int | None = None) -> Sizes:
        """For so many contributors and values.

        :param run: how many contribute to sums of the run, where those of this one are some of them.
        """
        payload = 1 + payload_of(values, form)
        return cls(
            (
                header_size(run or contributors),
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
            heard_size(contributors, payload - 1),
        )

    @classmethod
    def together(cls, values: int, form: Fixed, run: int) -> Sizes:
        """Of a sum in which all must be. :param run: how many contribute to sums of the run."""
        payload = payload_of(values, form)
        return cls((header_size(run), payload), (payload,), payload)


def begin_size() -> int:
    """Bytes that a contributor tells each other when a run begins."""
    return RUN_KEY + RUN_SECRET + pairs.SECRET


def header_size(contributors: int) -> int:
    """Bytes of a header in a run of so many."""
    return HEADER + bitmap_bytes(contributors)


@dataclass(frozen=True)
class Cost:
    """What goes over a mesh."""

    sent: dict[str, dict[str, int]]
    """Payload bytes by sender and receiver."""
    rounds: int
    memory: int = 0
    """Bytes at a participant, at most, beyond the values given and the total returned."""


def cost(
    contributors: Sequence[str],
    coordinator: str,
    values: int,
    form: Fixed,
    *,
    among: Sequence[str] | None = None,
    parts: int | None = None,
) -> Cost:
    """Of one total of so many values, by :class:`coterie.fl.MeshSums`. Nothing for no values.

    :param among: whose values are in it; all where it is not said.
    :param parts: of how many it is, where it is not known of whom: then bytes are bounds.
    """
    if values == 0:
        return Cost({}, 0)
    named = contributors if among is None else among
    sizes = Sizes.together(values, form, len(contributors))
    give = set(contributors if parts is not None else named)
    others = [name for name in contributors if name != coordinator]
    sent = {name: {coordinator: sum(sizes.up) if name in give else sizes.up[0]} for name in others}
    sent[coordinator] = dict.fromkeys(others, sum(sizes.down))
    memory = _VECTORS * payload_of(values, form) + 32 * values + _MEMORY
    return Cost(sent, ROUNDS_TOGETHER, memory)


def cost_begin(contributors: Sequence[str], coordinator: str) -> Cost:
    """Of the beginning of a run: each contributor tells all others its key, and contributors two secrets."""
    told = begin_size()
    sent = {name: {other: told for other in contributors if other != name} for name in contributors}
    if coordinator not in contributors:
        for name in contributors:
            sent[name][coordinator] = RUN_KEY
    return Cost(sent, 1)


def cost_end(contributors: Sequence[str], coordinator: str) -> Cost:
    """Of its end: contributors compare what they heard, and tell a coordinator that is none of them."""
    sent = {name: {other: DIGEST for other in contributors if other != name} for name in contributors}
    if coordinator not in contributors:
        for name in contributors:
            sent[name][coordinator] = header_size(len(contributors))
    return Cost(sent, 1)
