"""Vector oblivious linear evaluation over GF(2^128) from a dealer: what :mod:`coterie.psi.vole` makes
between two parties alone, in no time and with one message from the dealer to each.

The taker gets a seed, of which it expands a and c; the giver a seed for Δ, and the correction b = c + a·Δ.
The dealer learns nothing, as it is told nothing; it knows Δ, a, b and c, and with the messages of the two
it would learn their rows. Streams are AES-128 in counter mode (``prg_u64``), each seed is used once.

A dealer that does not do as it should makes the result wrong, and nothing else: the parties send it
nothing. It must collude with neither.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import gf128_scale_add, prg_u64
from coterie.psi.errors import BAD_CALL
from coterie.psi.noise import LONGEST
from coterie.psi.vole import ELEMENT_BYTES, VoleGiven, VoleTaken

if TYPE_CHECKING:
    from coterie.wire import Channel

Bytes = NDArray[np.uint8]

CHUNK = 1 << 16
"""Elements of a message: 1 MiB, which is all that the dealer holds of each vector."""

SEED_BYTES = 16

_A, _C = 0, 1
"""Ids of the taker's streams. The giver's Δ is of stream 0 of its own seed."""


def dealt_bytes(n: int) -> tuple[int, int]:
    """Bytes to the giver and to the taker, exactly. All of it is one round."""
    return SEED_BYTES + ELEMENT_BYTES * n, SEED_BYTES


def deal(
    giver: Channel, taker: Channel, n: int, *, random: Callable[[int], bytes] = secrets.token_bytes
) -> None:
    """The dealer's side: ``n`` elements to the two ends of these channels. Memory: some MiB, whatever ``n``
    is.

    Errors: CT-2006 (wrong arguments), and those of the channels.
    """
    _check(n)
    seeds = random(2 * SEED_BYTES)
    own, other = seeds[:SEED_BYTES], seeds[SEED_BYTES:]
    giver.send_array("dealt/seed", np.frombuffer(own, dtype=np.uint8))
    taker.send_array("dealt/seed", np.frombuffer(other, dtype=np.uint8))
    delta = _delta(own)
    for start in range(0, n, CHUNK):
        count = min(CHUNK, n - start)
        a, c = (_elements(other, number, start, count) for number in (_A, _C))
        giver.send_array("dealt/correction", gf128_scale_add(a, delta, c))


def give_dealt(channel: Channel, n: int) -> VoleGiven:
    """The giver's part, from the dealer at the other end.

    Errors: CT-2006 (wrong arguments), CT-1202 (a message of another size), and those of the channel.
    """
    _check(n)
    seed = channel.recv_array("dealt/seed", np.uint8, (SEED_BYTES,)).tobytes()
    b = np.empty((n, ELEMENT_BYTES), dtype=np.uint8)
    for start in range(0, n, CHUNK):
        part = b[start : start + CHUNK]
        part[:] = channel.recv_array("dealt/correction", np.uint8, part.shape)
    return VoleGiven(_delta(seed), b)


def take_dealt(channel: Channel, n: int) -> VoleTaken:
    """The taker's part, from the dealer at the other end; errors as of :func:`give_dealt`."""
    _check(n)
    seed = channel.recv_array("dealt/seed", np.uint8, (SEED_BYTES,)).tobytes()
    return VoleTaken(_elements(seed, _A, 0, n), _elements(seed, _C, 0, n))


def _check(n: int) -> None:
    if not 1 <= n <= LONGEST:
        raise BAD_CALL(f"{n} elements, not 1 to {LONGEST}")


def _delta(seed: bytes) -> bytes:
    return _elements(seed, 0, 0, 1).tobytes()


def _elements(seed: bytes, number: int, start: int, count: int) -> Bytes:
    """Elements ``start`` and following of a stream."""
    words = prg_u64(seed, number, 2 * count, 2 * start)
    return words.view(np.uint8).reshape(count, ELEMENT_BYTES)
