"""Messages of a secure sum as bytes: a byte that says which, then fields of fixed sizes.

====  ==========  ==================================================================================
kind  from        what
====  ==========  ==================================================================================
1     contributor digest of the sum; keys; signature
2     coordinator bitmap of who is there; keys and signature of each
3     contributor its coin (where not all are neighbours)
4     coordinator bitmap of who has opened its coin; the coins
5     contributor commitments to each share, for itself and its neighbours; the shares sealed for these
6     coordinator bitmap of who has shared; the shares sealed for the receiver
7     contributor masked values; where not all are neighbours: signature of who has shared
8     coordinator bitmap of whose masked values came; such signatures of the receiver's neighbours
9     contributor signature of all that was said
10    coordinator bitmap of signers; signatures
11    contributor bitmap of shares that it cannot read; the other shares
12    coordinator the total
13    coordinator to who hears of a sum of others: bitmap of whose values are in the total; digest of who
                  has shared; the total
====  ==========  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from coterie.fl.errors import BAD_MESSAGE
from coterie.fl.session import DIGEST, SEED, SIGNATURE, bitmap, bitmap_bytes, extended, places_of


class Kind(IntEnum):
    """The first byte of a message."""

    KEYS = 1
    ALL_KEYS = 2
    COIN = 3
    COINS = 4
    SHARES = 5
    SEALED = 6
    MASKED = 7
    SURVIVORS = 8
    SIGNATURE = 9
    SIGNATURES = 10
    ANSWER = 11
    TOTAL = 12
    HEARD = 13


COIN = 32
SEALED = 2 * SEED + 16
"""Of two shares, with the tag of AES-GCM."""
COMMITMENT = 16
"""To a share. Finding another share for one takes 2^128 work; the owner of both gains nothing."""
_BODY = 4 * 32
KEYS_ENTRY = _BODY + SIGNATURE


@dataclass(frozen=True)
class Keys:
    """What a contributor says of itself at the start of a sum."""

    sealing: bytes
    """X25519 key: shares for it are sealed by it."""
    masking: bytes
    """X25519 key: masks of pairs come of it."""
    coin: bytes
    """Commitment to its coin."""
    self_mask: bytes
    """Commitment to the seed of its own mask."""
    signature: bytes = b""

    @property
    def body(self) -> bytes:
        """What is signed, with the digest of the sum and the place."""
        return self.sealing + self.masking + self.coin + self.self_mask

    @classmethod
    def read(cls, data: bytes) -> Keys:
        """Of ``KEYS_ENTRY`` bytes."""
        sealing, masking, coin, self_mask = (data[at : at + 32] for at in range(0, _BODY, 32))
        return cls(sealing, masking, coin, self_mask, data[_BODY:])


def keys_message(digest: bytes, place: int, keys: Keys) -> bytes:
    """What a contributor signs of its keys.

    :param digest: of the session.
    """
    return digest + place.to_bytes(2, "little") + keys.body


def committed(digest: bytes, what: str, place: int, secret: bytes) -> bytes:
    """A commitment to a random secret of whoever has that place.

    :param digest: of the session.
    """
    return extended(digest, what, place.to_bytes(2, "little") + secret)


def share_commitment(digest: bytes, what: str, owner: int, holder: int, share: bytes) -> bytes:
    """A commitment to a share, which is as good as random to who lacks it."""
    places = owner.to_bytes(2, "little") + holder.to_bytes(2, "little")
    return extended(digest, f"share {what}", places + share)[:COMMITMENT]


def write(kind: Kind, *fields: bytes | memoryview) -> bytes:
    """A message."""
    return b"".join((bytes([kind]), *fields))


class Reader:
    """Reads the fields of a message, and insists that it is of the kind due and has no byte more or less."""

    def __init__(self, data: bytes, kind: Kind, sender: str) -> None:
        self._sender = sender
        self._data = memoryview(data)
        self._at = 1
        if len(data) < 1 or data[0] != kind:
            said = f"kind {data[0]}" if len(data) else "nothing"
            raise BAD_MESSAGE(f"{said} where {kind.name} is due", party=sender)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        return bytes(self.view(size))

    def view(self, size: int) -> memoryview:
        """The next bytes, not copied."""
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise BAD_MESSAGE(f"{len(self._data)} bytes, too few", party=self._sender)
        self._at += size
        return part

    def many(self, count: int, size: int) -> list[bytes]:
        """So many fields of one size."""
        data = self.take(count * size)
        return [data[at : at + size] for at in range(0, count * size, size)]

    def places(self, count: int) -> tuple[int, ...]:
        """A set of places out of so many."""
        found = places_of(self.take(bitmap_bytes(count)), count)
        if found is None:
            raise BAD_MESSAGE("a bitmap with bits beyond its last", party=self._sender)
        return found

    def end(self) -> None:
        """That was all."""
        if self._at != len(self._data):
            raise BAD_MESSAGE(f"{len(self._data)} bytes, too many", party=self._sender)


def keys_size() -> int:
    """Bytes of a contributor's keys."""
    return 1 + DIGEST + KEYS_ENTRY


def all_keys_size(contributors: int, there: int) -> int:
    """Bytes of the list of keys."""
    return 1 + bitmap_bytes(contributors) + there * KEYS_ENTRY


def shares_size(neighbours: int) -> int:
    """Bytes of a contributor's shares and commitments."""
    return 1 + 2 * COMMITMENT * (neighbours + 1) + SEALED * neighbours


def sealed_size(contributors: int, neighbours: int) -> int:
    """Bytes of the shares for one contributor."""
    return 1 + bitmap_bytes(contributors) + SEALED * neighbours


def signatures_size(contributors: int, signers: int) -> int:
    """Bytes of all signatures."""
    return 1 + bitmap_bytes(contributors) + SIGNATURE * signers


def answer_size(asked: int, lacking: int = 0) -> int:
    """Bytes of a contributor's answer about so many others and itself."""
    return 1 + bitmap_bytes(asked) + SEED * (asked - lacking)


def heard_size(contributors: int, payload: int) -> int:
    """Bytes by which others hear of a total."""
    return 1 + bitmap_bytes(contributors) + DIGEST + payload


def listed(kind: Kind, places: Sequence[int], count: int, *fields: bytes) -> bytes:
    """A message of the coordinator that begins with a set of places."""
    return write(kind, bitmap(places, count), *fields)
