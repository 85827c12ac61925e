"""Secure sums over the links of a job: all contributors talk with the coordinator, which may be one of them.

At the start of a run each contributor makes a key, and tells it all others directly, over links that are
theirs: so no coordinator can speak for a contributor. Every sum goes on from the digest of the one before,
its total included, and contributors sign it with their keys for the next: those whom a coordinator has told
different totals give nothing any more. After the last sum they compare digests directly.

Links of a job do not lose messages, and a participant that is gone ends the job: here nobody drops out.
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
from coterie.fl.client import Client
from coterie.fl.coordinator import Coordinator
from coterie.fl.costs import HEADER, RUN_KEY, RUN_SECRET, Sizes
from coterie.fl.errors import BAD_CALL, BAD_MESSAGE, OTHER_SUM, TOTALS_DIFFER
from coterie.fl.fixed import EXACT, WIDTHS, Fixed
from coterie.fl.rules import Rules
from coterie.fl.session import DIGEST, SEED, Roster, Session

if TYPE_CHECKING:
    from coterie.wire import Mesh

UP = ("fl/next", "fl/keys", "fl/shares", "fl/masked", "fl/signature", "fl/answer")
DOWN = ("fl/all-keys", "fl/sealed", "fl/survivors", "fl/signatures", "fl/total")
KEY, HEARD = "fl/run-key", "fl/heard"
MOST_BYTES = 1 << 32
"""Of a vector that a coordinator adds up, unless it is told otherwise."""

_HEADER = struct.Struct("<BBBBIQ24s")
"""Whether there is a sum; its bits, fractional bits, whether it is hidden; its number, values, purpose."""
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
        minimum: int | None,
        key: bytes | None,
    ) -> None:
        self.names = tuple(contributors)
        self.coordinator = coordinator
        self.others = tuple(name for name in self.names if name != mesh.me)
        rules = Rules.of(len(self.names), minimum, complete=True)
        told = {}
        if key is not None:
            told[mesh.me] = key + secrets.token_bytes(RUN_SECRET)
            for name in self.others:
                mesh.to(name).send_bytes(KEY, told[mesh.me])
            if coordinator not in self.names:
                mesh.to(coordinator).send_bytes(KEY, key)
        size = RUN_KEY + (0 if key is None else RUN_SECRET)
        for name in self.others:
            told[name] = mesh.to(name).recv_bytes(KEY, size)
            if len(told[name]) != size:
                raise BAD_MESSAGE(f"a key of {len(told[name])} bytes", party=name)
        known = {name: data[:RUN_KEY] for name, data in told.items()}
        self.secret = b"".join(told[name][RUN_KEY:] for name in self.names)
        """Of all contributors together; empty at a coordinator that is none."""
        self._run, self._rules = run, rules
        self.roster = Roster(self.names, tuple(known[name] for name in self.names))
        self.number = 0
        self.history = bytes(DIGEST)

    def session(self, count: int, form: Fixed, purpose: bytes, *, hidden: bool) -> Session:
        """The next sum."""
        return Session(
            *(self._run, self.number, self.roster, self._rules, count, form, hidden),
            purpose=purpose,
            history=self.history,
        )

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
        minimum: int | None = None,
    ) -> None:
        """Exchange keys with all others. All of them call it at the same place of their programs; a
        coordinator that is no contributor calls :func:`coordinate`.

        :param contributors: at least three, in the same order at all; ``mesh.me`` is one of them.
        :param run: bytes, at least 16, that no other run has, the same at all: job and step.
        :param group_key: bytes, at least 16, that all contributors have: totals are hidden from the
            coordinator, by a key of these and of secrets that contributors tell each other directly for
            this run. So it does no harm if a coordinator that does not contribute comes to know them. None
            where the coordinator may know totals, as it does when it contributes.
        :param minimum: contributors of a total; all of them where it is not given.

        Errors: CT-2404 (fewer than three contributors, a wrong minimum), CT-2403, those of the mesh.
        """
        if mesh.me not in contributors:
            raise BAD_CALL(f"{mesh.me} is no contributor")
        if group_key is not None and len(group_key) < SEED:
            raise BAD_CALL("a group key of fewer than 16 bytes")
        self._mesh = mesh
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes_raw()
        least = len(contributors) if minimum is None else minimum
        self._run = _Run(mesh, contributors, coordinator, run, least, public)
        self._group_key = None if group_key is None else hmac.digest(group_key, self._run.secret, "sha256")

    @property
    def me(self) -> str:
        """The contributor's name."""
        return self._mesh.me

    @property
    def contributors(self) -> tuple[str, ...]:
        """All names."""
        return self._run.names

    def total(self, what: str, values: NDArray[np.float64], form: Fixed = EXACT) -> NDArray[np.float64]:
        """As :meth:`coterie.fl.Sums.total`; no message for no values.

        Errors: those of :class:`coterie.fl.Client`, which end the run; CT-2401 and CT-2402 before anything
        is sent.
        """
        if values.size == 0:
            return values.copy()
        run, hidden, purpose = self._run, self._group_key is not None, purpose_of(what)
        session = run.session(values.size, form, purpose, hidden=hidden)
        client = Client(self.me, session, np.ravel(values), self._key.sign, self._group_key)
        header = _HEADER.pack(1, form.bits, form.frac, hidden, run.number, values.size, purpose)
        if self.me == run.coordinator:
            for name in run.others:
                _expect(self._mesh, name, header)
            _serve(self._mesh, run, Coordinator(session), client)
        else:
            self._contribute(client, session, header)
        run.went_on(client.history)
        return client.result.reshape(values.shape)

    def close(self) -> None:
        """After the last sum: all contributors compare what they heard. Errors: CT-2418."""
        run = self._run
        for name in run.others:
            self._mesh.to(name).send_bytes(HEARD, run.history)
        if run.coordinator not in run.names:
            self._mesh.to(run.coordinator).send_bytes(UP[0], bytes(HEADER))
        for name in run.others:
            if self._mesh.to(name).recv_bytes(HEARD, DIGEST) != run.history:
                # It may be honest, and the one that was deceived.
                raise TOTALS_DIFFER("what it heard is not what was heard here", party=name)

    def _contribute(self, client: Client, session: Session, header: bytes) -> None:
        channel = self._mesh.to(self._run.coordinator)
        sizes = Sizes.of(len(self._run.names), session.count, session.form)
        channel.send_bytes(UP[0], header)
        answer: bytes | None = client.start()
        for up, down, size in zip(UP[1:], DOWN, sizes.down, strict=True):
            assert answer is not None
            channel.send_bytes(up, answer)
            answer = client.receive(channel.recv_bytes(down, size))


def coordinate(
    mesh: Mesh,
    contributors: Sequence[str],
    run: bytes,
    minimum: int | None = None,
    most_bytes: int = MOST_BYTES,
) -> int:
    """The part of a coordinator that does not contribute: serve sums until the contributors are done.

    What is summed, the contributors say: it needs to know nothing of their program.

    :param most_bytes: of a masked vector: larger ones are refused.

    Gives the number of sums. Errors: CT-2410, CT-2411 (contributors mean different sums), CT-2412, CT-2416
    (each names the contributor), those of the mesh.
    """
    least = len(contributors) if minimum is None else minimum
    shared = _Run(mesh, contributors, mesh.me, run, least, None)
    while True:
        first = shared.others[0]
        header = mesh.to(first).recv_bytes(UP[0], HEADER)
        if len(header) != HEADER:
            raise BAD_MESSAGE(f"a header of {len(header)} bytes", party=first)
        for name in shared.others[1:]:
            _expect(mesh, name, header)
        if header == bytes(HEADER):
            return shared.number
        session = _announced(shared, header, first, most_bytes)
        _serve(mesh, shared, machine := Coordinator(session), None)
        shared.went_on(machine.history)


def _announced(run: _Run, header: bytes, sender: str, most_bytes: int) -> Session:
    one, bits, frac, hidden, number, count, purpose = _HEADER.unpack(header)
    if one != 1 or bits not in WIDTHS or hidden > 1 or number != run.number:
        raise BAD_MESSAGE("a header of no sum that is due", party=sender)
    if not 0 < count * bits // 8 <= most_bytes:
        raise BAD_MESSAGE(f"{count} values of {bits} bits, more than may come", party=sender)
    try:
        return run.session(count, Fixed(bits, frac), purpose, hidden=bool(hidden))
    except CoterieError as error:
        # It is no fault of this program.
        raise BAD_MESSAGE(f"a header of a format of {bits} bits, {frac} fractional", party=sender) from error


def _expect(mesh: Mesh, name: str, header: bytes) -> None:
    if mesh.to(name).recv_bytes(UP[0], HEADER) != header:
        raise OTHER_SUM("it sums something else than the others", party=name)


def _serve(mesh: Mesh, run: _Run, machine: Coordinator, client: Client | None) -> None:
    """One sum; ``client`` is the coordinator's own part, where it contributes."""
    sizes = Sizes.of(len(run.names), machine.session.count, machine.session.form)
    own = None if client is None else client.start()
    for up, down, size in zip(UP[1:], DOWN, sizes.up[1:], strict=True):
        if own is not None:
            machine.receive(mesh.me, own)
        for name in run.others:
            machine.receive(name, mesh.to(name).recv_bytes(up, size))
        for fault in machine.faults.values():
            raise fault
        answers = machine.advance()
        for name in run.others:
            mesh.to(name).send_bytes(down, answers[name])
        if client is not None:
            own = client.receive(answers[mesh.me])
