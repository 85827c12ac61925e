"""The contributors of a run in which some may drop out, and what all who take part in it know alike.

They tell each other their keys once, when the run begins, directly; from then on each talks with the
coordinator alone. What they sum and tell is numbered through, and each goes on from the digest of the one
before: totals and what was told make a log, of which everything that a contributor does follows, beside its
own values.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coterie.errors import CoterieError
from coterie.fl.costs import HEADER, RUN_KEY, RUN_SECRET, header_size
from coterie.fl.errors import ALTERED, BAD_CALL, BAD_MESSAGE, KEYS_DIFFER
from coterie.fl.fixed import WIDTHS, Fixed
from coterie.fl.rules import Rules
from coterie.fl.session import DIGEST, SEED, Roster, Session, bitmap, extended, places_of
from coterie.fl.sums import members

if TYPE_CHECKING:
    from coterie.wire import Mesh

UP, DOWN, KEY, READY = "fl/up", "fl/down", "fl/run-key", "fl/ready"
ENVELOPE = struct.Struct("<QB")
"""Of every message: number of the sum, stage."""
READY_BYTES = 2 * DIGEST
"""Of what has been told: digests of keys and of secrets, compared before the first sum."""
STAGES = 5
"""Messages of a contributor in a sum, and to it: see :class:`coterie.fl.messages.Kind`."""
KNOWN = 15
"""In place of a stage: what ends a number, for those who were not in it to the end."""
SUM, TELL = 1, 2
_HEADER = struct.Struct("<BBBBIQ24s")
"""What it is; bits, fractional bits, whether it is hidden; nothing; values, or bytes of a record; what for. A
bitmap of whose values are in it comes behind."""
assert _HEADER.size == HEADER


@dataclass(frozen=True)
class Header:
    """What is due, as contributors tell a coordinator that does not know their program."""

    kind: int
    count: int
    """Values, or bytes of a record."""
    purpose: bytes
    chosen: tuple[str, ...]
    form: Fixed | None = None


@dataclass(frozen=True)
class OwnKeys:
    """What a contributor alone knows, and what contributors alone know."""

    signing: Ed25519PrivateKey
    group: bytes | None
    """Hides totals from a coordinator without data."""


@dataclass(frozen=True)
class Circle:
    """Who contributes to the sums of a run, and how many must."""

    run: bytes
    """Its name: bytes, at least 16, that no other run has."""
    coordinator: str
    roster: Roster
    minimum: int
    """Contributors that every total must have."""

    @property
    def names(self) -> tuple[str, ...]:
        """All contributors."""
        return self.roster.names

    @property
    def hidden(self) -> bool:
        """Whether totals are hidden from the coordinator: it is no contributor."""
        return self.coordinator not in self.names

    def rules(self, chosen: int | None = None) -> Rules:
        """Of a sum of so many; see :func:`least_of`."""
        count = len(self.names) if chosen is None else chosen
        return Rules.of(count, least_of(count, len(self.names), self.minimum), complete=True)

    def session(
        self, number: int, history: bytes, chosen: tuple[str, ...], count: int, form: Fixed, purpose: bytes
    ) -> Session:
        """A sum of the values of those who are chosen. Errors: CT-2404 for fewer than three."""
        roster = self.roster
        if chosen != self.names:
            roster = Roster(chosen, tuple(roster.keys[roster.places[name]] for name in chosen))
        return Session(
            *(self.run, number, roster, self.rules(len(chosen)), count, form, self.hidden),
            purpose=purpose,
            history=history,
        )

    def header_of(self, session: Session) -> bytes:
        """The header of a sum."""
        places = (self.roster.places[name] for name in session.roster.names)
        form, hidden = session.form, self.hidden
        packed = _HEADER.pack(SUM, form.bits, form.frac, hidden, 0, session.count, session.purpose)
        return packed + bitmap(places, len(self.names))

    def header_to_tell(self, size: int, purpose: bytes) -> bytes:
        """The header of what all tell."""
        everybody = bitmap(range(len(self.names)), len(self.names))
        return _HEADER.pack(TELL, 0, 0, 0, 0, size, purpose) + everybody

    def read(self, header: bytes, most: int) -> Header:
        """A header that contributors sent. Errors: CT-2410.

        :param most: bytes of values, or of what each tells.
        """
        kind, bits, frac, hidden, zero, count, purpose = _HEADER.unpack(header[:HEADER])
        places = places_of(header[HEADER:], len(self.names))
        if kind not in (SUM, TELL) or zero or places is None:
            raise BAD_MESSAGE("a header of nothing that is due")
        chosen = tuple(self.names[place] for place in places)
        if kind == TELL:
            if header != self.header_to_tell(count, purpose) or count > most:
                raise BAD_MESSAGE(f"{count} bytes to tell")
            return Header(kind, count, purpose, chosen)
        if bits not in WIDTHS or bool(hidden) != self.hidden or not 0 < count * bits // 8 <= most:
            raise BAD_MESSAGE(f"{count} values of {bits} bits")
        try:
            members(self.names, chosen)
            return Header(kind, count, purpose, chosen, Fixed(bits, frac))
        except CoterieError as error:
            raise BAD_MESSAGE(f"{len(chosen)} contributors, {bits} bits, {frac} fractional") from error

    @property
    def header_size(self) -> int:
        """Bytes of a header."""
        return header_size(len(self.names))


def least_of(count: int, all_of_them: int, minimum: int) -> int:
    """Contributors that a total over some must have: the same share of them, and so many that one of them may
    work together with the coordinator.
    """
    if count == all_of_them:
        return minimum
    return min(count, max(3, -(-minimum * count // all_of_them), (count + 3) // 2))


def introduce(
    mesh: Mesh,
    contributors: Sequence[str],
    coordinator: str,
    run: bytes,
    minimum: int,
    group_key: bytes | None = None,
) -> tuple[Circle, OwnKeys | None]:
    """Begin a run: contributors tell each other a key and a secret, and a coordinator without data the key.

    All must be there, and all call it at the same place of their programs. When it is over all have all keys,
    the same, unless the coordinator hides that some have not; from then on contributors may be lost, but for
    the coordinator.

    :param group_key: at a contributor, where the coordinator is none: bytes, at least 16, that all
        contributors have. Totals are hidden by it and by the secrets.

    Gives the circle, and at a contributor its keys. Errors: CT-2403, CT-2404, CT-2410, CT-2413, CT-2420 (some
    have other keys or secrets than most), those of the mesh.
    """
    names, me = tuple(contributors), mesh.me
    Rules.of(len(names), minimum, complete=True)
    if me in names and (group_key is None) == (coordinator not in names):
        raise BAD_CALL("a group key is for sums that are hidden from the coordinator, and all of them")
    if group_key is not None and len(group_key) < SEED:
        raise BAD_CALL("a group key of fewer than 16 bytes")
    # Now, not at the end: who is through before this one may be gone the next moment.
    mesh.may_lose([name for name in names if name not in (me, coordinator)])
    signing = Ed25519PrivateKey.generate()
    told: dict[str, bytes] = {}
    others = [name for name in names if name != me]
    if me in names:
        told[me] = signing.public_key().public_bytes_raw() + secrets.token_bytes(RUN_SECRET)
        for name in others:
            mesh.to(name).send_bytes(KEY, told[me])
        if coordinator not in names:
            mesh.to(coordinator).send_bytes(KEY, told[me][:RUN_KEY])
    size = RUN_KEY + (RUN_SECRET if me in names else 0)
    for name in others:
        told[name] = mesh.to(name).recv_bytes(KEY, size)
        if len(told[name]) != size:
            raise BAD_MESSAGE(f"a key of {len(told[name])} bytes", party=name)
    roster = Roster(names, tuple(told[name][:RUN_KEY] for name in names))
    secret = b"".join(told[name][RUN_KEY:] for name in names) if me in names else None
    _compare(mesh, others, coordinator, _Got.of(run, roster, secret))
    circle = Circle(run, coordinator, roster, minimum)
    if secret is None:
        return circle, None
    group = None if group_key is None else hmac.digest(group_key, secret, "sha256")
    return circle, OwnKeys(signing, group)


@dataclass(frozen=True)
class _Got:
    """Digests of what one has been told."""

    keys: bytes
    secrets: bytes | None
    """None at a coordinator without data. The secrets have 32 random bytes of each contributor: who lacks one
    of these learns nothing by the digest."""

    @classmethod
    def of(cls, run: bytes, roster: Roster, secret: bytes | None) -> _Got:
        start = hashlib.sha256(run).digest()
        keys = extended(start, "keys of the run", b"".join(roster.keys))
        return cls(keys, None if secret is None else extended(start, "secrets of the run", secret))

    @classmethod
    def read(cls, data: bytes, sender: str) -> _Got:
        if len(data) != READY_BYTES:
            raise BAD_MESSAGE(f"a digest of {len(data)} bytes", party=sender)
        return cls(data[:DIGEST], data[DIGEST:])

    def write(self) -> bytes:
        return self.keys + (self.secrets or b"")


def _compare(mesh: Mesh, others: list[str], coordinator: str, own: _Got) -> None:
    """Wait until everybody has all keys, and the same."""
    if mesh.me != coordinator:
        mesh.to(coordinator).send_bytes(READY, own.write())
        if _Got.read(mesh.to(coordinator).recv_bytes(READY, READY_BYTES), coordinator) != own:
            raise ALTERED("all have other keys, it says, than it was told from here", party=coordinator)
        return
    got = {name: _Got.read(mesh.to(name).recv_bytes(READY, READY_BYTES), name) for name in others}
    everybody = {**got, mesh.me: own}
    keys = _same("keys", {name: one.keys for name, one in everybody.items()})
    secret = _same("secrets", {name: one.secrets for name, one in everybody.items() if one.secrets})
    for name in others:
        mesh.to(name).send_bytes(READY, keys + secret)


def _same(what: str, digests: Mapping[str, bytes]) -> bytes:
    """The digest that all have. Raises CT-2420, with the names of who has another than most.

    It blames nobody as its party: who told them otherwise, and who only says so, look the same.
    """
    (most, count), *_ = Counter(digests.values()).most_common(1)
    if count < len(digests):
        apart = ", ".join(name for name, one in digests.items() if one != most)
        raise KEYS_DIFFER(f"{what}: {apart[:200]} got others than {count} of {len(digests)}")
    return most
