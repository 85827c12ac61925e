"""Vector oblivious linear evaluation over GF(2^128) between two parties alone, in few bytes.

The *giver* gets a random Δ and b, the *taker* random a and c, with c = a·Δ + b, element by element: some
410 kB for 1.4 million elements, in three rounds. Elements are 16 bytes, bit i of the little-endian number
belongs to x^i, modulo x^128 + x^7 + x^2 + x + 1. The way is that of Boyle, Couteau, Gilboa, Ishai
("Compressing Vector OLE", CCS 2018) and of Schoppmann, Gascón, Reichert, Raykova (CCS 2019):

1. *Products with Δ* (``ot.py``): for bits of the taker's choice it has rows v, the giver q = v + bit·Δ. The
   bits are those of t = 400 random elements y, and of t random places. The 128 rows of an element combine
   to products: the taker has c', the giver b', with c' = y·Δ + b' (Gilboa, "Two Party RSA Key Generation",
   CRYPTO 1999).
2. *Trees* (``_kernels.ggm_trees``): the giver grows t trees of seeds, whose leaves are its N long vector w.
   Of each level it sends both sums, each hidden by a hash of a row of the taker's place bits or of that row
   plus Δ; the taker can open the one with which it goes on, and gets all leaves but the one at its place.
   With the sum of all leaves plus b', which is sent too, it has w + y·Δ there. So the taker has w + e·Δ,
   where e is zero but at t places.
3. *Code* (``noise.py``): both map their vectors by a public code: a = G·e, c = G·(w + e·Δ), b = G·w.

Up to 512 elements are products of the first kind alone, in two rounds.

*Semi-honest.* The giver sees elements and hashes, and u + r, in which u is a stream that it lacks: nothing.
The taker sees of each level's sums one that it knows and one under a hash of a row with Δ, which is unknown
to it: 128 bits. A lacking leaf is as good as random (ideal cipher), so that w + y·Δ says nothing about Δ.
That a looks random to the giver is the assumption of learning parity with noise. Random oracles, ideal
cipher, computational Diffie-Hellman in Ristretto255, dual learning parity with regular noise: 128 bits, but
for the group's 125.8.

*Malicious.* A cheating taker is as in ``ot.py``: it can guess bits of Δ and is found out unless all are
right; of the trees it only receives. A cheating giver can send sums that are not those of one tree. The
taker draws a random element χ after that, and both evaluate their vectors, as polynomials, at χ (as Weng,
Yang, Katz, Wang, "Wolverine", S&P 2021, with powers in place of independent coefficients): v_T = v_G + Δ·Σ
χ^place y. The taker sends the sum, hidden by one more product, and χ; the giver sends the hash of what the
taker must have. Vectors that differ in any entry give the same with probability N / 2^128, below 2^-98.
What remains to a cheating giver is to send sums that are right only for some places, and be found out for
the others: a guess of sets in which the places are. ``noise.py`` says why the number of points is enough
for that too. The hash tells the taker nothing, as it knows what is hashed unless it sent a wrong sum, and
then 128 bits of Δ are in it. Each may choose its own result to some extent, which set intersection allows
(Rindal, Raghuraman 2022).

Where vectors lie in memory, which entry is read depends on the taker's places: another program on the same
processor could see that by the cache. Times that a peer can see do not depend on secrets.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import (
    code_compress,
    code_compress_both,
    columns_combine,
    columns_to_rows,
    gf128_mul,
    gf128_polynomial,
    gf128_powers,
    gf128_scale,
    ggm_punctured,
    ggm_trees,
)
from coterie.psi import ot
from coterie.psi.errors import BAD_CALL, BAD_TREES
from coterie.psi.noise import BLOCK_BITS, LONGEST, Shape, shape_of

if TYPE_CHECKING:
    from coterie.wire import Channel

Bytes = NDArray[np.uint8]
RandomBytes = Callable[[int], bytes]
Progress = Callable[[int, int, str], None]
Turn = tuple[tuple[Literal["giver", "taker"], int], ...]

ELEMENT_BYTES = 16


class VoleGiven(NamedTuple):
    """The giver's part."""

    delta: bytes
    """Δ, 16 bytes."""
    b: Bytes
    """Shape (n, 16)."""

    def __repr__(self) -> str:
        return f"VoleGiven(n={len(self.b)})"


class VoleTaken(NamedTuple):
    """The taker's part."""

    a: Bytes
    """Shape (n, 16)."""
    c: Bytes
    """Shape (n, 16): a·Δ + b."""

    def __repr__(self) -> str:
        return f"VoleTaken(n={len(self.a)})"


@dataclass(frozen=True)
class VoleCost:
    """What a run takes, from public facts alone."""

    giver_bytes: int
    """Sent by the giver. Exact."""
    taker_bytes: int
    """Sent by the taker. Exact."""
    rounds: int
    """Messages of the longest chain. Exact."""
    memory: int
    """Bytes at the party that needs more, results included; at most."""


def vole_turns(n: int, malicious: bool = False) -> tuple[Turn, ...]:
    """Who sends how many bytes, turn by turn: each turn waits for the one before."""
    shape = _shape(n, malicious)
    turns: list[Turn] = [
        (("giver", ot.CHOICES_BYTES),),
        (("taker", ot.answer_bytes(shape.blocks, malicious)),),
    ]
    if shape.points:
        turns.append((("giver", ELEMENT_BYTES * (2 * shape.transfers + shape.points)),))
        if malicious:
            turns += [(("taker", 2 * ELEMENT_BYTES),), (("giver", ot.DIGEST_BYTES),)]
    return tuple(turns)


def vole_cost(n: int, malicious: bool = False) -> VoleCost:
    """What :func:`give` and :func:`take` of ``n`` elements take.

    Memory is some 130 bytes an element: who needs more elements than it has memory for runs it several times.
    """
    turns = vole_turns(n, malicious)
    sent = {who: sum(size for turn in turns for w, size in turn if w == who) for who in ("giver", "taker")}
    shape = _shape(n, malicious)
    columns = 3 * 128 * ELEMENT_BYTES * shape.blocks
    memory = columns + ELEMENT_BYTES * (3 * shape.length + 2 * n) + (2 << 20)
    return VoleCost(sent["giver"], sent["taker"], len(turns), memory)


def give(
    channel: Channel,
    n: int,
    *,
    random: RandomBytes = secrets.token_bytes,
    malicious: bool = False,
    progress: Progress | None = None,
) -> VoleGiven:
    """The giver's side; the peer calls :func:`take` at the same time.

    Reveals nothing to the taker. Sends exactly the bytes of :func:`vole_cost`.

    :param random: the source of secret randomness: anything but the operating system's makes a run insecure.
    :param malicious: whether a peer that does not follow the protocol is found; the same at both.
    :param progress: called as ``progress(done, total, what)``, in elements; may raise to cancel.

    Errors: CT-2006 (wrong arguments), CT-2010 (the peer sent what is no element of the group); where
    ``malicious`` CT-2011 and CT-2012 (seeds or corrections that do not fit); CT-1202 (a message of another
    size), and those of the channel.
    """
    shape = _shape(n, malicious)
    tell = progress or _silent
    holder = ot.Holder(channel, random)
    holder.begin()
    tell(0, n, "oblivious transfers")
    base = holder.receive(shape.blocks, malicious)
    products = columns_combine(np.ascontiguousarray(base.columns[:, : shape.values]))
    if not shape.points:
        return VoleGiven(holder.delta, products)
    tell(n // 4, n, "trees")
    roots = np.frombuffer(random(ELEMENT_BYTES * shape.points), dtype=np.uint8).reshape(-1, ELEMENT_BYTES)
    leaves, sums = ggm_trees(roots, shape.width, _tree_session(base.session))
    rows = _transfer_rows(base.columns, shape)
    delta = np.frombuffer(holder.delta, dtype=np.uint8)
    pads = np.stack([_pads(rows, base.session), _pads(rows ^ delta, base.session)], axis=1)
    # The leaves are the last level's left children and its right ones.
    totals = sums[:, -1, 0] ^ sums[:, -1, 1]
    channel.send_array("vole/sums", sums ^ pads.reshape(sums.shape))
    channel.send_array("vole/totals", totals ^ products[: shape.points])
    vector = leaves.reshape(-1, ELEMENT_BYTES)
    if malicious:
        _prove_trees(channel, vector, products[-1:], holder.delta, base.session)
    tell(n // 2, n, "code")
    return VoleGiven(holder.delta, code_compress(vector, n, _code_seed(base.session)))


def take(
    channel: Channel,
    n: int,
    *,
    random: RandomBytes = secrets.token_bytes,
    malicious: bool = False,
    progress: Progress | None = None,
) -> VoleTaken:
    """The taker's side; see :func:`give`.

    Errors: CT-2006 (wrong arguments), CT-2010 (the peer sent what is no element of the group); where
    ``malicious`` CT-2013 (trees that do not fit); CT-1202 (a message of another size), and those of the
    channel.
    """
    shape = _shape(n, malicious)
    tell = progress or _silent
    values = np.frombuffer(random(ELEMENT_BYTES * shape.values), dtype=np.uint8)
    values = values.reshape(shape.values, ELEMENT_BYTES)
    points = _points(shape, random)
    choices = 1 - _paths(points, shape.depth)
    masks = np.frombuffer(random(ELEMENT_BYTES * shape.masks), dtype=np.uint8).reshape(-1, ELEMENT_BYTES)
    bits = np.concatenate([values, _packed(choices, shape), masks])
    base = ot.answer(channel, bits, random, malicious)
    tell(0, n, "oblivious transfers")
    products = columns_combine(np.ascontiguousarray(base.columns[:, : shape.values]))
    if not shape.points:
        return VoleTaken(values, products)
    pads = _pads(_transfer_rows(base.columns, shape), base.session)
    masked = channel.recv_array("vole/sums", np.uint8, (shape.points, shape.depth, 2, ELEMENT_BYTES))
    totals = channel.recv_array("vole/totals", np.uint8, (shape.points, ELEMENT_BYTES))
    tell(n // 4, n, "trees")
    chosen = masked.reshape(-1, 2, ELEMENT_BYTES)[np.arange(shape.transfers), choices.reshape(-1)]
    sums = (chosen ^ pads).reshape(shape.points, shape.depth, ELEMENT_BYTES)
    totals ^= products[: shape.points]
    leaves = ggm_punctured(points, sums, totals, shape.width, _tree_session(base.session))
    vector = leaves.reshape(-1, ELEMENT_BYTES)
    places = points + np.arange(shape.points, dtype=np.uint64) * np.uint64(shape.width)
    if malicious:
        _check_trees(channel, vector, places, values, products[-1:], base.session, random)
    tell(n // 2, n, "code")
    seed = _code_seed(base.session)
    return VoleTaken(*code_compress_both(places, values[: shape.points], vector, n, seed))


def _shape(n: int, malicious: bool) -> Shape:
    if not 1 <= n <= LONGEST:
        raise BAD_CALL(f"{n} elements, not 1 to {LONGEST}")
    return shape_of(n, malicious)


def _silent(done: int, total: int, what: str) -> None:
    pass


def _tree_session(session: bytes) -> bytes:
    return ot.named_hash("trees", session)[:16]


def _code_seed(session: bytes) -> bytes:
    return ot.named_hash("code", session)[:16]


def _pads(rows: Bytes, session: bytes) -> Bytes:
    """What hides the sums of transfers with these rows."""
    return ot.numbered_hashes(rows, ot.named_hash("pads", session))[:, :ELEMENT_BYTES]


def _transfer_rows(columns: Bytes, shape: Shape) -> Bytes:
    """The rows of those bits that choose sums."""
    part = columns[:, shape.values : shape.values + shape.transfer_blocks]
    return columns_to_rows(np.ascontiguousarray(part))[: shape.transfers]


def _points(shape: Shape, random: RandomBytes) -> NDArray[np.uint64]:
    """The noisy place of each part: uniform up to 2^-36 even for the widest."""
    drawn = np.frombuffer(random(8 * shape.points), dtype="<u8")
    return drawn % np.uint64(max(shape.width, 1))


def _paths(points: NDArray[np.uint64], depth: int) -> Bytes:
    """The bits of the points, from the highest: (t, depth)."""
    shifts = np.arange(depth - 1, -1, -1, dtype=np.uint64)
    return ((points[:, None] >> shifts) & np.uint64(1)).astype(np.uint8)


def _packed(choices: Bytes, shape: Shape) -> Bytes:
    """The choices as whole blocks."""
    bits = np.zeros(shape.transfer_blocks * BLOCK_BITS, dtype=np.uint8)
    bits[: shape.transfers] = choices.reshape(-1)
    return np.packbits(bits, bitorder="little").reshape(-1, ELEMENT_BYTES)


def _check_trees(
    channel: Channel,
    vector: Bytes,
    places: NDArray[np.uint64],
    values: Bytes,
    hidden: Bytes,
    session: bytes,
    random: RandomBytes,
) -> None:
    """Compare a random sum of all entries with the giver's."""
    at = random(ELEMENT_BYTES)
    noise = np.bitwise_xor.reduce(gf128_mul(gf128_powers(at, places), values[:-1]), axis=0) ^ values[-1]
    challenge = np.stack([np.frombuffer(at, dtype=np.uint8), noise])
    channel.send_array("vole/challenge", challenge)
    own = np.frombuffer(gf128_polynomial(vector, at), dtype=np.uint8) ^ hidden[0]
    theirs = channel.recv_array("vole/trees", np.uint8, (ot.DIGEST_BYTES,))
    if theirs.tobytes() != ot.named_hash("leaves", session, challenge, own):
        raise BAD_TREES("a random sum of their leaves is another", party=channel.peer)


def _prove_trees(channel: Channel, vector: Bytes, hidden: Bytes, delta: bytes, session: bytes) -> None:
    challenge = channel.recv_array("vole/challenge", np.uint8, (2, ELEMENT_BYTES))
    own = np.frombuffer(gf128_polynomial(vector, challenge[0].tobytes()), dtype=np.uint8)
    own = own ^ hidden[0] ^ gf128_scale(challenge[1:], delta)[0]
    digest = ot.named_hash("leaves", session, challenge, own)
    channel.send_array("vole/trees", np.frombuffer(digest, dtype=np.uint8))
