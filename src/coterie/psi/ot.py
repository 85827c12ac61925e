"""Products with a secret Δ of 128 bits: how two parties make the correlations from which all others grow.

The *holder* has a random Δ in GF(2)^128, the *other* bits r of its choice. They get, for each bit r, a row
t at the other and q = t + r·Δ at the holder. Read as rows, these are correlated oblivious transfers; 128 of
them read as columns are the product of Δ with an element of GF(2^128).

1. *Base transfers*, 128 of them: Masny, Rindal, "Endemic Oblivious Transfer" (CCS 2019), on Ristretto255,
   with one message of the giver of keys for all. With H_x(i, ·) hashes to the group, the holder sends for
   its choice c in transfer i the elements s_{1-c}, random, and s_c = r_i G - H_c(i, s_{1-c}); the other
   answers A = aG. Keys are hashes of a(s_x + H_x(i, s_{1-x})), of which the holder has r_i A. Both elements
   are uniform whatever c is, and to have both keys of one i takes the solution of a Diffie-Hellman problem
   of which H determines one part. That one A serves all transfers is safe where every hash has the number i
   in it and the keys' hash has all messages as well (McQuoid, Rosulek, Roy, "Batching Base Oblivious
   Transfers", ASIACRYPT 2021, who show what goes wrong otherwise): H has i; keys are hashes of i, x and the
   element under a key that is the hash of all elements sent and A. Elements that are the identity are
   refused; the group has prime order, so there are none of small order.
2. *Seeds.* Δ is cut into 32 groups of four bits. Of each group the other makes a tree with 16 seeds, of
   which the holder gets all but the one with the group's number: four base transfers each
   (``_kernels.ggm_trees``).
3. *Columns* (Roy, "SoftSpokenOT", CRYPTO 2022, for the field of 16 elements): with r_x the streams of the
   seeds, the other has u = sum of all r_x and v_b = sum of x_b r_x for bit b of x, the holder v_b + Δ_b u.
   The other sends u + r for each group, and the columns of the holder become q = v + Δ_b r.

*A cheating other* could send seeds that fit some Δ only, or other bits r in each group. Checked, where
``malicious``: of each seed a second value is derived; the sum of all sixteen and the hash of all are sent,
and the holder compares after adding its lacking one (as for punctured functions in Boyle et al., "Efficient
Two-Round OT Extension and Silent Non-Interactive Secure Computation", CCS 2019). Then the columns, as
polynomials, are evaluated at two random points of GF(2^128), under a random mask: those of q must be those
of v plus Δ_b times that of r (Roy 2022, section 4). The points are a hash of all that was sent; two of
them, so that trying many messages (Fiat and Shamir) does not help. What remains is a guess of bits of Δ
that is found out unless it is right: d bits with probability 2^-d. *A cheating holder* sends nothing but
its elements, and these determine its Δ.

Random oracle (SHA-256, BLAKE3, hashes to the group), ideal cipher (AES in trees and streams), and
computational Diffie-Hellman.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import (
    correlate_columns,
    endemic_choose,
    endemic_give,
    endemic_take,
    gf128_polynomial,
    ggm_punctured,
    ggm_trees,
    keyed_hashes,
    ristretto_mul,
    ristretto_scalar,
)
from coterie.psi.errors import BAD_CORRECTIONS, BAD_SEEDS, BAD_TRANSFER

if TYPE_CHECKING:
    from coterie.wire import Channel

Bytes = NDArray[np.uint8]
RandomBytes = Callable[[int], bytes]

BITS = 128
"""Of Δ, and base transfers."""
GROUP_BITS = 4
GROUPS = BITS // GROUP_BITS
SEEDS = 1 << GROUP_BITS
POINT_BYTES = 32
SEED_BYTES = 16
DIGEST_BYTES = 32

_BASE = np.frombuffer(
    bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"), dtype=np.uint8
)
"""The generator of Ristretto255 (RFC 9496, section 4)."""

CHOICES_BYTES = BITS * 2 * POINT_BYTES
"""What the holder sends."""


def answer_bytes(blocks: int, malicious: bool) -> int:
    """What the other sends, for columns of so many blocks of 16 bytes."""
    plain = POINT_BYTES + BITS * 2 * SEED_BYTES + GROUPS * blocks * 16
    return plain + (GROUPS * 2 * DIGEST_BYTES + 2 * (BITS + 1) * 16 if malicious else 0)


@dataclass(frozen=True)
class Correlated:
    """One side's part."""

    columns: Bytes = field(repr=False)
    """(128, blocks, 16): q at the holder, v at the other."""
    session: bytes = field(repr=False)
    """32 bytes, the hash of all that was said: the same at both, and new in every run."""


def named_hash(name: str, *parts: bytes | Bytes) -> bytes:
    """SHA-256 of these parts, whose sizes the name determines."""
    digest = hashlib.sha256(b"coterie/psi/vole/" + name.encode() + b"/v1\0")
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.tobytes())
    return digest.digest()


def numbered_hashes(rows: Bytes, key: bytes) -> Bytes:
    """BLAKE3, keyed, of each row of (n, w) behind its number; (n, 32)."""
    count, width = rows.shape
    items = np.empty((count, 8 + width), dtype=np.uint8)
    items[:, :8] = np.arange(count, dtype="<u8").view(np.uint8).reshape(count, 8)
    items[:, 8:] = rows
    cuts = np.arange(0, items.size + 1, 8 + width, dtype=np.int64)
    return keyed_hashes((items.reshape(-1), cuts), key)


def _transfer_keys(elements: Bytes, sides: NDArray[np.integer], key: bytes) -> Bytes:
    """Keys of 16 bytes of elements (128, 32), which are those of these sides."""
    rows = np.concatenate([sides.astype(np.uint8)[:, None], elements], axis=1)
    return numbered_hashes(rows, key)[:, :SEED_BYTES]


def _path_bits(groups: Bytes) -> Bytes:
    """Bits of numbers below 16 from the highest, (n, 4)."""
    shifts = np.arange(GROUP_BITS - 1, -1, -1, dtype=np.uint8)
    return (groups[:, None] >> shifts) & np.uint8(1)


class Holder:
    """The side that has Δ."""

    def __init__(self, channel: Channel, random: RandomBytes) -> None:
        self._channel = channel
        self.delta = random(BITS // 8)
        self._bits = np.unpackbits(np.frombuffer(self.delta, dtype=np.uint8), bitorder="little")
        weights = 1 << np.arange(GROUP_BITS, dtype=np.uint8)
        self._groups = (self._bits.reshape(GROUPS, GROUP_BITS) * weights).sum(axis=1).astype(np.uint8)
        # Of each level the sum of the side that the group's number does not take.
        self._choices = 1 - _path_bits(self._groups).reshape(-1)
        noise = np.frombuffer(random(BITS * 128), dtype=np.uint8).reshape(BITS, 128)
        self._elements, self._secrets = endemic_choose(self._choices, noise)

    def begin(self) -> None:
        """Send the choices."""
        self._channel.send_array("vole/choices", self._elements)

    def receive(self, blocks: int, malicious: bool) -> Correlated:
        """Take the other's answer.

        Errors: CT-2010 (no element), and where ``malicious`` CT-2011 and CT-2012 (seeds or corrections that
        do not fit).
        """
        channel = self._channel
        point = channel.recv_array("vole/point", np.uint8, (POINT_BYTES,))
        masked = channel.recv_array("vole/seeds", np.uint8, (GROUPS, GROUP_BITS, 2, SEED_BYTES))
        corrections = channel.recv_array("vole/corrections", np.uint8, (GROUPS, blocks, 16))
        key = named_hash("base", self._elements, point)
        try:
            elements = endemic_take(self._secrets, point.tobytes())
        except ValueError as error:
            raise BAD_TRANSFER(str(error), party=channel.peer) from error
        keys = _transfer_keys(elements, self._choices, key)
        chosen = masked.reshape(BITS, 2, SEED_BYTES)[np.arange(BITS), self._choices]
        sums = (chosen ^ keys).reshape(GROUPS, GROUP_BITS, SEED_BYTES)
        totals = np.zeros((GROUPS, SEED_BYTES), dtype=np.uint8)
        places = self._groups.astype(np.uint64)
        seeds = ggm_punctured(places, sums, totals, SEEDS, key[:16])
        session = named_hash("session", key, masked, corrections)
        if malicious:
            session = self._check_seeds(seeds, session)
        _, columns = correlate_columns(seeds, self._groups, blocks)
        mine = np.repeat(corrections, GROUP_BITS, axis=0) & -self._bits[:, None, None]
        columns ^= mine
        if malicious:
            session = self._check_columns(columns, session)
        return Correlated(columns, session)

    def _check_seeds(self, seeds: Bytes, session: bytes) -> bytes:
        proof = self._channel.recv_array("vole/seed-proof", np.uint8, (GROUPS, 2, DIGEST_BYTES))
        values = _second_values(seeds, session)
        places = np.arange(GROUPS)
        values[places, self._groups] = 0
        values[places, self._groups] = np.bitwise_xor.reduce(values, axis=1) ^ proof[:, 0]
        for group in range(GROUPS):
            if named_hash("seeds", values[group]) != proof[group, 1].tobytes():
                raise BAD_SEEDS(f"group {group}", party=self._channel.peer)
        return named_hash("session", session, proof)

    def _check_columns(self, columns: Bytes, session: bytes) -> bytes:
        proof = self._channel.recv_array("vole/column-proof", np.uint8, (2, BITS + 1, 16))
        expected = proof[:, 1:] ^ (proof[:, :1] & -self._bits[None, :, None])
        if not np.array_equal(_evaluated(columns, session), expected):
            raise BAD_CORRECTIONS("their sums differ", party=self._channel.peer)
        return named_hash("session", session, proof)


def answer(channel: Channel, bits: Bytes, random: RandomBytes, malicious: bool) -> Correlated:
    """The other's side.

    :param bits: r, shape (blocks, 16). Where ``malicious`` the last two blocks must be random and not used:
        they hide what is sent of the others.

    Errors: CT-2010 (the holder sent what is no element).
    """
    elements = channel.recv_array("vole/choices", np.uint8, (BITS, 2, POINT_BYTES))
    scalar = ristretto_scalar(random(64))
    point = ristretto_mul(_BASE[None], scalar)[0]
    try:
        shared = endemic_give(elements, scalar)
    except ValueError as error:
        raise BAD_TRANSFER(str(error), party=channel.peer) from error
    key = named_hash("base", elements, point)
    keys = [_transfer_keys(shared[:, x], np.full(BITS, x), key) for x in (0, 1)]
    roots = np.frombuffer(random(GROUPS * SEED_BYTES), dtype=np.uint8).reshape(GROUPS, SEED_BYTES)
    seeds, sums = ggm_trees(roots, SEEDS, key[:16])
    masked = sums ^ np.stack(keys, axis=1).reshape(sums.shape)
    common, columns = correlate_columns(seeds, np.zeros(GROUPS, dtype=np.uint8), len(bits))
    corrections = common ^ bits
    channel.send_array("vole/point", point)
    channel.send_array("vole/seeds", masked)
    channel.send_array("vole/corrections", corrections)
    session = named_hash("session", key, masked, corrections)
    if malicious:
        values = _second_values(seeds, session)
        hashes = b"".join(named_hash("seeds", group) for group in values)
        proof = np.stack(
            [
                np.bitwise_xor.reduce(values, axis=1),
                np.frombuffer(hashes, dtype=np.uint8).reshape(GROUPS, DIGEST_BYTES),
            ],
            axis=1,
        )
        channel.send_array("vole/seed-proof", proof)
        session = named_hash("session", session, proof)
        proof = _evaluated(np.concatenate([bits[None], columns]), session)
        channel.send_array("vole/column-proof", proof)
        session = named_hash("session", session, proof)
    return Correlated(columns, session)


def _second_values(seeds: Bytes, session: bytes) -> Bytes:
    """Of each seed another value, of 32 bytes, that hides it and is that of no other seed."""
    hashes = numbered_hashes(seeds.reshape(-1, SEED_BYTES), named_hash("second", session))
    return hashes.reshape(GROUPS, SEEDS, DIGEST_BYTES)


def _evaluated(columns: Bytes, session: bytes) -> Bytes:
    """Each column as a polynomial at two points, (2, n, 16). The constant term is the mask of that point."""
    points = named_hash("points", session)
    values = []
    for k in (0, 1):
        masked = np.concatenate([columns[:, k - 2, None], columns[:, :-2]], axis=1)
        values += [gf128_polynomial(column, points[16 * k : 16 * k + 16]) for column in masked]
    return np.frombuffer(b"".join(values), dtype=np.uint8).reshape(2, len(columns), 16)
