"""A link: one peer, one job, through as many connections as it takes.

Threads
-------
A link has one thread of its own (``keeper.py``), which reads, writes, dials, and sees to heartbeats. All
state is guarded by the link's lock; no call into the operating system that can wait is made while it is held.

A program's thread that waits for a message *drives* the connection itself meanwhile: it reads the socket,
and the keeper stands aside until the program has been away from the socket for a few milliseconds. A message
that is sent while nothing is queued is written by the sending thread. That saves two changes of thread per
message, a tenth to a fifth of a round trip on loopback (``make bench NAME=links`` measures both ways).
Between rounds, while the program computes, the keeper goes on in the background.

Whoever must be woken sleeps in one of three places: the program's threads in ``changed``, the keeper in
``idle`` (standing aside) or in its waker (on the socket), the driving thread in a waker of its own.

No thread holds the locks of two links. An error is therefore spread to the mesh's other links only after the
lock of the link that found it is released.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import Protocol

from coterie.errors import CoterieError
from coterie.wire.account import Account
from coterie.wire.address import PeerAddress
from coterie.wire.connection import Connection, Lost
from coterie.wire.errors import (
    CLOSED,
    NOT_IN_TIME,
    PEER_FINISHED,
    PEER_GONE,
    PEER_RESTARTED,
    UNKNOWN_JOB,
    WRONG_JOB,
)
from coterie.wire.flow import Stall
from coterie.wire.frames import CHUNK, VERSION, Hello, error_of, failure_of
from coterie.wire.inbox import Inbox, Incoming
from coterie.wire.messages import Expected, Kind, again
from coterie.wire.outbox import Outbox
from coterie.wire.pump import Pump
from coterie.wire.waits import Waits
from coterie.wire.waker import Waker

ASIDE = 0.005
"""Seconds that the keeper stays away from the socket after the program has driven it: longer than what a
program does between two rounds of small messages, shorter than what is worth waiting for."""

PARK = 0.25
"""Seconds between two looks of the keeper while a program's thread drives."""

INLINE_BYTES = 64 * 1024
"""Messages up to this size are written by the sending thread; larger ones by the keeper, while the program
goes on."""


LONGEST_END = 86400.0
"""Seconds at the end without progress after which any peer is given up. A party that has nothing more to do
(a dealer) may wait so long for others that compute."""


class Host(Protocol):
    """What a link needs of its mesh."""

    job: str
    me: str
    session: str
    account: Account
    waits: Waits

    def has_unread(self) -> bool:
        """Whether any peer's message lies here."""

    def fault(self, peer: str, error: CoterieError) -> None:
        """The link to a peer has failed: end it, and all others where the job cannot do without this peer.
        Called with no link's lock held."""


class Link:
    """The state of a link. ``send``, ``receive``, ``finish`` are for the program, the rest for keeper and
    mesh.
    """

    def __init__(self, host: Host, address: PeerAddress, window: int, drive: bool = True) -> None:
        self.host = host
        self.address = address
        self.peer = address.name
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.idle = threading.Condition(self.lock)
        self.inbox = Inbox(self.peer, window)
        self.outbox = Outbox(self.peer, window)
        self.pump: Pump | None = None
        self.error: CoterieError | None = None
        """Why the link is dead."""
        self.dying = False
        self.told = False
        """The peer has been told why."""
        self.heard_error = False
        """The peer knows of the error: it reported it."""
        self.finished = False
        """The program has closed the link and everything is delivered."""
        self.down_since = time.monotonic()
        self.trouble = "not connected yet"
        """What happened last while the link was down."""
        self.was_up = False
        self.connections = 0
        """How many there have been; the present one counts."""
        self.fruitful = True
        """The last connection moved something: the next may be tried without delay."""
        self.driving = False
        self.driven = 0.0
        self.keeper_parked = False
        self.keeper_polls = False
        self.keeper_waker = Waker()
        self._window = window
        self._drive = drive
        self._driver_waker = Waker()
        self._generation = 0
        self._peer_session: str | None = None
        self._stall = Stall()

    # ---- for the program ----

    def send(self, tag: str, encoded_tag: bytes, kind: Kind, data: memoryview) -> None:
        with self.lock:
            self._check_usable()
            if self.inbox.ended:
                raise PEER_FINISHED(f"{tag!r} cannot be delivered", party=self.peer)
            step, depth = self.host.account.spend(self.peer, data.nbytes, tag)
            if self.outbox.outstanding > self._window:
                self._wait_for_window(tag, step, data.nbytes if kind is Kind.ARRAY else None)
            queued = self.outbox.has_unsent
            self.outbox.add(encoded_tag, kind, depth, data, step)
            if not queued and data.nbytes <= INLINE_BYTES and self.pump and not self.pump.wants_write:
                self.turn(reading=False)
            if self.outbox.has_unsent:
                self.kick()

    @property
    def clogged(self) -> bool:
        """Whether a message would wait until the peer takes earlier ones."""
        with self.lock:
            return self.outbox.outstanding > self._window

    def _wait_for_window(self, tag: str, step: str, size: int | None) -> None:
        since = time.monotonic()
        with self.host.waits.during(self.peer, "send", tag, step, size):
            while (
                self.outbox.outstanding > self._window
                and (self.host.account.in_turn or not self.host.has_unread())
                and not self._stall.over(since)
            ):
                self.changed.wait(0.02)
                self._check_usable()

    def receive(self, expected: Expected, seconds: float | None = None) -> Incoming:
        deadline = None if seconds is None else time.monotonic() + seconds
        with self.lock:
            self._check_usable()
            error = self.inbox.expect(expected)
            try:
                if error:
                    self.error = error
                    raise error
                if not self.inbox.ready():
                    self._wait_for_message(expected, deadline)
                message = self.inbox.pop()
                self._note_taken()
                return message
            finally:
                self.inbox.forget()

    def _wait_for_message(self, expected: Expected, deadline: float | None) -> None:
        tag, step = expected.tag, self.host.account.current_step
        with self.host.waits.during(self.peer, "receive", tag, step, expected.size):
            while not self.inbox.ready():
                self._check_usable()
                if self.inbox.ended and not self.inbox.partial:
                    self.error = PEER_FINISHED(f"{tag!r} is due", party=self.peer)
                    raise self.error
                if self._drive and self.pump and not self.driving:
                    self._drive_connection(self.pump, deadline)
                else:
                    self.kick()  # room that the program made must be told to the peer
                    self.changed.wait(_left(deadline))
                if not self.inbox.ready() and deadline is not None and time.monotonic() >= deadline:
                    self._check_usable()
                    raise NOT_IN_TIME(f"{tag!r}", party=self.peer)

    def _drive_connection(self, pump: Pump, deadline: float | None) -> None:
        self.driving = True
        try:
            while self.pump is pump and not self.error:
                if self.turn():
                    if self.inbox.ready():
                        return
                    continue
                if self.inbox.ready() or self.inbox.ended or self.pump is not pump:
                    return
                left = PARK if deadline is None else min(PARK, deadline - time.monotonic())
                if left <= 0:
                    return
                descriptor, writable = pump.connection.fileno(), pump.wants_write
                self.lock.release()
                try:
                    self._driver_waker.sleep(descriptor, writable, left)
                finally:
                    self.lock.acquire()
        finally:
            self.driving = False
            self.driven = time.monotonic()
            if self.keeper_parked or self.pump is not pump:
                self.kick()

    def _note_taken(self) -> None:
        """Room was made: the peer may wait for the news."""
        if self.pump and self.pump.acknowledgement_due and not self.pump.wants_write:
            self.turn(reading=False)

    def _check_usable(self) -> None:
        if self.error:
            raise again(self.error)
        if self.outbox.farewell or self.finished:
            raise CLOSED(f"the link to {self.peer}")

    def say_farewell(self) -> None:
        """Nothing more will be sent."""
        with self.lock:
            if not self.error and not self.outbox.farewell:
                self.outbox.add_farewell()
                self.kick()

    def finish(self, patience: float) -> bool:
        """After the farewell: wait until everything is delivered, the peer wants no more, or the link is
        dead. False where the peer is to be given up: of what was left, less than a MiB has gone in
        ``patience`` seconds. A mere sign of life does not do: it could be given for ever.
        """
        with self.lock:
            left, since = self.outbox.left, time.monotonic()
            with self.host.waits.during(self.peer, "close", "", self.host.account.current_step):
                while not (self.outbox.all_acknowledged or self.error):
                    # Once the peer has said farewell too, a lost connection does not come back.
                    if self.inbox.ended and not self.pump:
                        break
                    if self.outbox.left <= left - CHUNK:
                        left, since = self.outbox.left, time.monotonic()
                    elif time.monotonic() - since > patience:
                        return False
                    self.changed.wait(PARK)
            self.finished = not self.error
            self.kick()
            return True

    # ---- for keeper and mesh ----

    def kill(self, error: CoterieError) -> None:
        """Make the link dead: every call raises ``error``, and the peer is told, unless it is who told us."""
        with self.lock:
            if self.finished or self.dying:
                return
            self.dying = True
            self.error = self.error or error
            self.inbox.clear()
            self.outbox.clear()
            if self.pump and not self.heard_error:
                self.pump.report(error)
            self.changed.notify_all()
            self.kick()

    def kick(self) -> None:
        """With the lock held: wake whoever sees to the socket."""
        if self.driving:
            self._driver_waker.wake()
        if self.keeper_polls:
            self.keeper_waker.wake()
        elif self.keeper_parked:
            self.idle.notify()

    def turn(self, reading: bool = True) -> bool:
        """With the lock held: move what can be moved now (only outwards if not ``reading``); True where more
        is.

        Raises coded errors; the link is dead then. A lost connection is dropped.
        """
        pump = self.pump
        if pump is None or self.error:
            return False
        more = False
        try:
            more = pump.turn(reading)
        except Lost as lost:
            self.drop(str(lost))
        except CoterieError as error:
            self.error = error
            raise
        finally:
            self._after_turn(pump)
        return more

    def _after_turn(self, pump: Pump) -> None:
        if pump.sent or pump.control_received:
            self.host.account.on_wire(self.peer, pump.sent, pump.control_received)
            pump.sent, pump.control_received = {}, 0
        if pump.peer_failure and not self.error:
            self.heard_error = True
            self.error = pump.peer_failure
        if pump.window_moved:
            pump.window_moved = False
            self._stall.progress()
        if pump.news or self.error:
            pump.news = False
            self.changed.notify_all()
        if pump.peer_failure and self.heard_error:
            pump.peer_failure = None
            assert self.error is not None
            raise again(self.error)

    def drop(self, trouble: str) -> None:
        """With the lock held: forget the present connection."""
        pump, self.pump = self.pump, None
        if pump:
            self.fruitful = pump.fruitful
            self.down_since = time.monotonic()
            self.trouble = trouble
            self.kick()  # nobody may go on sleeping on the old socket
            pump.connection.close()

    def prepare(self, status: str = "ready") -> tuple[Hello, int]:
        """A hello for a new connection. The old one is given up first, so that what the hello says stays
        true.
        """
        with self.lock:
            if status == "ready":
                self._generation += 1
                self.drop("replaced by a new connection")
            hello = Hello.model_validate(
                {
                    "version": VERSION,
                    "job": self.host.job,
                    "party": self.host.me,
                    "session": self.host.session,
                    "peer_session": self._peer_session,
                    "received": self.inbox.received,
                    "taken": self.inbox.taken,
                    "window": self.inbox.window,
                    "status": status,
                    "failure": failure_of(self.error).model_dump() if self.error else None,
                }
            )
            return hello, self._generation

    def check_hello(self, hello: Hello) -> None:
        """Raises CT-1233 or what the peer reports where it is gone, CT-1216, CT-1218."""
        if hello.status == "gone":
            with self.lock:
                self.heard_error = True
                if hello.failure is None and self.outbox.farewell:
                    self.peer_finished()
                    raise Lost("the peer has finished")
            raise (
                error_of(hello.failure, self.peer)
                if hello.failure
                else UNKNOWN_JOB(f"{self.peer}, job {self.host.job}", party=self.peer)
            )
        if hello.status == "not-yet":
            raise Lost("the peer's node has no worker for this job yet")
        if hello.job != self.host.job or hello.party != self.peer:
            raise WRONG_JOB(f"{hello.party} greets for job {hello.job}", party=self.peer)
        other_peer = self._peer_session not in (None, hello.session)
        if other_peer or hello.peer_session not in (None, self.host.session):
            raise PEER_RESTARTED(self.peer, party=self.peer)

    def attach(self, connection: Connection, hello: Hello, generation: int) -> None:
        """Go on with a new connection, where the peer's checked hello says."""
        with self.lock:
            if generation != self._generation:
                raise Lost("replaced by a newer connection")
            self._peer_session = hello.session
            before = self.outbox.acknowledged
            self.outbox.acknowledge(hello.received, hello.taken)
            self.outbox.rewind(hello.received)
            self.outbox.window = min(self._window, hello.window)
            self.pump = Pump(connection, self.inbox, self.outbox)
            self.pump.fruitful = hello.received > before  # the lost connection was of use
            self.was_up = True
            self.connections += 1
            if self.error:
                self.pump.report(self.error)
            self.changed.notify_all()
            self.kick()

    def peer_finished(self) -> None:
        """With the lock held: the peer needs nothing more, although its farewell did not come through."""
        self.inbox.ended = True
        self.changed.notify_all()

    @property
    def moved(self) -> int:
        """Frames and window bytes that have come or were taken, in both directions. It only grows, and not
        by signs of life."""
        return self.inbox.received + self.inbox.taken + self.outbox.acknowledged + self.outbox.taken

    def arrived(self) -> int:
        """Bytes that are here, whole frames alone, of the message that comes next."""
        with self.lock:
            return self.inbox.messages[0].filled if self.inbox.messages else 0

    def gone(self, why: str) -> CoterieError:
        return PEER_GONE(f"{self.peer}: {why}", party=self.peer)

    def state(self) -> str:
        """The link in words."""
        if self.inbox.ended:
            return "finished by the peer"
        if self.pump:
            return "up"
        return f"down for {time.monotonic() - self.down_since:.0f} s: {self.trouble}"

    def release(self) -> None:
        """The keeper has ended."""
        with self.lock:
            self.drop("closed")


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def new_session() -> str:
    """What tells this process, in this job, from one that is started later in its place."""
    return secrets.token_hex(16)
