"""How parties begin an intersection in buckets: they draw a session together, or go on with one that broke
off.

A session deals rows into buckets and into cells of tables. That buckets overflow, or that rows have no table,
is rare for rows that were there before the session was drawn. Who could choose the session could make it
happen for rows of its choice: whether the run ends would then tell it whether another party has them. So a
session is drawn in two rounds:

1. *Hello.* Each party commits to 32 random bytes, its draw, and says which run it could go on with.
2. *Draws.* Once it has heard all hellos, it opens its draw, and sends a digest of all of them as it heard
   them.

The session is a hash of all draws. Nobody can choose it, not even all others together: a party opens its own
draw after all commitments that go into its session, and a commitment is a hash of the draw and of who drew
it. Whoever is last to open can keep its draw to itself and so ends the run, as it can at any time.

With three parties and more, one might tell each of the others something else. Digests then differ, and the
run ends: parties who go on have heard the same hellos, so the same commitments, so the same draws. By then
they have said nothing but random bytes.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes
from coterie.psi.checkpoint import Checkpoint, Progressed
from coterie.psi.errors import HEARD_OTHERWISE, NOT_COMMITTED
from coterie.psi.rows import RandomBytes

if TYPE_CHECKING:
    from coterie.wire import Mesh

Bytes = NDArray[np.uint8]
Record = NDArray[np.void]

SESSION_BYTES = 16
_DRAWN = 32
"""Bytes of a draw: as it is random, its hash hides it."""
_HELLO = np.dtype([("commitment", "u1", 32), ("name", "u1", 16), ("done", "<u4")])
"""A commitment to a draw; which run this party could go on with, and where."""
_DRAW = np.dtype([("draw", "u1", _DRAWN), ("heard", "u1", 32)])
"""What was committed to, and the digest of all hellos."""
_SESSION_KEY = b"coterie/psi/session/v1".ljust(32, b"\0")
_COMMITMENT_DOMAIN = b"coterie/psi/session/commitment/v1\0"
_HEARD_DOMAIN = b"coterie/psi/session/heard/v1\0"


def begin(
    mesh: Mesh,
    order: tuple[str, ...],
    checkpoint: Checkpoint | None,
    purpose: str,
    hashes: Bytes,
    count: int,
    random: RandomBytes,
) -> Progressed:
    """Draw a session with all others; gives it, with what is done of it.

    :param order: all parties, in the same order at all.
    :param purpose: all that a run depends on beside the own rows: what was kept for something else is not
        used.
    :param hashes: the own rows.
    :param count: how many buckets there are.

    Errors: CT-2021 (a peer's draw is not what it had committed to), CT-2025 (a peer has heard other hellos).
    """
    digest, saved = bytes(32), None
    if checkpoint is not None:
        rows = hashlib.sha256(hashes.tobytes()).digest()
        digest = hashlib.sha256(hash_of(purpose.encode()) + rows).digest()
        saved = Progressed.read(checkpoint.load(), digest, len(hashes), count)
    draw = random(_DRAWN)
    hello = np.zeros(1, dtype=_HELLO)
    hello["commitment"] = np.frombuffer(_commitment(mesh.me, draw), dtype=np.uint8)
    if saved is not None:
        hello["name"] = np.frombuffer(saved.name, dtype=np.uint8)
        hello["done"] = saved.done
    said = _exchanged(mesh, order, "psi/hello", hello)
    drawn = _opened(mesh, order, draw, said)
    if saved is not None and all(one["name"].tobytes() == saved.name for one in said.values()):
        del saved.found[min(int(one["done"][0]) for one in said.values()) :]
        if checkpoint is not None and saved.done:
            checkpoint.used()
        return saved
    return Progressed(hash_of(drawn)[:SESSION_BYTES], digest, count)


def _exchanged(mesh: Mesh, order: tuple[str, ...], tag: str, own: Record) -> dict[str, Record]:
    """What each party says, the own included; all of it is sent before anything is waited for."""
    peers = [party for party in order if party != mesh.me]
    for peer in peers:
        mesh.to(peer).send_array(tag, own.view(np.uint8))
    shape = (own.dtype.itemsize,)
    heard = {peer: mesh.to(peer).recv_array(tag, np.uint8, shape).view(own.dtype) for peer in peers}
    return {**heard, mesh.me: own}


def _opened(mesh: Mesh, order: tuple[str, ...], draw: bytes, said: dict[str, Record]) -> bytes:
    """All draws, one after the other, each of them checked."""
    heard = hashlib.sha256(_HEARD_DOMAIN + b"".join(said[party].tobytes() for party in order)).digest()
    opened = _exchanged(mesh, order, "psi/draw", np.frombuffer(draw + heard, dtype=_DRAW))
    draws = {party: one["draw"].tobytes() for party, one in opened.items()}
    for party in order:
        commitment = said[party]["commitment"].tobytes()
        if not hmac.compare_digest(_commitment(party, draws[party]), commitment):
            raise NOT_COMMITTED("its draw for the session", party=party)
    for party in order:
        if opened[party]["heard"].tobytes() != heard:
            # With three parties this one may be honest, and the one deceived.
            raise HEARD_OTHERWISE("what it has heard of all is not what was said here", party=party)
    return b"".join(draws[party] for party in order)


def _commitment(party: str, draw: bytes) -> bytes:
    """To a draw of that party: nobody else can open a copy of it."""
    name = party.encode()
    return hashlib.sha256(_COMMITMENT_DOMAIN + len(name).to_bytes(4, "little") + name + draw).digest()


def hash_of(data: bytes) -> bytes:
    """32 bytes of public data."""
    whole = np.frombuffer(data, dtype=np.uint8)
    return keyed_hashes((whole, np.array([0, len(whole)], dtype=np.int64)), _SESSION_KEY).tobytes()


def derived(session: bytes, what: str, number: int) -> bytes:
    """A key of 16 bytes for one use."""
    return hash_of(session + f"{what} {number}".encode())[:SESSION_BYTES]
