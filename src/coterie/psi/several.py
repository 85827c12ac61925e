"""Three to five parties by vector evaluations, in buckets: ``many.py`` with symmetric operations alone.

The protocol of ``many.py`` is run for each bucket (``buckets.py``), with the oblivious functions of
``oprf.py`` in place of Diffie-Hellman. Each party fills its part of a bucket with random rows, which nobody
else has, so that its size follows from the public sizes of the sets. What each sees is as there; which bucket
a row is in is seen by nobody else.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import okvs_cells
from coterie.psi.buckets import Cut
from coterie.psi.checkpoint import Checkpoint
from coterie.psi.costs import sizes_of
from coterie.psi.dealt import deal
from coterie.psi.errors import DISORDERED
from coterie.psi.functions import Gives, Takes
from coterie.psi.many import Many, run_many
from coterie.psi.memory import kept
from coterie.psi.method import Method
from coterie.psi.rows import Alignment, Progress, RandomBytes, check, check_distinct
from coterie.psi.session import begin, derived
from coterie.psi.statement import HASH_BYTES, ITEM_BYTES, asker

if TYPE_CHECKING:
    from coterie.wire import Mesh

Bytes = NDArray[np.uint8]

CHUNK = 1 << 16
"""Rows of a message."""


def align_several(
    mesh: Mesh,
    rows: Mapping[str, int],
    hashes: Bytes,
    method: Method,
    *,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> Alignment:
    """Find the rows that three to five parties have in common; all of them call it at the same time.

    See :func:`coterie.psi.intersect`, which chooses among protocols, for what they have in common.
    """
    check(hashes, [count for party, count in rows.items() if party != mesh.me], 1)
    with kept():
        check_distinct(hashes)
        return _aligned(mesh, rows, hashes, method, progress, checkpoint, random)


def _aligned(
    mesh: Mesh,
    rows: Mapping[str, int],
    hashes: Bytes,
    method: Method,
    progress: Progress | None,
    checkpoint: Checkpoint | None,
    random: RandomBytes,
) -> Alignment:
    count, sizes = sizes_of(method, rows)
    state = begin(mesh, tuple(rows), checkpoint, f"{mesh.me} {dict(rows)} {method}", hashes, count, random)
    if method.dealer is not None:
        mesh.to(method.dealer).send_array("psi/begin", np.array([state.done], dtype=np.uint32))
    items, size = np.ascontiguousarray(hashes[:, :ITEM_BYTES]), sizes[mesh.me]
    own = Cut.of(items, derived(state.session, "bucket", 0), count, size)
    total = sum(rows.values())

    for number in range(state.done, count):

        def advance(done: int, of: int, what: str, number: int = number) -> None:
            if progress:
                progress(int((number + min(1.0, done / max(1, of))) * total / count), total, what)

        which = own.rows(number)
        fill = np.frombuffer(random(HASH_BYTES * (size - len(which))), dtype=np.uint8)
        work = Many(
            mesh,
            sizes,
            np.concatenate([hashes[which], fill.reshape(-1, HASH_BYTES)]),
            advance,
            CHUNK,
            random,
            (Takes, Gives),
            derived(state.session, "items", number),
            method.dealer,
        )
        state.keep(which[run_many(work).indices], checkpoint)
    if checkpoint is not None:
        checkpoint.clear()
    return Alignment(np.concatenate(state.found))


def deal_for_several(mesh: Mesh, rows: Mapping[str, int], method: Method) -> int:
    """The dealer's part: the vector evaluations of each bucket.

    :returns: the first bucket that the parties asked for: not 0 where they go on with a run that broke off.

    Errors: CT-2023 (the parties begin at different places).
    """
    count, sizes = sizes_of(method, rows)
    asks = asker(sizes)
    begins = {int(mesh.to(party).recv_array("psi/begin", np.uint32, (1,))[0]) for party in rows}
    if len(begins) != 1 or (first := begins.pop()) > count:
        raise DISORDERED("the parties begin at different places", party=asks)
    cells = okvs_cells(sizes[asks])
    for _ in range(first, count):
        for party in sizes:
            if party != asks:
                deal(mesh.to(party), mesh.to(asks), cells)
    return first
