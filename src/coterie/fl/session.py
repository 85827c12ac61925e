"""What a secure sum is about, the same at all who take part, and digests of all that was said in it.

Each digest goes on from the one before, so that who signs the last has signed everything that it was told::

    sum       what is summed, under which rules, by whom, after which totals
    keys      and everybody's keys, as the coordinator listed them
    coins     and the coins of the neighbours' graph, where there is one
    sharers   and who has shared its secrets
    survivors and whose values are in the total
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from coterie._kernels import ed25519_verify
from coterie.crypto import signed_bytes
from coterie.fl.errors import BAD_CALL
from coterie.fl.fixed import Fixed, count_elements
from coterie.fl.rules import Rules

DIGEST = 32
SEED = 16
SIGNATURE = 64
LEAST_RUN = 16
"""Bytes of a run's name at least: nobody has two runs of one name."""

_DOMAIN = "coterie/fl"
_VERSION = b"coterie/fl/v1\0"


@dataclass(frozen=True)
class Roster:
    """Who may contribute, in order, and by which key each signs in this run: raw Ed25519 keys, 32 bytes."""

    names: tuple[str, ...]
    keys: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.keys) or len(set(self.names)) != len(self.names):
            raise BAD_CALL("a roster has a name and a key for each, and no name twice")
        if any(len(key) != 32 for key in self.keys) or len(set(self.keys)) != len(self.keys):
            raise BAD_CALL("keys of a roster have 32 bytes, and no two are the same")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each name."""
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def _verifiers(self) -> tuple[Ed25519PublicKey, ...]:
        return tuple(Ed25519PublicKey.from_public_bytes(key) for key in self.keys)

    def signed(self, place: int, what: str, message: bytes, signature: bytes) -> bool:
        """Whether who has that place has signed this."""
        try:
            self._verifiers[place].verify(signature, signed_bytes(f"{_DOMAIN}/{what}", message))
        except InvalidSignature:
            return False
        return True

    def forged(self, what: str, signed: Mapping[int, tuple[bytes, bytes]]) -> int | None:
        """The first place that has not signed what it is said to have, None where all have.

        :param signed: message, of one length for all, and signature by place. All are checked at once, which
            takes a fifth of the time.
        """
        if not signed:
            return None
        rows = (
            b"".join(self.keys[place] for place in signed),
            b"".join(to_sign(what, message) for message, _ in signed.values()),
            b"".join(signature for _, signature in signed.values()),
        )
        arrays = (np.frombuffer(one, dtype=np.uint8).reshape(len(signed), -1) for one in rows)
        if ed25519_verify(*arrays):
            return None
        wrong = (place for place, (said, by) in signed.items() if not self.signed(place, what, said, by))
        return next(wrong, None)


def to_sign(what: str, message: bytes) -> bytes:
    """The bytes that are signed by a key of the run."""
    return signed_bytes(f"{_DOMAIN}/{what}", message)


@dataclass(frozen=True)
class Session:
    """One secure sum. All who take part have the same; no two sums of a run have the same number.

    Errors: CT-2403 for a roster of another size than the rules say, or a run's name below 16 bytes.
    """

    run: bytes
    """The run's name: bytes that no other run has."""
    number: int
    """Of the sum, in the run."""
    roster: Roster
    rules: Rules
    count: int
    """Values of each contributor."""
    form: Fixed
    hidden: bool = True
    """Whether a key of the contributors hides the total from the coordinator."""
    purpose: bytes = b""
    """What is summed: a digest, or nothing."""
    history: bytes = bytes(DIGEST)
    """Of the sum before: digest of all that was said in it, its total included. Contributors who were told
    different totals have different ones, and go no further."""

    def __post_init__(self) -> None:
        if len(self.roster) != self.rules.contributors:
            raise BAD_CALL(f"{len(self.roster)} on the roster, rules for {self.rules.contributors}")
        if not (len(self.run) >= LEAST_RUN and 0 <= self.number < 2**63 and 0 < self.count < 2**40):
            raise BAD_CALL(f"sum {self.number} of {self.count} values")
        if len(self.history) != DIGEST:
            raise BAD_CALL("a history that is no digest")
        self.form.limit(self.rules.contributors)

    @cached_property
    def digest(self) -> bytes:
        """Of all these."""
        rules = self.rules
        numbers = [
            *(len(self.run), self.number, self.count, self.form.bits, self.form.frac, self.hidden),
            *(rules.contributors, rules.minimum, rules.colluding, rules.threshold, rules.density),
        ]
        said = hashlib.sha256(_VERSION + b"".join(int(one).to_bytes(8, "little") for one in numbers))
        said.update(self.run + self.history + hashlib.sha256(self.purpose).digest())
        for name, key in zip(self.roster.names, self.roster.keys, strict=True):
            encoded = name.encode()
            said.update(len(encoded).to_bytes(4, "little") + encoded + key)
        return said.digest()

    @property
    def payload(self) -> int:
        """Bytes of a contributor's masked values."""
        return payload_of(self.count, self.form)


def payload_of(count: int, form: Fixed) -> int:
    """Bytes of so many masked values, and of the number of contributors behind them."""
    return (count + count_elements(form.bits)) * form.bits // 8


def extended(digest: bytes, what: str, data: bytes | memoryview) -> bytes:
    """The digest that goes on with this."""
    said = hashlib.sha256(digest + what.encode() + b"\0")
    said.update(data)
    return said.digest()


def derived(salt: bytes, what: str, secret: bytes, *places: int) -> bytes:
    """A seed of one use: HKDF-Extract (RFC 5869), its first half.

    :param salt: the digest of what was said so far.
    """
    label = what.encode() + b"\0" + b"".join(place.to_bytes(2, "little") for place in places)
    return hmac.digest(salt, label + secret, "sha256")[:SEED]


def bitmap(places: Iterable[int], count: int) -> bytes:
    """A set of places as bits, the lowest first."""
    bits = np.zeros(count, dtype=np.uint8)
    bits[list(places)] = 1
    return np.packbits(bits, bitorder="little").tobytes()


def bitmap_bytes(count: int) -> int:
    """Bytes of a :func:`bitmap`."""
    return -(-count // 8)


def places_of(data: bytes, count: int) -> tuple[int, ...] | None:
    """The places of a :func:`bitmap`, ascending; None where bits beyond the last are set."""
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), bitorder="little")
    if bits[count:].any():
        return None
    return tuple(int(place) for place in np.flatnonzero(bits))


def hidden_by(session: Session, sharers: bytes) -> bytes:
    """What a group's mask is made of: of the sum itself too, so that an old total is none of a later sum."""
    return extended(session.digest, "sharers", sharers)


def went_on(session: Session, sharers: bytes, survivors: Iterable[int], total: bytes | memoryview) -> bytes:
    """The history that the next sum goes on from.

    It begins with the sum's own digest, and so with all totals before: who was told another one stays apart,
    whatever it is told later.
    """
    said = extended(session.digest, "sharers", sharers)
    said = extended(said, "survivors", bitmap(survivors, len(session.roster)))
    return extended(said, "total", total)
