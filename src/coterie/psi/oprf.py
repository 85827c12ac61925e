"""An oblivious pseudo-random function from a vector oblivious linear evaluation.

The *receiver* has some items and learns F of them; the *sender* learns how to compute F of any item, and
nothing about the receiver's. Items are strings of 16 bytes. In GF(2^128), with OKVS an oblivious key-value
store, whose decoding is linear in the table, H a hash of items and Ho a hash of what comes out:

1. The receiver gets a and c, the sender Δ and b, with c = a·Δ + b (``vole.py``, or ``dealt.py``); as many
   elements as a table of the receiver's items has cells.
2. The receiver makes the table P that gives H(x) for each of its items, and sends u = a + P.
3. The sender has k = b + Δ·u = c + Δ·P, and F(y) = Ho(decode(k, y) + Δ·H(y), y). For items of the receiver
   that is Ho(decode(c, x), x), which the receiver can compute.

Who sees what, if both follow the protocol: u is masked by a, which is as good as random to the sender. For an
item y that is not the receiver's, decode(P, y) is not H(y) but with probability 2^-128, so that what Ho is
applied to contains a multiple of Δ, of which the receiver knows nothing: F(y) is as good as random to it,
with Ho a random oracle.

*Malicious parties.* The evaluation of step 1 is checked. The sender commits to a random w' first; the
receiver sends w'' with u; the sender opens w', and w' + w'' is added to what Ho is applied to. So no value of
F can be known before u is fixed, and a u that is no table at all is a table of fewer items: a receiver gets F
of as many items as can be fitted to a random function in m cells. That is at most m of them, as each is one
linear condition on u; so a receiver may have up to m items where it has told of n. F is cut to no less than
16 bytes (``by_oprf.py``), so that two items with one value cannot be found.

Source: Rindal, Raghuraman, "Blazing fast PSI from improved OKVS and subfield VOLE" (2022), figure 4; Rindal,
Schoppmann, "VOLE-PSI: fast OPRF and circuit-PSI from vector-OLE" (2021), figure 4, for w.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import (
    gf128_scale_add,
    item_hash,
    keyed_hashes,
    okvs_cells,
    okvs_decode,
    okvs_encode,
    oprf_tags,
)
from coterie.psi.errors import NO_TABLE, NOT_COMMITTED
from coterie.psi.rows import RandomBytes
from coterie.psi.vole import VoleGiven, VoleTaken

if TYPE_CHECKING:
    from coterie.wire import Channel

Bytes = NDArray[np.uint8]

CELL_BYTES = 16
COIN_BYTES = 16
COMMITMENT_BYTES = 32
CHUNK_CELLS = 1 << 16
"""Cells of a message: 1 MiB."""

_COMMITMENT_KEY = b"coterie/psi/oprf/coin/v1".ljust(32, b"\0")

Told = Callable[[int, int], None]
"""Called with cells done, and of how many."""


@dataclass(frozen=True)
class Evaluator:
    """What the sender has: F of any item."""

    table: Bytes = field(repr=False)
    """k, shape (cells, 16)."""
    delta: bytes = field(repr=False)
    coin: bytes = field(repr=False)
    """w; zeros where nobody cheats."""
    session: bytes
    items: int
    """Of the receiver's table."""

    def __call__(self, items: Bytes) -> Bytes:
        """F of items, shape (n, 16): shape (n, 32)."""
        values = okvs_decode(self.table, items, self.session, self.items)
        values = gf128_scale_add(item_hash(items, self.session), self.delta, values)
        return oprf_tags(_plus(values, self.coin), items, self.session)


def receiver_bytes(items: int, *, malicious: bool) -> int:
    """What :func:`receive` sends, beyond the vector evaluation."""
    return CELL_BYTES * okvs_cells(items) + (COIN_BYTES if malicious else 0)


def sender_bytes(*, malicious: bool) -> int:
    """What :func:`serve` sends, beyond the vector evaluation."""
    return COMMITMENT_BYTES + 2 * COIN_BYTES if malicious else 0


def receive(
    channel: Channel, items: Bytes, vole: VoleTaken, session: bytes, random: RandomBytes, *, malicious: bool
) -> Bytes:
    """F of own items, shape (n, 16): shape (n, 32). The peer calls :func:`serve`.

    :param vole: as many elements as ``okvs_cells(n)``, used here and nowhere else.
    :param session: 16 bytes, the same at both and another in each run.

    Errors: CT-2007 (no table exists, below 2^-40), CT-2021 (the sender opened another coin than it had
    committed to).
    """
    try:
        table = okvs_encode(items, item_hash(items, session), session, random(32))
    except ArithmeticError as error:
        raise NO_TABLE(str(error)) from error
    masked = table
    np.bitwise_xor(table, vole.a, out=masked)
    coin = np.zeros(COIN_BYTES, dtype=np.uint8)
    commitment = channel.recv_array("psi/commitment", np.uint8, (COMMITMENT_BYTES,)) if malicious else None
    for start in range(0, len(masked), CHUNK_CELLS):
        channel.send_array("psi/table", masked[start : start + CHUNK_CELLS])
    if commitment is not None:
        own = np.frombuffer(random(COIN_BYTES), dtype=np.uint8)
        channel.send_array("psi/coin", own)
        opened = channel.recv_array("psi/coin", np.uint8, (2 * COIN_BYTES,))
        if not hmac.compare_digest(_commitment(opened, session), commitment.tobytes()):
            raise NOT_COMMITTED("the coin and its commitment", party=channel.peer)
        coin = own ^ opened[:COIN_BYTES]
    values = okvs_decode(vole.c, items, session, len(items))
    return oprf_tags(_plus(values, coin.tobytes()), items, session)


def serve(
    channel: Channel, items: int, vole: VoleGiven, session: bytes, random: RandomBytes, *, malicious: bool
) -> Evaluator:
    """Let the peer have F of as many items as it has told of; gives F. The peer calls :func:`receive`.

    :param vole: as many elements as ``okvs_cells(items)``, used here and nowhere else.
    """
    secret = np.frombuffer(random(2 * COIN_BYTES), dtype=np.uint8) if malicious else None
    if secret is not None:
        commitment = np.frombuffer(_commitment(secret, session), dtype=np.uint8)
        channel.send_array("psi/commitment", commitment)
    table = np.empty_like(vole.b)
    for start in range(0, len(table), CHUNK_CELLS):
        part = vole.b[start : start + CHUNK_CELLS]
        masked = channel.recv_array("psi/table", np.uint8, part.shape)
        table[start : start + CHUNK_CELLS] = gf128_scale_add(masked, vole.delta, part)
    coin = np.zeros(COIN_BYTES, dtype=np.uint8)
    if secret is not None:
        coin = secret[:COIN_BYTES] ^ channel.recv_array("psi/coin", np.uint8, (COIN_BYTES,))
        channel.send_array("psi/coin", secret)
    return Evaluator(table, vole.delta, coin.tobytes(), session, items)


def _commitment(coin: Bytes, session: bytes) -> bytes:
    """Hash of a coin of 16 bytes and 16 bytes that hide it."""
    whole = np.concatenate([np.frombuffer(session, dtype=np.uint8), coin])
    return keyed_hashes((whole, np.array([0, len(whole)], dtype=np.int64)), _COMMITMENT_KEY).tobytes()


def _plus(values: Bytes, coin: bytes) -> Bytes:
    """Values plus the coin, in place."""
    if any(coin):
        words = values.view(np.uint64)
        words ^= np.frombuffer(coin, dtype=np.uint64)
    return values
