"""What an intersection by an oblivious pseudo-random function takes: exact bytes and rounds, from public
sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from coterie._kernels import okvs_cells
from coterie.psi import oprf, vole
from coterie.psi.buckets import MOST_ROWS, Buckets, size
from coterie.psi.dealt import dealt_bytes
from coterie.psi.method import Method
from coterie.psi.statement import (
    BEGIN_BYTES,
    DIGEST_BYTES,
    DRAW_BYTES,
    HELLO_BYTES,
    SEED_BYTES,
    STATISTICAL_BITS,
    asker,
    share_bytes,
)
from coterie.psi.statement import tag_bytes as pair_tag_bytes

MALICIOUS_TAG_BYTES = 16
"""So that a sender cannot find two rows with one tag: 2^64 work, as for any hash of 128 bits that must not be
found twice by who has a key of its own in it; see ``by_oprf.py``."""

_MEMORY_PER_CELL = 260
"""Bytes at the receiver while it expands correlations: noise and sums of both vectors, table and its
masks."""
_MEMORY_PER_ROW = 96
"""Of the whole set: items, orders, row numbers."""

_OF_CORRELATIONS, _OF_A_ROW = 80_000_000, 400
"""Ring multiplications that take about as long as a bucket's correlations, and as a row of either party."""


@dataclass
class Clock:
    """Counts bytes, and the depth of each party as its mesh does, along the messages of a protocol."""

    sent: dict[str, dict[str, int]] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)

    def messages(self, *messages: tuple[str, str, int]) -> None:
        """Messages (sender, receiver, bytes) that are sent before any of them is received."""
        arrive = []
        for sender, receiver, count in messages:
            peers = self.sent.setdefault(sender, {})
            peers[receiver] = peers.get(receiver, 0) + count
            arrive.append((receiver, self.depths.get(sender, 0) + 1))
        for receiver, depth in arrive:
            self.depths[receiver] = max(self.depths.get(receiver, 0), depth)

    def times(self, count: int, once: Callable[[], None]) -> None:
        """The same messages so many times, one after the other.

        A peer's number of rows may be of any size: they are gone through until each time adds the same, which
        is after a few, and then multiplied.
        """
        for done in range(1, count + 1):
            depths, sent = dict(self.depths), {one: dict(peers) for one, peers in self.sent.items()}
            once()
            added = {one: depth - depths.get(one, 0) for one, depth in self.depths.items()}
            if self._steady(depths, added):
                left = count - done
                for one, depth in added.items():
                    self.depths[one] += left * depth
                for one, peers in self.sent.items():
                    for peer, size in peers.items():
                        peers[peer] += left * (size - sent.get(one, {}).get(peer, 0))
                return

    def _steady(self, before: Mapping[str, int], added: Mapping[str, int]) -> bool:
        """Whether each time from now on adds to depths what the last one has: all who go on do so in step,
        and who does not is behind them, so that its messages make nobody later.
        """
        moving = [one for one, depth in added.items() if depth]
        behind = max((before.get(one, 0) for one in self.sent if one not in moving), default=0)
        return len({added[one] for one in moving}) == 1 and behind < min(before.get(one, 0) for one in moving)


def tag_bytes(cut: Buckets, method: Method) -> int:
    """Bytes of a tag: so many bits that rows of a bucket that differ have one tag with probability below
    2^-40, in all buckets together; rounded up.
    """
    if method.security == "malicious":
        return MALICIOUS_TAG_BYTES
    receiver, sender = ((one - 1).bit_length() for one in cut.sizes)
    return -(-(receiver + sender + (cut.count - 1).bit_length() + STATISTICAL_BITS) // 8)


def cut_of(method: Method, receiver_rows: int, sender_rows: int) -> Buckets:
    """How the sets of the two are cut into buckets."""
    most = () if method.bucket_rows is None else (method.bucket_rows,)
    return Buckets.of(receiver_rows, sender_rows, *most)


def count_oprf(clock: Clock, method: Method, receiver: str, sender: str, items: int) -> None:
    """The messages by which the receiver gets the function of its items."""
    malicious = method.security == "malicious"
    cells = okvs_cells(items)
    if method.dealer is not None:
        given, taken = dealt_bytes(cells)
        clock.messages((method.dealer, sender, given), (method.dealer, receiver, taken))
    else:
        count_vole(clock, receiver, sender, cells, malicious=malicious)
    if malicious:
        clock.messages((sender, receiver, oprf.COMMITMENT_BYTES))
    clock.messages((receiver, sender, oprf.CELL_BYTES * cells + (oprf.COIN_BYTES if malicious else 0)))
    if malicious:
        clock.messages((sender, receiver, 2 * oprf.COIN_BYTES))


def count_vole(clock: Clock, receiver: str, sender: str, cells: int, *, malicious: bool) -> None:
    """The messages of a silent evaluation: the sender gives, the receiver takes."""
    names = {"giver": sender, "taker": receiver}
    for turn in vole.vole_turns(cells, malicious=malicious):
        clock.messages(
            *((names[who], names["taker" if who == "giver" else "giver"], size) for who, size in turn)
        )


def count_pair(
    clock: Clock, method: Method, receiver: tuple[str, int], sender: tuple[str, int], *, tell_both: bool
) -> None:
    """All messages of :func:`coterie.psi.by_oprf.align_by_oprf`."""
    (one, asked), (other, answering) = receiver, sender
    cut = cut_of(method, asked, answering)
    width = tag_bytes(cut, method)
    for said in (HELLO_BYTES, DRAW_BYTES):
        clock.messages((one, other, said), (other, one, said))
    if method.dealer is not None:
        clock.messages((one, method.dealer, BEGIN_BYTES), (other, method.dealer, BEGIN_BYTES))

    def bucket() -> None:
        count_oprf(clock, method, one, other, cut.sizes[0])
        clock.messages((other, one, width * cut.sizes[1]))
        if tell_both:
            clock.messages((one, other, -(-cut.sizes[1] // 8) + DIGEST_BYTES))

    clock.times(cut.count, bucket)


def sizes_of(method: Method, rows: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """How many buckets there are, and how many rows of each of several parties a bucket holds."""
    count = -(-max(rows.values()) // (method.bucket_rows or MOST_ROWS))
    return count, {party: size(one, count) for party, one in rows.items()}


def count_several(clock: Clock, method: Method, rows: Mapping[str, int]) -> None:
    """All messages of :func:`coterie.psi.several.align_several`."""
    count, sizes = sizes_of(method, rows)
    first = asker(sizes)
    answerers = [party for party in sizes if party != first]
    pairs = [(one, other) for one in rows for other in rows if one != other]
    asked, tag = sizes[first], pair_tag_bytes(sizes[first], sum(sizes[party] for party in answerers))
    for said in (HELLO_BYTES, DRAW_BYTES):
        clock.messages(*((one, other, said) for one, other in pairs))
    if method.dealer is not None:
        clock.messages(*((party, method.dealer, BEGIN_BYTES) for party in rows))

    def bucket() -> None:
        clock.messages(*((one, other, SEED_BYTES) for one, other in combinations(answerers, 2)))
        for party in answerers:
            count_oprf(clock, method, first, party, asked)
            clock.messages((party, first, share_bytes(asked) * okvs_cells(sizes[party])))
        clock.messages(*((first, party, SEED_BYTES + tag * asked) for party in answerers))
        clock.messages(*((one, other, DIGEST_BYTES) for one, other in pairs))

    clock.times(count, bucket)


def memory_of(method: Method, receiver_rows: int, sender_rows: int) -> int:
    """Bytes at the party that needs more, at most, beyond the hashes given and the indices returned."""
    cut = cut_of(method, receiver_rows, sender_rows)
    bucket = _MEMORY_PER_CELL * okvs_cells(cut.sizes[0]) + 160 * cut.sizes[1]
    return bucket + _MEMORY_PER_ROW * max(receiver_rows, sender_rows) + (8 << 20)


def operations_of(cut: Buckets) -> int:
    """About as many ring multiplications as take the same time, for the estimate."""
    return cut.count * (_OF_CORRELATIONS + _OF_A_ROW * sum(cut.sizes))


def memory_of_several(method: Method, rows: Mapping[str, int]) -> int:
    """The same for three parties and more."""
    _, sizes = sizes_of(method, rows)
    asked, most = min(sizes.values()), max(sizes.values())
    bucket = _MEMORY_PER_CELL * okvs_cells(asked) + 136 * most + 2 * oprf.CELL_BYTES * okvs_cells(most)
    return bucket + _MEMORY_PER_ROW * max(rows.values()) + (8 << 20)


def operations_of_several(method: Method, rows: Mapping[str, int]) -> int:
    """The same for three parties and more."""
    count, sizes = sizes_of(method, rows)
    asked, most = min(sizes.values()), max(sizes.values())
    return count * ((len(rows) - 1) * (_OF_CORRELATIONS + _OF_A_ROW * asked) + 2 * _OF_A_ROW * most)
