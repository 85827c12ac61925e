"""The thread of a link: reads and writes while the program does not, makes connections, notices a dead
peer.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections.abc import Callable

from coterie.errors import UNEXPECTED, CoterieError
from coterie.wire.address import PeerAddress
from coterie.wire.connection import Connection, Lost
from coterie.wire.errors import NO_TLS, REFUSED, WRONG_KEY
from coterie.wire.link import ASIDE, PARK, Link
from coterie.wire.pump import SILENCE
from coterie.wire.tls import HANDSHAKE_SECONDS

PATIENCE = 60.0
"""Seconds that a link may be down before its peer counts as gone; an operator's choice."""

LINGER = 3.0
"""Seconds in which a link that is over still sees to it that its last words arrive."""

FIRST_DELAY = 0.05
LONGEST_DELAY = 2.0

FIRST_PROBE = 1.0
"""Seconds after which the side that does not dial asks the peer's node whether the job still runs there."""
PROBE_PAUSE = 2.0

REKEY_BYTES = 1 << 37
"""Bytes after which the dialling side makes a new connection, with new keys: a third of what AES-GCM may
protect under one key (RFC 8446, 5.5: 2^24.5 full records, 388 GB)."""

YIELD = 50e-6
"""Seconds for which a busy keeper leaves the lock after each turn of 4 MiB, which takes some milliseconds."""

_KEY_TROUBLE = frozenset({WRONG_KEY.code, REFUSED.code, NO_TLS.code})

_JITTER = random.SystemRandom()  # not the shared generator, whose state a program may depend on

log = logging.getLogger(__name__)

Dial = Callable[[PeerAddress, float], socket.socket]
"""``dial(address, seconds)``: a stream to the peer's front door, or OSError."""

Open = Callable[[socket.socket, PeerAddress, float], Connection]
"""``open(raw, address, deadline)``: TLS as the dialling side."""


class Keeper(threading.Thread):
    """One for each link, from the link's beginning to its end."""

    def __init__(
        self,
        link: Link,
        dials: bool,
        patience: float,
        dial: Dial,
        open_tls: Open,
        rekey_bytes: int = REKEY_BYTES,
    ) -> None:
        super().__init__(name=f"link-{link.peer}", daemon=True)
        self._link = link
        self._dials = dials
        self._patience = patience
        self._dial = dial
        self._open = open_tls
        self._rekey_bytes = rekey_bytes
        self._delay = FIRST_DELAY
        self._next_attempt = 0.0
        self._key_trouble: CoterieError | None = None
        self._over_since: float | None = None
        self._moved = 0

    def run(self) -> None:
        try:
            while self._attend():
                pass
        finally:
            self._link.release()

    def _attend(self) -> bool:
        """One round; False when the link is over."""
        link = self._link
        try:
            with link.lock:
                if self._over():
                    return False
                attempt = self._due() if link.pump is None else None
                if link.pump is not None:
                    self._tend_connection()
                elif attempt is None:
                    link.keeper_parked = True
                    until = self._next_attempt - time.monotonic()
                    link.idle.wait(until if 0.001 < until < PARK else PARK)
                    link.keeper_parked = False
            if attempt:
                self._connect(attempt)
        except CoterieError as error:
            link.host.fault(link.peer, error)
        except Exception:
            log.exception("the link to %s failed unexpectedly", link.peer)
            link.host.fault(link.peer, UNEXPECTED(f"in the link to {link.peer}"))
            time.sleep(ASIDE)
        return True

    # ---- with a connection ----

    def _tend_connection(self) -> None:
        """With the link's lock held, which is given up for sleeping."""
        link = self._link
        pump = link.pump
        assert pump is not None
        now = time.monotonic()
        aside = link.driving or (now - link.driven < ASIDE and not link.outbox.has_unsent)
        if link.error and not link.dying:
            link.idle.wait(ASIDE)  # whoever found the error is about to spread it
            return
        if link.error or link.finished:
            try:
                pump.drain()
            except (Lost, CoterieError):
                link.drop("closed")
            link.told = link.told or pump.reported
            if link.pump is None:
                return
        elif aside and now < pump.heartbeat_due:
            link.keeper_parked = True
            link.idle.wait(PARK if link.driving else ASIDE)
            link.keeper_parked = False
            return
        elif link.turn():
            # There is more to do; but locks are not fair, and a program's thread may want this one.
            link.lock.release()
            time.sleep(YIELD)
            link.lock.acquire()
            if link.pump is pump:
                self._check_age(now)  # a stream without an end wears its keys out too
            return
        if link.pump is pump:
            self._check_age(now)
        if link.pump is pump:
            self._sleep(max(0.001, min(pump.heartbeat_due, now + SILENCE) - now))

    def _sleep(self, seconds: float) -> None:
        link = self._link
        pump = link.pump
        assert pump is not None
        if link.error or link.finished:
            seconds = 0.05
        descriptor, writable = pump.connection.fileno(), pump.wants_write
        link.keeper_polls = True
        link.lock.release()
        try:
            link.keeper_waker.sleep(descriptor, writable, seconds)
        finally:
            link.lock.acquire()
            link.keeper_polls = False

    def _check_age(self, now: float) -> None:
        link = self._link
        pump = link.pump
        assert pump is not None
        if now - pump.heard > SILENCE:
            link.drop(f"nothing was heard for {SILENCE:.0f} s")
        elif self._dials and pump.moved > self._rekey_bytes:
            link.drop("new keys are due")

    # ---- without one ----

    def _over(self) -> bool:
        link = self._link
        if not link.error and not link.finished:
            return False
        now = time.monotonic()
        if self._over_since is None:
            self._over_since = self._next_attempt = now
        told = link.finished or link.heard_error or link.told
        return (told and link.pump is None) or now - self._over_since > LINGER

    def _due(self) -> str | None:
        """What is to be tried now. Raises the coded error when patience is over."""
        link = self._link
        now = time.monotonic()
        down = now - link.down_since
        if link.inbox.ended:
            self._next_attempt = now + PARK
            return None
        if link.error:
            due = link.address.listens and now >= self._next_attempt
            return "gone" if due else None
        if down > self._patience:
            if link.outbox.farewell and not link.outbox.undelivered:
                link.peer_finished()
                return None
            raise self._key_trouble or link.gone(f"no connection for {down:.0f} s; {link.trouble}")
        if link.fruitful:
            link.fruitful = False
            self._delay = FIRST_DELAY
            self._next_attempt = link.down_since if self._dials else link.down_since + FIRST_PROBE
        if not link.address.listens or now < self._next_attempt:
            return None
        return "ready" if self._dials else "probe"

    def _connect(self, status: str) -> None:
        link = self._link
        try:
            self._greet(status)
            self._key_trouble = None
        except (Lost, OSError) as error:
            link.trouble = str(error) or type(error).__name__
        except CoterieError as error:
            if error.code not in _KEY_TROUBLE or not link.was_up:
                raise
            # Someone in between may have answered: that must not end a job that runs. Patience decides.
            link.trouble, self._key_trouble = str(error), error
        pause = PROBE_PAUSE if status == "probe" else self._delay
        self._next_attempt = time.monotonic() + pause * _JITTER.uniform(0.75, 1.25)
        self._delay = min(self._delay * 2, LONGEST_DELAY)

    def _greet(self, status: str) -> None:
        link = self._link
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        raw = self._dial(link.address, HANDSHAKE_SECONDS)
        connection = self._open(raw, link.address, deadline)
        try:
            connection.read_welcome(deadline)
            hello, generation = link.prepare(status)
            connection.send_hello(hello, deadline)
            answer = connection.read_hello(deadline)
            if status == "gone":
                link.told = True
            else:
                link.check_hello(answer)
            if status != "ready":
                connection.close()
            else:
                link.attach(connection, answer, generation)
        except BaseException:
            connection.close()
            raise
