"""Truth values shared by exclusive or: streams of bits, and bits on their way.

A share is an array of uint8, each 0 or 1, in the value's shape. Streams, masks and messages are packed: eight
to a byte, the first in the lowest place, each array beginning with a byte of its own. What lies in the last
byte beyond the array is random and means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.seeds import SeedBook, pair_label
from coterie.mpc.tape import WORD, Call

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party

Truths: TypeAlias = NDArray[np.uint8]
"""0 or 1 each."""
Packed: TypeAlias = NDArray[np.uint8]

ONES = np.uint8(255)


def packed_bytes(n: int) -> int:
    """Bytes of ``n`` bits."""
    return (n + 7) // 8


def pack(truths: Truths) -> Packed:
    """Eight to a byte, flat."""
    return np.packbits(np.asarray(truths).reshape(-1), bitorder="little")


def unpack(packed: Packed, shape: tuple[int, ...]) -> Truths:
    """The first of them, in a shape."""
    n = int(np.prod(shape, dtype=np.int64))
    return np.unpackbits(packed, count=n, bitorder="little").reshape(shape)


def stream(book: SeedBook, label: str, id: int, n: int, use: str) -> Packed:
    """``n`` random bits of a seed."""
    size = packed_bytes(n)
    words = book.words(label, id, -(-size // WORD), use)
    return words.view(np.uint8)[:size]


def streams(book: SeedBook, labels: Sequence[str], id: int, n: int, use: str) -> Packed:
    """The exclusive or of the streams of several seeds."""
    total = stream(book, labels[0], id, n, use)
    for label in labels[1:]:
        total ^= stream(book, label, id, n, use)
    return total


def mask_share(party: Party, call: Call, id: int, n: int) -> Packed:
    """This party's share of ``n`` random bits, which the dealer knows."""
    return stream(party.book, party.me, id, n, f"{call.tag} mask")


def mask(dealer: Dealer, call: Call, id: int, n: int) -> Packed:
    """The same bits, whole, at the dealer."""
    return streams(dealer.book, dealer.setting.parties, id, n, f"{call.tag} mask")


def dealt(party: Party, call: Call, id: int, n: int, part: str = "") -> Packed:
    """This party's share of ``n`` bits that the dealer chose."""
    if party.is_last:
        return party.correction(call, np.uint8, (packed_bytes(n),), part)
    return stream(party.book, party.me, id, n, f"{call.tag} dealt{part}")


def deal(dealer: Dealer, call: Call, id: int, chosen: Packed, n: int, part: str = "") -> None:
    """Share ``n`` chosen bits: send the last party what the others' streams lack."""
    others = dealer.expanding
    dealer.send_raw(call, chosen ^ streams(dealer.book, others, id, n, f"{call.tag} dealt{part}"), part)


def join(party: Party, call: Call, masked: Packed, part: str = "") -> Packed:
    """The exclusive or of everybody's masked shares. One round; ``masked`` must not change afterwards."""
    total = masked
    for theirs in party.broadcast(call, masked, part):
        total = total ^ theirs
    return total


def zero_share(party: Party, call: Call, id: int, n: int) -> Packed:
    """This party's share of zeros, from the seeds that it has with each other party: covers what is
    revealed."""
    labels = [pair_label(party.me, other) for other in party.others]
    return streams(party.book, labels, id, n, f"{call.tag} zero sharing")
