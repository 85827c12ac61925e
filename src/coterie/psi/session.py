"""How parties begin an intersection in buckets: they draw a session together, or go on with one that broke
off.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes
from coterie.psi.checkpoint import Checkpoint, Progressed
from coterie.psi.rows import RandomBytes
from coterie.psi.statement import HELLO_BYTES

if TYPE_CHECKING:
    from coterie.wire import Mesh

Bytes = NDArray[np.uint8]

SESSION_BYTES = 16
_HELLO = np.dtype([("draw", "u1", 16), ("name", "u1", 16), ("done", "<u4")])
"""A contribution to the session; which run this party could go on with, and where."""
_SESSION_KEY = b"coterie/psi/session/v1".ljust(32, b"\0")


def begin(
    mesh: Mesh,
    order: tuple[str, ...],
    checkpoint: Checkpoint | None,
    purpose: str,
    hashes: Bytes,
    count: int,
    random: RandomBytes,
) -> Progressed:
    """Say hello to all others; gives the session, with what is done of it.

    A session only deals rows into buckets and into cells of tables. Nobody can choose it, unless all others
    are told its contribution before it sends its own: then it can make a bucket overflow, which ends the run.

    :param order: all parties, in the same order at all.
    :param purpose: all that a run depends on beside the own rows: what was kept for something else is not
        used.
    :param hashes: the own rows.
    :param count: how many buckets there are.
    """
    digest, saved = bytes(32), None
    if checkpoint is not None:
        rows = hashlib.sha256(hashes.tobytes()).digest()
        digest = hashlib.sha256(hash_of(purpose.encode()) + rows).digest()
        saved = Progressed.read(checkpoint.load(), digest, len(hashes), count)
    hello = np.zeros(1, dtype=_HELLO)
    hello["draw"] = np.frombuffer(random(SESSION_BYTES), dtype=np.uint8)
    if saved is not None:
        hello["name"] = np.frombuffer(saved.name, dtype=np.uint8)
        hello["done"] = saved.done
    said = {mesh.me: hello}
    peers = [party for party in order if party != mesh.me]
    for peer in peers:
        mesh.to(peer).send_array("psi/hello", hello.view(np.uint8))
    for peer in peers:
        said[peer] = mesh.to(peer).recv_array("psi/hello", np.uint8, (HELLO_BYTES,)).view(_HELLO)
    if saved is not None and all(one["name"].tobytes() == saved.name for one in said.values()):
        del saved.found[min(int(one["done"][0]) for one in said.values()) :]
        if checkpoint is not None and saved.done:
            checkpoint.used()
        return saved
    drawn = b"".join(said[party]["draw"].tobytes() for party in order)
    return Progressed(hash_of(drawn)[:SESSION_BYTES], digest, count)


def hash_of(data: bytes) -> bytes:
    """32 bytes of public data."""
    whole = np.frombuffer(data, dtype=np.uint8)
    return keyed_hashes((whole, np.array([0, len(whole)], dtype=np.int64)), _SESSION_KEY).tobytes()


def derived(session: bytes, what: str, number: int) -> bytes:
    """A key of 16 bytes for one use."""
    return hash_of(session + f"{what} {number}".encode())[:SESSION_BYTES]
