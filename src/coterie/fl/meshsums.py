"""Secure sums over the links of a job: all contributors talk with the coordinator, which may be one of them.

At the start of a run each contributor makes a key, and tells it all others directly, over links that are
theirs, with a secret for all of them and one for each: so no coordinator can speak for a contributor. Every
sum goes on from the digest of the one before, its total included: those whom a coordinator has told different
totals have masks that do not cancel, or signatures that do not hold. After the last sum contributors compare
digests directly.

All must be in a total, so masks of pairs suffice (``pairs.py``): one message up, one down. A participant that
is gone ends the run; where runs go on without it sums are :class:`coterie.fl.LastingSums`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl import pairs
from coterie.fl.costs import HEADER, RUN_KEY, RUN_SECRET, begin_size, header_size
from coterie.fl.errors import BAD_CALL, BAD_MESSAGE, ENDED, OTHER_SUM, TOTALS_DIFFER
from coterie.fl.fixed import EXACT, WIDTHS, Fixed, Ring, ring_form
from coterie.fl.rules import Rules
from coterie.fl.session import DIGEST, SEED, Roster, Session, bitmap, places_of
from coterie.fl.sums import added_to, members

if TYPE_CHECKING:
    from coterie.wire import Mesh

NEXT, MASKED, TOTAL = "fl/next", "fl/masked", "fl/total"
"""Messages of a sum: what it is, from all to the coordinator; masked values; the total, to all."""
KEY, HEARD = "fl/run-key", "fl/heard"
MOST_BYTES = 1 << 32
"""Of a vector that a coordinator adds up, unless it is told otherwise."""

_HEADER = struct.Struct("<BBBBIQ24s")
"""Whether there is a sum; its bits, fractional bits, whether it is hidden; its number, values, purpose. A
bitmap of whose values are in it comes behind."""
assert _HEADER.size == HEADER


def purpose_of(what: str) -> bytes:
    """A digest of what is summed."""
    return hashlib.sha256(what.encode()).digest()[:24]


class _Run:
    """What contributors and coordinator know alike, and the sessions that follow from it."""

    def __init__(
        self,
        mesh: Mesh,
        contributors: Sequence[str],
        coordinator: str,
        run: bytes,
        key: bytes | None,
    ) -> None:
        self.names = tuple(contributors)
        self.coordinator = coordinator
        self.others = tuple(name for name in self.names if name != mesh.me)
        self._rules = Rules.of(len(self.names), len(self.names), complete=True)
        told, own = {}, dict[str, bytes]()
        if key is not None:
            told[mesh.me] = key + secrets.token_bytes(RUN_SECRET)
            own = {name: secrets.token_bytes(pairs.SECRET) for name in self.others}
            for name in self.others:
                mesh.to(name).send_bytes(KEY, told[mesh.me] + own[name])
            if coordinator not in self.names:
                mesh.to(coordinator).send_bytes(KEY, key)
        size = RUN_KEY if key is None else begin_size()
        for name in self.others:
            told[name] = mesh.to(name).recv_bytes(KEY, size)
            if len(told[name]) != size:
                raise BAD_MESSAGE(f"a key of {len(told[name])} bytes", party=name)
        known = {name: data[:RUN_KEY] for name, data in told.items()}
        both = RUN_KEY + RUN_SECRET
        self.secret = b"".join(told[name][RUN_KEY:both] for name in self.names)
        """Of all contributors together; empty at a coordinator that is none."""
        before = set(self.names[: self.names.index(mesh.me)]) if own else set()
        self.pairs = {
            name: pairs.pair_secret(mine, told[name][both:], first=name not in before)
            for name, mine in own.items()
        }
        """With each other contributor, which nobody else knows."""
        self._run = run
        self.roster = Roster(self.names, tuple(known[name] for name in self.names))
        self.number = 0
        self.history = bytes(DIGEST)

    def session(
        self, chosen: tuple[str, ...], count: int, form: Fixed, purpose: bytes, *, hidden: bool
    ) -> Session:
        """The next sum, of the values of those who are chosen. Errors: CT-2404 for fewer than three."""
        roster, rules = self.roster, self._rules
        if chosen != self.names:
            roster = Roster(chosen, tuple(roster.keys[roster.places[name]] for name in chosen))
            rules = Rules.of(len(chosen), len(chosen), complete=True)
        return Session(
            *(self._run, self.number, roster, rules, count, form, hidden),
            purpose=purpose,
            history=self.history,
        )

    def header(self, session: Session) -> bytes:
        """What tells the coordinator of a sum."""
        form, places = session.form, (self.roster.places[name] for name in session.roster.names)
        return _HEADER.pack(
            *(1, form.bits, form.frac, session.hidden, self.number, session.count, session.purpose)
        ) + bitmap(places, len(self.names))

    def went_on(self, history: bytes) -> None:
        """A total is there."""
        self.number += 1
        self.history = history


class MeshSums:
    """Secure sums of one contributor in a job. Implements :class:`coterie.fl.Sums`."""

    def __init__(
        self,
        mesh: Mesh,
        contributors: Sequence[str],
        coordinator: str,
        run: bytes,
        group_key: bytes | None = None,
    ) -> None:
        """Exchange keys with all others. All of them call it at the same place of their programs; a
        coordinator that is no contributor calls :func:`coordinate`.

        :param contributors: at least three, in the same order at all; ``mesh.me`` is one of them.
        :param run: bytes, at least 16, that no other run has, the same at all: job and step.
        :param group_key: bytes, at least 16, that all contributors have: totals are hidden from the
            coordinator, by a key of these and of secrets that contributors tell each other directly for
            this run. So it does no harm if a coordinator that does not contribute comes to know them. None
            where the coordinator may know totals, as it does when it contributes.

        Errors: CT-2404 (fewer than three contributors), CT-2403, those of the mesh.
        """
        if mesh.me not in contributors:
            raise BAD_CALL(f"{mesh.me} is no contributor")
        if group_key is not None and len(group_key) < SEED:
            raise BAD_CALL("a group key of fewer than 16 bytes")
        self._mesh = mesh
        public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        self._run = _Run(mesh, contributors, coordinator, run, public)
        self._group_key = None if group_key is None else hmac.digest(group_key, self._run.secret, "sha256")
        self._counted: tuple[str, ...] = ()
        self._under_way = False

    @property
    def me(self) -> str:
        """The contributor's name."""
        return self._mesh.me

    @property
    def contributors(self) -> tuple[str, ...]:
        """All names."""
        return self._run.names

    @property
    def counted(self) -> tuple[str, ...]:
        """Whose values are in the last total."""
        return self._counted

    def total(
        self,
        what: str,
        values: NDArray[np.float64],
        form: Fixed = EXACT,
        *,
        among: Sequence[str] | None = None,
    ) -> NDArray[np.float64]:
        """As :meth:`coterie.fl.Sums.total`; no message for no values.

        Errors: those of the mesh, which end the run: CT-2419 from then on; CT-2401 and CT-2402 before
        anything is sent.
        """
        if self._under_way:
            # Its number and masks are used up.
            raise ENDED("a sum of this run has failed")
        if values.size == 0:
            return values.copy()
        self._under_way = True
        found = self._total(what, values, form, among)
        self._under_way = False
        return found

    def _total(
        self, what: str, values: NDArray[np.float64], form: Fixed, among: Sequence[str] | None
    ) -> NDArray[np.float64]:
        run, mesh, mine = self._run, self._mesh, None
        chosen, hidden = members(run.names, among), self._group_key is not None
        session = run.session(chosen, values.size, form, purpose_of(what), hidden=hidden)
        header, places = run.header(session), session.roster.places
        if self.me in places:
            with_whom = {places[name]: run.pairs[name] for name in places if name != self.me}
            mine = pairs.masked(session, places[self.me], with_whom, np.ravel(values), self._group_key)
        if self.me == run.coordinator:
            for name in run.others:
                _expect(mesh, name, header)
            total = _add_up(mesh, run, session, mine)
        else:
            channel = mesh.to(run.coordinator)
            channel.send_bytes(NEXT, header)
            if mine is not None:
                channel.send_array(MASKED, mine)
            total = channel.recv_array(TOTAL, *ring_form(session.form.bits, session.count))
        found, history = pairs.opened(session, total, self._group_key)
        run.went_on(history)
        self._counted = session.roster.names
        return found.reshape(values.shape)

    def close(self) -> None:
        """After the last sum: all contributors compare what they heard. Errors: CT-2418."""
        run = self._run
        for name in run.others:
            self._mesh.to(name).send_bytes(HEARD, run.history)
        if run.coordinator not in run.names:
            self._mesh.to(run.coordinator).send_bytes(NEXT, bytes(header_size(len(run.names))))
        for name in run.others:
            if self._mesh.to(name).recv_bytes(HEARD, DIGEST) != run.history:
                # It may be honest, and the one that was deceived.
                raise TOTALS_DIFFER("what it heard is not what was heard here", party=name)


def coordinate(
    mesh: Mesh,
    contributors: Sequence[str],
    run: bytes,
    most_bytes: int = MOST_BYTES,
) -> int:
    """The part of a coordinator that does not contribute: serve sums until the contributors are done.

    What is summed, the contributors say: it needs to know nothing of their program.

    :param most_bytes: of a masked vector: larger ones are refused.

    Gives the number of sums. Errors: CT-2410, CT-2411 (contributors mean different sums; both name one),
    those of the mesh.
    """
    shared = _Run(mesh, contributors, mesh.me, run, None)
    size = header_size(len(contributors))
    while True:
        first = shared.others[0]
        header = mesh.to(first).recv_bytes(NEXT, size)
        if len(header) != size:
            raise BAD_MESSAGE(f"a header of {len(header)} bytes", party=first)
        for name in shared.others[1:]:
            _expect(mesh, name, header)
        if header == bytes(size):
            return shared.number
        session = _announced(shared, header, first, most_bytes)
        shared.went_on(pairs.history_of(session, _add_up(mesh, shared, session, None)))


def _announced(run: _Run, header: bytes, sender: str, most_bytes: int) -> Session:
    one, bits, frac, hidden, number, count, purpose = _HEADER.unpack(header[:HEADER])
    chosen = places_of(header[HEADER:], len(run.names))
    if one != 1 or bits not in WIDTHS or hidden > 1 or number != run.number or chosen is None:
        raise BAD_MESSAGE("a header of no sum that is due", party=sender)
    if not 0 < count * bits // 8 <= most_bytes:
        raise BAD_MESSAGE(f"{count} values of {bits} bits, more than may come", party=sender)
    try:
        names = tuple(run.names[place] for place in chosen)
        return run.session(names, count, Fixed(bits, frac), purpose, hidden=bool(hidden))
    except CoterieError as error:
        # It is no fault of this program.
        said = f"{len(chosen)} contributors, {bits} bits, {frac} fractional"
        raise BAD_MESSAGE(f"a header that makes no sum: {said}", party=sender) from error


def _expect(mesh: Mesh, name: str, header: bytes) -> None:
    if mesh.to(name).recv_bytes(NEXT, len(header)) != header:
        raise OTHER_SUM("it sums something else than the others", party=name)


def _add_up(mesh: Mesh, run: _Run, session: Session, mine: Ring | None) -> Ring:
    """The sum of what all have masked, told to all.

    :param mine: the coordinator's own, where it contributes.
    """
    form, total = ring_form(session.form.bits, session.count), mine
    for name in session.roster.names:
        if name != mesh.me:
            one = mesh.to(name).recv_array(MASKED, *form)
            total = one.copy() if total is None else added_to(total, one)
    assert total is not None
    for name in run.others:
        mesh.to(name).send_array(TOTAL, total)
    return total
