"""Set intersection of two parties by an oblivious pseudo-random function: symmetric operations alone.

One party is the *receiver*, by default the one with fewer rows; the other is the *sender*. A row's item x is
the first half of its keyed hash. Bucket by bucket (``buckets.py``):

1. *Function.* The receiver gets F of its items, the sender can compute F (``oprf.py``).
2. *Tags.* The sender sends the first bytes of F(y) of each of its items y, in ascending order, among those of
   random items. The receiver finds its own among them: common rows.
3. *Answer.* Where the result is for both, the receiver says which of the tags are common, one bit for each,
   and proves that it has these rows by a hash of the bytes of F that were not sent.

Common rows come bucket by bucket in the order of their tags, which is random, and the same at both.

Who sees what: tags of rows that are not common are as good as random to the receiver, and their order says
nothing. The sender sees a masked table, and the bits. Each party knows of its own rows which are common, and
of the other's only how many there are.

*Malicious parties* (``security="malicious"``): tags have 16 bytes, so that what a sender's tags stand for is
fixed when they are sent; all of them must ascend; and the function's steps are checked. Whether a sender is
found out does not depend on the receiver's rows. A receiver may have asked for more items than it has told
of, up to as many as its tables have cells (``oprf.py``), and can keep some common rows to itself: no protocol
between two is fair. It cannot name rows that it has not. A sender can leave out rows. Neither can learn
anything about rows that it could not have learnt by putting other ids among its own.

Sources: as in ``oprf.py``.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import match_tags, okvs_cells, sort_tags
from coterie.psi import oprf, vole
from coterie.psi.buckets import Cut
from coterie.psi.checkpoint import Checkpoint, Progressed
from coterie.psi.costs import cut_of, tag_bytes
from coterie.psi.dealt import deal, give_dealt, take_dealt
from coterie.psi.errors import AMBIGUOUS, DISORDERED, FALSE_CLAIM
from coterie.psi.memory import kept
from coterie.psi.method import Method
from coterie.psi.rows import Alignment, Progress, RandomBytes, check, check_distinct, gathered, leading
from coterie.psi.session import begin, derived
from coterie.psi.statement import DIGEST_BYTES, ITEM_BYTES

if TYPE_CHECKING:
    from coterie.wire import Channel, Mesh

Bytes = NDArray[np.uint8]

CHUNK_TAGS = 1 << 16
"""Tags of a message."""

_DIGEST_DOMAIN = b"coterie/psi/claim/v1\0"


def align_by_oprf(
    mesh: Mesh,
    peer: str,
    hashes: Bytes,
    peer_rows: int,
    method: Method,
    *,
    receiver: str,
    tell_both: bool = True,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> Alignment | None:
    """Find the common rows of this party and ``peer``; the peer calls it at the same time.

    See :func:`coterie.psi.align`, which chooses among protocols, for what they have in common.

    :param receiver: who finds the common rows, and tells the other; the same at both.
    :param tell_both: False where only the receiver shall know them: the sender gets None.
    """
    check(hashes, [peer_rows], 1)
    with kept():
        check_distinct(hashes)
        session = _Session(
            mesh, peer, hashes, peer_rows, method, receiver, tell_both, progress, checkpoint, random
        )
        return session.run()


def deal_for_oprf(mesh: Mesh, rows: Mapping[str, int], method: Method, *, receiver: str) -> int:
    """The dealer's part: the vector evaluation of each bucket.

    :param rows: rows of the two parties.
    :returns: the first bucket that they asked for: not 0 where they go on with a run that broke off.

    Errors: CT-2023 (the parties begin at different places).
    """
    (sender,) = (party for party in rows if party != receiver)
    cut = cut_of(method, rows[receiver], rows[sender])
    channels = mesh.to(sender), mesh.to(receiver)
    begins = {int(channel.recv_array("psi/begin", np.uint32, (1,))[0]) for channel in channels}
    if len(begins) != 1 or (first := begins.pop()) > cut.count:
        raise DISORDERED("the parties begin at different places", party=receiver)
    for _ in range(first, cut.count):
        deal(*channels, okvs_cells(cut.sizes[0]))
    return first


@dataclass(repr=False)
class _Session:
    """One run at one party."""

    mesh: Mesh
    peer: str
    hashes: Bytes
    peer_rows: int
    method: Method
    receiver: str
    tell_both: bool
    progress: Progress | None
    checkpoint: Checkpoint | None
    random: RandomBytes

    def __post_init__(self) -> None:
        self.channel: Channel = self.mesh.to(self.peer)
        self.receives = self.receiver == self.mesh.me
        mine, other = len(self.hashes), self.peer_rows
        self.cut = cut_of(self.method, *((mine, other) if self.receives else (other, mine)))
        self.size = self.cut.sizes[0 if self.receives else 1]
        self.width = tag_bytes(self.cut, self.method)
        self.malicious = self.method.security == "malicious"
        self.items = leading(self.hashes, ITEM_BYTES)

    def run(self) -> Alignment | None:
        state = self._begin()
        key = derived(state.session, "bucket", 0)
        own = Cut.of(self.items, key, self.cut.count, self.size)
        work = self._receive if self.receives else self._send
        for number in range(state.done, self.cut.count):
            self._advance(number, 0.0, "preparing")
            rows = work(number, own.rows(number), derived(state.session, "items", number))
            state.keep(rows, self.checkpoint)
            self._advance(number, 1.0, "bucket done")
        if self.checkpoint is not None:
            self.checkpoint.clear()
        if not self.receives and not self.tell_both:
            return None
        return Alignment(np.concatenate(state.found))

    def _begin(self) -> Progressed:
        """The session, and the dealer told where to begin."""
        purpose = (
            f"{self.mesh.me} {self.peer} {self.receiver} {self.peer_rows} {self.tell_both} {self.method}"
        )
        sender = self.peer if self.receives else self.mesh.me
        state = begin(
            self.mesh,
            (self.receiver, sender),
            self.checkpoint,
            purpose,
            self.hashes,
            self.cut.count,
            self.random,
        )
        if self.method.dealer is not None:
            first = np.array([state.done], dtype=np.uint32)
            self.mesh.to(self.method.dealer).send_array("psi/begin", first)
        return state

    def _items_of(self, rows: NDArray[np.int64]) -> Bytes:
        """Those of a bucket's rows; all of them, where there is one bucket."""
        return gathered(self.items, rows) if self.cut.count > 1 else self.items

    def _filled(self, items: Bytes) -> Bytes:
        """Items, and random ones up to the bucket's size."""
        missing = self.size - len(items)
        fill = np.frombuffer(self.random(ITEM_BYTES * missing), dtype=np.uint8)
        return np.concatenate([items, fill.reshape(missing, ITEM_BYTES)]) if missing else items

    def _receive(self, number: int, rows: NDArray[np.int64], session: bytes) -> NDArray[np.int64]:
        cells = okvs_cells(self.size)
        if self.method.dealer is not None:
            taken = take_dealt(self.mesh.to(self.method.dealer), cells)
        else:
            taken = vole.take(self.channel, cells, random=self.random, malicious=self.malicious)
        self._advance(number, 0.3, "correlations")
        items = self._filled(self._items_of(rows))
        values = oprf.receive(self.channel, items, taken, session, self.random, malicious=self.malicious)
        self._advance(number, 0.6, "own tags")
        tags = np.empty((self.cut.sizes[1], self.width), dtype=np.uint8)
        for start in range(0, len(tags), CHUNK_TAGS):
            part = tags[start : start + CHUNK_TAGS]
            part[:] = self.channel.recv_array("psi/tags", np.uint8, part.shape)
        if self.malicious:
            self._check_order(tags)
        return rows[self._matched(number, values[: len(rows)], tags)]

    def _check_order(self, tags: Bytes) -> None:
        """Refuse tags that do not ascend, before any is compared with own ones: if only common ones were
        looked at, whether the run ends would tell the sender something of them.
        """
        high, low = tags.view(">u8").T
        rises = (high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))
        if not rises.all():
            raise DISORDERED("they do not ascend", party=self.peer)

    def _matched(self, number: int, values: Bytes, tags: Bytes) -> NDArray[np.int64]:
        """Places of common rows among own values, in the order of their tags."""
        try:
            own, theirs = match_tags(np.ascontiguousarray(values[:, : self.width]), tags)
        except ValueError as error:
            raise AMBIGUOUS("its tags repeat", party=self.peer) from error
        if (np.diff(theirs) <= 0).any():
            raise DISORDERED("they do not ascend", party=self.peer)
        if self.tell_both:
            bits = np.zeros(len(tags), dtype=np.uint8)
            bits[theirs] = 1
            self.channel.send_array("psi/common", np.packbits(bits, bitorder="little"))
            self.channel.send_array("psi/claim", _claim(gathered(values, own), self.width))
        self._advance(number, 0.9, "matching")
        return own

    def _send(self, number: int, rows: NDArray[np.int64], session: bytes) -> NDArray[np.int64]:
        asked = self.cut.sizes[0]
        cells = okvs_cells(asked)
        if self.method.dealer is not None:
            given = give_dealt(self.mesh.to(self.method.dealer), cells)
        else:
            given = vole.give(self.channel, cells, random=self.random, malicious=self.malicious)
        self._advance(number, 0.3, "correlations")
        function = oprf.serve(self.channel, asked, given, session, self.random, malicious=self.malicious)
        values = function(self._filled(self._items_of(rows)))
        self._advance(number, 0.6, "own tags")
        tags = np.ascontiguousarray(values[:, : self.width])
        order = sort_tags(tags)
        tags = gathered(tags, order)
        for start in range(0, len(tags), CHUNK_TAGS):
            self.channel.send_array("psi/tags", tags[start : start + CHUNK_TAGS])
        self._advance(number, 0.9, "matching")
        if not self.tell_both:
            return np.zeros(0, dtype=np.int64)
        common = self._told(order, len(rows))
        if self.channel.recv_array("psi/claim", np.uint8, (DIGEST_BYTES,)).tobytes() != (
            _claim(gathered(values, common), self.width).tobytes()
        ):
            raise FALSE_CLAIM("the proof that it has them does not hold", party=self.peer)
        return rows[common]

    def _told(self, order: NDArray[np.int64], real: int) -> NDArray[np.int64]:
        """The places that the receiver says are common, in the order of their tags."""
        packed = self.channel.recv_array("psi/common", np.uint8, (-(-len(order) // 8),))
        bits = np.unpackbits(packed, bitorder="little")
        if bits[len(order) :].any():
            raise FALSE_CLAIM("behind the last tag", party=self.peer)
        common = order[np.flatnonzero(bits[: len(order)])]
        if (common >= real).any():
            raise FALSE_CLAIM("random ones", party=self.peer)
        return common

    def _advance(self, number: int, share: float, what: str) -> None:
        if self.progress:
            total = len(self.hashes) + self.peer_rows
            self.progress(int((number + share) * total / self.cut.count), total, what)


def _claim(values: Bytes, width: int) -> Bytes:
    """SHA-256 of what was not sent of the common rows' values, in their order."""
    digest = hashlib.sha256(_DIGEST_DOMAIN)
    digest.update(np.ascontiguousarray(values[:, width:]).data)
    return np.frombuffer(digest.digest(), dtype=np.uint8)
