"""Diffie-Hellman set intersection of two parties.

Both sides run the same program at the same time. With H a hash to the group, and a and b secret scalars that
each side draws for this run alone:

1. *Points.* A sends H(x)^a for each of its rows x, in a secret random order; B sends H(y)^b likewise.
2. *Tags.* B raises each of A's points to b and returns a short hash of it, in the order received; A likewise.
   Both now have the tags of all rows of both: tag(x) = hash(H(x)^ab).
3. *Digests.* Equal tags are common rows, sorted by tag at both sides. Each sends a hash of the sorted common
   tags.

What each side sees: the other's points are random elements to it (decisional Diffie-Hellman, H as random
oracle) in an order that says nothing; so are the tags. It can tell which of *its own* rows are common, since
it knows in which order it sent them; of the other's rows it sees only that a tag at a meaningless place is a
common one. The order of the result, by tag, is random as well, and says nothing about the order of rows in
either table.

Tags are hashes of the encoded points, not their first bytes: an encoding has bits that are always zero, and a
hash is uniform when cut to any length.

Sources: Meadows, "A more efficient cryptographic matchmaking protocol" (1986); Huberman, Franklin, Hogg,
"Enhancing privacy and trust in electronic communities" (1999). Group: RFC 9496. Hash to it: RFC 9380.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes, ristretto_hash_mul, ristretto_mul, ristretto_scalar
from coterie.psi.errors import AMBIGUOUS, BAD_POINT, RESULTS_DIFFER
from coterie.psi.matching import AmbiguousTagError, Matches, match
from coterie.psi.rows import (
    CHUNK,
    Alignment,
    Progress,
    RandomBytes,
    check,
    check_distinct,
    chunks,
    permutation,
)
from coterie.psi.statement import DIGEST_BYTES, POINT_BYTES, tag_bytes

if TYPE_CHECKING:
    from coterie.wire import Channel, Mesh

_TAG_KEY = b"coterie/psi/tag/v1".ljust(32, b"\0")
"""Public: it separates these hashes from all others."""


def align(
    mesh: Mesh,
    peer: str,
    hashes: NDArray[np.uint8],
    peer_rows: int,
    *,
    to: str | None = None,
    progress: Progress | None = None,
    chunk: int = CHUNK,
    random: RandomBytes = secrets.token_bytes,
) -> Alignment | None:
    """Find the rows that this party and ``peer`` have in common. The peer calls it at the same time.

    Reveals to each party which of its own rows are common, and the other's number of rows; see ``STATEMENT``.
    Sends exactly the bytes of :func:`coterie.psi.cost`, all within the mesh's present step.

    :param hashes: shape (n, 32), uint8: the keyed hash of each row's id. Equal ids have equal hashes at both.
    :param peer_rows: the peer's number of rows, as the plan says.
    :param to: the party that alone learns the result: only its points come back, and only it compares. None
        for both.
    :param progress: called as ``progress(done, total, what)``, in rows worked on; may raise to cancel.
    :param chunk: rows of a message; the same at both parties.
    :param random: the source of secret randomness: anything but the operating system's makes a run insecure.
    :returns: own row numbers in an order that is the same at both parties, and random; None at a party that
        does not learn the result.

    Errors: CT-2001 (a party has no rows), CT-2002 (two own rows have one id; nothing was sent), CT-2003 (the
    peer sent no group elements), CT-2004 (the peer's rows are not distinct), CT-2005 (the peer found other
    rows), CT-2006 (wrong arguments), CT-1202 (the peer has another number of rows), and those of the channel.
    The caller tells the peers, by ``mesh.fail``.
    """
    check(hashes, [peer_rows], chunk)
    check_distinct(hashes)
    session = _Session(mesh.to(peer), hashes, peer_rows, progress, chunk, random)
    order = session.send_points()
    theirs = session.answer_points(send=to is None or to == peer)
    if to == peer:
        return None
    own = session.receive_tags()
    matches = session.match(own, theirs)
    if to is None:
        session.confirm(matches)
    return Alignment(order[matches.own])


class _Session:
    """One run at one party."""

    def __init__(
        self,
        channel: Channel,
        hashes: NDArray[np.uint8],
        peer_rows: int,
        progress: Progress | None,
        chunk: int,
        random: RandomBytes,
    ) -> None:
        self._channel = channel
        self._hashes = hashes
        self._peer_rows = peer_rows
        self._progress = progress
        self._chunk = chunk
        self._random = random
        self._secret = ristretto_scalar(random(64))
        self._width = tag_bytes(len(hashes), peer_rows)
        self._done = 0

    def send_points(self) -> NDArray[np.int64]:
        """Blind own rows and send them; their order.

        All of it before anything is received: both sides then work at once, and no message waits for another.
        """
        order = permutation(len(self._hashes), self._random)
        for start, end in chunks(len(order), self._chunk):
            shuffled = self._hashes[order[start:end]]
            self._channel.send_array("psi/points", ristretto_hash_mul(shuffled, self._secret))
            self._advance(end - start, "blinding own rows")
        return order

    def answer_points(self, *, send: bool) -> NDArray[np.uint8]:
        """Blind the peer's points a second time and return the tags to it, if it may know; these tags."""
        tags = np.empty((self._peer_rows, self._width), dtype=np.uint8)
        for start, end in chunks(self._peer_rows, self._chunk):
            points = self._channel.recv_array("psi/points", np.uint8, (end - start, POINT_BYTES))
            tags[start:end] = self._tags(points, start)
            if send:
                self._channel.send_array("psi/tags", tags[start:end])
            self._advance(end - start, "blinding the peer's rows")
        return tags

    def _tags(self, points: NDArray[np.uint8], start: int) -> NDArray[np.uint8]:
        try:
            blinded = ristretto_mul(points, self._secret)
        except ValueError as error:
            raise BAD_POINT(f"from row {start}: {error}", party=self._channel.peer) from error
        cuts = np.arange(0, blinded.size + 1, POINT_BYTES, dtype=np.int64)
        return keyed_hashes((blinded.reshape(-1), cuts), _TAG_KEY)[:, : self._width]

    def receive_tags(self) -> NDArray[np.uint8]:
        """The peer's answers: the tags of own rows in the order in which they were sent."""
        tags = np.empty((len(self._hashes), self._width), dtype=np.uint8)
        for start, end in chunks(len(tags), self._chunk):
            tags[start:end] = self._channel.recv_array("psi/tags", np.uint8, (end - start, self._width))
        return tags

    def match(self, own: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> Matches:
        try:
            return match(own, theirs)
        except AmbiguousTagError as error:
            raise AMBIGUOUS("its rows or its answers repeat", party=self._channel.peer) from error

    def confirm(self, matches: Matches) -> None:
        """Compare the results with the peer."""
        self._channel.send_array("psi/digest", np.frombuffer(matches.digest, dtype=np.uint8))
        digest = self._channel.recv_array("psi/digest", np.uint8, (DIGEST_BYTES,))
        if digest.tobytes() != matches.digest:
            raise RESULTS_DIFFER("the digests are not equal", party=self._channel.peer)

    def _advance(self, rows: int, what: str) -> None:
        self._done += rows
        if self._progress:
            self._progress(self._done, len(self._hashes) + self._peer_rows, what)
