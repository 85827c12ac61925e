"""A contributor's sums in a run that goes on when others drop out, and when this one was away for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl.circle import DOWN, ENVELOPE, KNOWN, UP, Circle, OwnKeys
from coterie.fl.client import Client
from coterie.fl.costs import Sizes
from coterie.fl.errors import BAD_MESSAGE, BAD_SIGNATURE, TOO_FEW
from coterie.fl.fixed import EXACT, Fixed
from coterie.fl.heard import Heard
from coterie.fl.lasting_costs import told_size
from coterie.fl.meshsums import purpose_of
from coterie.fl.session import DIGEST, SIGNATURE, Session, bitmap_bytes, extended, places_of, to_sign
from coterie.fl.sums import members
from coterie.wire import NOT_IN_TIME, PEER_FINISHED

if TYPE_CHECKING:
    from coterie.fl.lasting_coordinator import LastingCoordinator
    from coterie.wire import Mesh

Floats = NDArray[np.float64]

CONFIRMED = "what was heard so far"
"""What contributors tell where nothing else is told: that they sign the same log."""


class LastingSums:
    """Sums of one contributor, in a run that begins with :func:`coterie.fl.circle.introduce`. Implements
    :class:`coterie.fl.Sums`.

    Whoever is not there in time, or gone, is not in a total; there are the circle's minimum at least, and
    :attr:`counted` names them. A contributor that a total was made without gets it nevertheless, and is in
    the next if it can. So its program goes on as the others' do: it asks for the same totals in the same
    order, with values of its own rows, and those that it came too late for it is only told.
    """

    def __init__(
        self,
        mesh: Mesh,
        circle: Circle,
        own: OwnKeys,
        coordinator: LastingCoordinator | None = None,
        changed: Callable[[str, tuple[str, ...]], None] | None = None,
    ) -> None:
        """:param coordinator: where this contributor is the coordinator as well.
        :param changed: told of a total, and of whose values are in it, where these are others than in the
            total before: or than all, in the first.
        """
        self._mesh, self._circle, self._own = mesh, circle, own
        self._coordinator = coordinator
        self._changed = changed
        self._number = 0
        self._history = bytes(DIGEST)
        self._counted: tuple[str, ...] = ()
        self._told: tuple[str, ...] = circle.names

    @property
    def me(self) -> str:
        """The contributor's name."""
        return self._mesh.me

    @property
    def contributors(self) -> tuple[str, ...]:
        """All names, also of who is lost."""
        return self._circle.names

    @property
    def counted(self) -> tuple[str, ...]:
        """Whose values are in the last total."""
        return self._counted

    @property
    def there(self) -> tuple[str, ...]:
        """Whose values are in the last total that was to be of all."""
        return self._told

    def bind(self, data: bytes) -> None:
        """What all know and nobody tells, such as a plan: who has another goes no further with the others."""
        self._history = extended(self._history, "bound", data)
        if self._coordinator is not None:
            self._coordinator.bind(data)

    def total(
        self, what: str, values: Floats, form: Fixed = EXACT, *, among: Sequence[str] | None = None
    ) -> Floats:
        """As :meth:`coterie.fl.Sums.total`, of those who are there.

        Errors: CT-2414 where fewer are there than must be; those of :class:`coterie.fl.Client`, which end the
        run here; CT-2401 and CT-2402 before anything is sent.
        """
        if values.size == 0:
            return values.copy()
        chosen = members(self.contributors, among)
        session = self._circle.session(
            self._number, self._history, chosen, values.size, form, purpose_of(what)
        )
        client = None
        if self.me in chosen:
            sign = self._own.signing.sign
            client = Client(self.me, session, np.ravel(values), sign, self._own.group)
        if self._coordinator is not None:
            known = self._coordinator.add_up(session, client)
        else:
            known = self._contribute(session, client)
        self._went_on(known.history)
        self._counted = known.survivors
        self._note(what, among)
        return known.result.reshape(values.shape)

    def _note(self, what: str, among: Sequence[str] | None) -> None:
        if self._changed is not None and among is None and self._counted != self._told:
            self._told = self._counted
            self._changed(what, self._counted)

    def tell(self, what: str, record: bytes) -> Mapping[str, bytes]:
        """Tell all others a record, and hear theirs: of those who are there, all of one size. Everybody with
        a part in the run gets to know them, the coordinator too.

        It also shows that so many contributors as must agree have the same log; see :meth:`confirm`.

        Errors: CT-2412, CT-2414; CT-2410 of the coordinator.
        """
        header = self._circle.header_to_tell(len(record), purpose_of(what))
        own = self._own.signing.sign(to_sign("told", self._history + header + record)) + record
        if self._coordinator is not None:
            data = self._coordinator.gather(header, own)
        else:
            data = self._gathered(header + own, told_size(len(self.contributors), len(record)))
        records = read_told(self._circle, self._history, header, data)
        self._went_on(extended(self._history, "told", data))
        return records

    def confirm(self) -> None:
        """After the last total of a step: contributors sign what they have heard so far, and each insists
        that so many have signed the same as cannot have signed anything else.

        Errors: CT-2412, CT-2414.
        """
        self.tell(CONFIRMED, b"")

    def _gathered(self, own: bytes, limit: int) -> bytes:
        data = self._missed(limit)
        if data is not None:
            return data
        self._send(1, own)
        stage, data = self._next(limit)
        if stage != KNOWN:
            raise BAD_MESSAGE(f"stage {stage} where records are told", party=self._circle.coordinator)
        return data

    def _went_on(self, history: bytes) -> None:
        self._number += 1
        self._history = history

    def _contribute(self, session: Session, client: Client | None) -> Client | Heard:
        header = self._circle.header_of(session)
        sizes = Sizes.of(len(session.roster), session.count, session.form)
        limit = ENVELOPE.size + len(header) + max(*sizes.down, sizes.heard)
        data = self._missed(limit)
        if data is not None:
            return self._heard(session, header, data)
        self._send(1, header + (client.start() if client is not None else b""))
        due = 1
        while True:
            stage, data = self._next(limit)
            if stage == KNOWN:
                return self._heard(session, header, data)
            if stage != due or client is None:
                raise BAD_MESSAGE(f"stage {stage} where {due} is due", party=self._circle.coordinator)
            answer = client.receive(data)
            if answer is None:
                return client
            due += 1
            self._send(due, answer)

    def _heard(self, session: Session, header: bytes, data: bytes) -> Heard:
        if data[: len(header)] != header:
            raise BAD_MESSAGE("a total of something else", party=self._circle.coordinator)
        return Heard(session, data[len(header) :], self._own.group)

    def _missed(self, limit: int) -> bytes | None:
        """What has ended this number already; None where it has not come so far."""
        try:
            stage, data = self._next(limit, 0.0)
        except TimeoutError:
            return None
        if stage != KNOWN:
            raise BAD_MESSAGE("a stage of a sum that did not begin", party=self._circle.coordinator)
        return data

    def _send(self, stage: int, data: bytes) -> None:
        message = ENVELOPE.pack(self._number, stage) + data
        try:
            self._mesh.to(self._circle.coordinator).send_bytes(UP, message)
        except CoterieError as error:
            if error.code != PEER_FINISHED.code:
                raise
            # The run is over there: what this contributor was too late for lies here, to be read.

    def _next(self, limit: int, seconds: float | None = None) -> tuple[int, bytes]:
        """Raises TimeoutError where nothing comes for so long."""
        coordinator = self._circle.coordinator
        data = received(self._mesh, coordinator, DOWN, limit, seconds)
        if data is None:
            raise TimeoutError
        number, stage = ENVELOPE.unpack(data[: ENVELOPE.size]) if len(data) >= ENVELOPE.size else (-1, 0)
        if number != self._number:
            raise BAD_MESSAGE(f"number {number} where {self._number} is due", party=coordinator)
        return stage, data[ENVELOPE.size :]


def received(mesh: Mesh, peer: str, tag: str, limit: int, seconds: float | None) -> bytes | None:
    """A message, or None where none comes in time. Errors: those of the mesh."""
    try:
        return mesh.to(peer).recv_bytes(tag, limit, seconds)
    except CoterieError as error:
        if error.code == NOT_IN_TIME.code:
            return None
        raise


def read_told(circle: Circle, history: bytes, header: bytes, data: bytes) -> dict[str, bytes]:
    """What contributors have told, by name: each signed it, after the same log.

    :param history: digest of the log before.
    :param data: the coordinator's message.

    Errors: CT-2410, CT-2412, CT-2414.
    """
    body, size = data[len(header) :], int.from_bytes(header[8:16], "little")
    width, one = bitmap_bytes(len(circle.names)), SIGNATURE + size
    places = places_of(body[:width], len(circle.names)) if len(body) >= width else None
    if data[: len(header)] != header or places is None or len(body) != width + one * len(places):
        raise BAD_MESSAGE("records that cannot be read", party=circle.coordinator)
    rows = [body[at : at + one] for at in range(width, len(body), one)]
    if len(places) < circle.rules().agreeing:
        raise TOO_FEW(f"{len(places)} tell, {circle.rules().agreeing} must agree")
    signed = {
        place: (history + header + row[SIGNATURE:], row[:SIGNATURE])
        for place, row in zip(places, rows, strict=True)
    }
    if (forged := circle.roster.forged("told", signed)) is not None:
        raise BAD_SIGNATURE("what it is said to tell, after all before", party=circle.names[forged])
    return {circle.names[place]: row[SIGNATURE:] for place, row in zip(places, rows, strict=True)}
