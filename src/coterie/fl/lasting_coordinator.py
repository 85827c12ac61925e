"""The coordinator of a run that goes on when contributors drop out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from coterie.errors import CoterieError
from coterie.fl.circle import DOWN, ENVELOPE, KNOWN, STAGES, TELL, UP, Circle
from coterie.fl.client import Client
from coterie.fl.coordinator import Coordinator
from coterie.fl.costs import Sizes
from coterie.fl.errors import BAD_MESSAGE, BAD_SIGNATURE, OTHER_SUM, TOO_FEW
from coterie.fl.heard import Heard
from coterie.fl.lasting import received
from coterie.fl.meshsums import MOST_BYTES, purpose_of
from coterie.fl.messages import keys_size
from coterie.fl.session import DIGEST, SIGNATURE, Session, bitmap, bitmap_bytes, extended, places_of

if TYPE_CHECKING:
    from coterie.wire import Mesh

LOOK_SECONDS = 0.05
"""Between two looks at each of those who are late, while fewer are there than must be."""
REASONS = 400
"""Characters of who is lost and why: links pass 500 of a detail on."""


class LastingCoordinator:
    """Adds up for a circle, in which it may be a contributor.

    It waits for messages of a stage for ``patience`` at most, once as many are there as must be, and goes on
    without who is late: that one hears of the total, and is waited for again when something of it has come.
    Who sends what no honest contributor sends, or is gone, is lost: nobody waits for it.
    """

    def __init__(
        self,
        mesh: Mesh,
        circle: Circle,
        patience: float | None = None,
        changed: Callable[[str, tuple[str, ...]], None] | None = None,
    ) -> None:
        """:param patience: seconds; None to wait for everybody whose link is not lost.
        :param changed: as :class:`coterie.fl.LastingSums` has it.
        """
        self._mesh, self._circle, self._patience = mesh, circle, patience
        self._others = tuple(name for name in circle.names if name != mesh.me)
        self._number = 0
        self._history = bytes(DIGEST)
        self._away: set[str] = set()
        self._last: dict[str, tuple[int, int]] = {}
        """Number and stage of each one's last message."""
        self._largest = 0
        self._changed = changed
        self._told = circle.names

    @property
    def number(self) -> int:
        """Of what is due next."""
        return self._number

    @property
    def there(self) -> tuple[str, ...]:
        """Contributors that are not lost, nor late."""
        gone = {*self._mesh.lost(), *self._away}
        return tuple(name for name in self._circle.names if name not in gone)

    def bind(self, data: bytes) -> None:
        """As :meth:`coterie.fl.lasting.LastingSums.bind`."""
        self._history = extended(self._history, "bound", data)

    def serve(self, until: str, record: int = 0, most_bytes: int = MOST_BYTES) -> Mapping[str, bytes]:
        """At a coordinator without data: add up whatever contributors sum, until they tell something.

        :param until: what they tell.
        :param record: bytes of it, from each.
        :param most_bytes: of a vector.

        Gives what each told. Errors: CT-2414, where fewer are there than must be; CT-2416 (an answer of which
        nothing can be made: named).
        """
        circle = self._circle
        limit = circle.header_size + max(keys_size(), SIGNATURE + record)
        while True:
            first = self._collect(1, self._others, circle.minimum, limit)
            header, first = self._agreed(first, max(most_bytes, record))
            due = circle.read(header, max(most_bytes, record))
            if due.kind == TELL:
                if (due.count, due.purpose) != (record, purpose_of(until)):
                    raise OTHER_SUM(f"contributors tell something else than {until}")
                data = self._gathered(header, first)
                return _records(circle, header, data)
            assert due.form is not None
            session = circle.session(
                self._number, self._history, due.chosen, due.count, due.form, due.purpose
            )
            self._add_up(session, header, first, None)

    def add_up(self, session: Session, client: Client | None) -> Client | Heard:
        """At a coordinator that contributes: one sum. :param client: its own part, where it has one."""
        header = self._circle.header_of(session)
        limit = len(header) + keys_size()
        first = self._with_header(header, self._collect(1, self._others, self._circle.minimum - 1, limit))
        heard = self._add_up(session, header, first, client)
        return client or Heard(session, heard)

    def gather(self, header: bytes, own: bytes) -> bytes:
        """At a coordinator that contributes: what all tell. :param own: signed, as the others' is."""
        limit = len(header) + len(own)
        first = self._collect(1, self._others, self._circle.minimum - 1, limit)
        return self._gathered(header, {**self._with_header(header, first), self._mesh.me: own})

    # ---- one number ----

    def _agreed(self, first: dict[str, bytes], most: int) -> tuple[bytes, dict[str, bytes]]:
        """The header that most have sent; who sent another means something else."""
        size = self._circle.header_size
        for name, data in list(first.items()):
            try:
                if len(data) < size:
                    raise BAD_MESSAGE(f"a header of {len(data)} bytes")
                self._circle.read(data[:size], most)
            except CoterieError as error:
                del first[name]
                self._lose(name, error)
        known = Counter(data[:size] for data in first.values())
        if not known:
            raise self._too_few("nobody sums anything that can be")
        (header, _), *_ = known.most_common(1)
        return header, self._with_header(header, first)

    def _with_header(self, header: bytes, first: dict[str, bytes]) -> dict[str, bytes]:
        """What comes behind the header, of those who mean the same."""
        same: dict[str, bytes] = {}
        for name, data in first.items():
            if data[: len(header)] == header:
                same[name] = data[len(header) :]
            else:
                self._lose(name, OTHER_SUM("it sums something else than the others", party=name))
        return same

    def _add_up(
        self, session: Session, header: bytes, first: dict[str, bytes], client: Client | None
    ) -> bytes:
        """One sum; gives what those hear who were not in it."""
        machine, me = Coordinator(session), self._mesh.me
        names, rules = session.roster.names, session.rules
        sizes = Sizes.of(len(names), session.count, session.form)
        own = None if client is None else client.start()
        given = self._of_members(session, header, first, least=rules.minimum - (own is not None))
        needed = (0, rules.minimum, rules.minimum, rules.minimum, rules.agreeing, rules.threshold)
        answers: dict[str, bytes] = {}
        for stage in range(1, STAGES + 1):
            if stage > 1:
                due = [name for name in machine.due if name != me]
                least = needed[stage] - (own is not None)
                given = self._collect(stage, due, least, sizes.up[stage])
            if own is not None:
                machine.receive(me, own)
            for name, data in given.items():
                machine.receive(name, data)
            for name, fault in machine.faults.items():
                self._lose(name, fault)
            try:
                answers = machine.advance()
            except CoterieError as error:
                raise self._too_few(error.detail) if error.code == TOO_FEW.code else error from None
            for name, data in answers.items():
                if name != me:
                    self._send(name, stage, data)
            if client is not None:
                own = client.receive(answers[me])
        self._ended(header + machine.heard, [name for name in self._others if name not in answers])
        self._history = machine.history
        if self._changed is not None and names == self._circle.names and machine.survivors != self._told:
            self._told = machine.survivors
            self._changed(f"sum {session.number}", machine.survivors)
        return machine.heard

    def _of_members(
        self, session: Session, header: bytes, first: dict[str, bytes], least: int
    ) -> dict[str, bytes]:
        """Keys of those whose values are summed: others have sent the header alone."""
        names = [name for name in session.roster.names if name != self._mesh.me]
        given = {name: first[name] for name in names if name in first}
        if len(given) < least:
            left, limit = [name for name in names if name not in given], len(header) + keys_size()
            more = self._collect(1, left, least - len(given), limit)
            given.update(self._with_header(header, more))
        return given

    def _gathered(self, header: bytes, told: Mapping[str, bytes]) -> bytes:
        """What ends a number in which all tell."""
        circle, good = self._circle, dict[int, bytes]()
        size = int.from_bytes(header[8:16], "little")
        for name, data in told.items():
            place, said = circle.roster.places[name], self._history + header + data[SIGNATURE:]
            if len(data) != SIGNATURE + size:
                self._lose(name, BAD_MESSAGE(f"a record of {len(data)} bytes", party=name))
            elif not circle.roster.signed(place, "told", said, data[:SIGNATURE]):
                self._lose(name, BAD_SIGNATURE("what it tells, after all before", party=name))
            else:
                good[place] = data
        if len(good) < circle.rules().agreeing:
            needed = circle.rules().agreeing
            raise self._too_few(f"{len(good)} of {len(circle.names)} tell, {needed} must agree")
        data = header + bitmap(good, len(circle.names)) + b"".join(good[place] for place in sorted(good))
        self._ended(data, self._others)
        self._history = extended(self._history, "told", data)
        return data

    def _ended(self, data: bytes, names: Iterable[str]) -> None:
        for name in names:
            self._send(name, KNOWN, data)
        self._number += 1

    # ---- messages ----

    def _collect(self, stage: int, names: Iterable[str], least: int, limit: int) -> dict[str, bytes]:
        """What those have sent for this stage who are there in time: at least so many, or it is over.

        Errors: CT-2414.
        """
        given: dict[str, bytes] = {}
        names = tuple(names)
        self._largest = max(self._largest, ENVELOPE.size + limit)
        deadline = None if self._patience is None else time.monotonic() + self._patience
        for name in names:
            if name not in self._away:
                self._take(name, stage, deadline, given)
        for name in names:
            if name not in given:
                self._take(name, stage, 0.0, given)
        while len(given) < least:
            left = [name for name in names if name not in given and name not in self._mesh.lost()]
            if len(given) + len(left) < least:
                raise self._too_few(f"{len(given)} others are there, {least} are needed")
            for name in left:
                self._take(name, stage, time.monotonic() + LOOK_SECONDS, given)
        self._away.update(name for name in names if name not in given)
        return given

    def _too_few(self, what: str) -> CoterieError:
        """With all whom this run has lost so far, and why: who went early is missing as much as the last."""
        lost = self._mesh.lost().items()
        why = ", ".join(f"{name} ({error.code} {error.title})" for name, error in lost)
        if len(why) > REASONS:
            why = ", ".join(f"{name} ({error.code})" for name, error in lost)[:REASONS]
        return TOO_FEW(f"{what}; lost: {why or 'nobody'}")

    def _take(self, name: str, stage: int, deadline: float | None, given: dict[str, bytes]) -> None:
        """A contributor's message of this stage, where it comes in time; what is late is passed over."""
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                data = received(self._mesh, name, UP, self._largest, left)
            except CoterieError:
                if name in self._mesh.lost():
                    return
                raise
            if data is None:
                return
            at = ENVELOPE.unpack(data[: ENVELOPE.size]) if len(data) >= ENVELOPE.size else (0, 0)
            if not self._last.get(name, (-1, 0)) < at <= (self._number, stage):
                self._lose(name, BAD_MESSAGE(f"number {at[0]}, stage {at[1]}: not due", party=name))
                return
            self._last[name] = at
            self._away.discard(name)
            if at == (self._number, stage):
                given[name] = data[ENVELOPE.size :]
                return

    def _send(self, name: str, stage: int, data: bytes) -> None:
        if name in self._mesh.lost():
            return
        try:
            self._mesh.to(name).send_bytes(DOWN, ENVELOPE.pack(self._number, stage) + data)
        except CoterieError:
            if name not in self._mesh.lost():
                raise

    def _lose(self, name: str, error: CoterieError) -> None:
        if name not in self._mesh.lost():
            self._mesh.lose(name, error)


def _records(circle: Circle, header: bytes, data: bytes) -> dict[str, bytes]:
    """What contributors told, of a message that was made here."""
    body, size = data[len(header) :], SIGNATURE + int.from_bytes(header[8:16], "little")
    width = bitmap_bytes(len(circle.names))
    places = places_of(body[:width], len(circle.names)) or ()
    return {
        circle.names[place]: body[width + at * size + SIGNATURE : width + (at + 1) * size]
        for at, place in enumerate(places)
    }
