"""Moves the frames of one connection: out of the outbox, into the inbox, with acknowledgements and
reports.
"""

from __future__ import annotations

import time

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.wire.connection import Connection
from coterie.wire.frames import HEADER_SIZE, Failure, FrameKind, Header, error_of, failure_of
from coterie.wire.inbox import FrameReader, Inbox
from coterie.wire.messages import read_record
from coterie.wire.outbox import Outbox

HEARTBEAT = 5.0
"""Seconds without anything to say after which an acknowledgement is sent: it shows that this process is
alive.
"""

SILENCE = 20.0
"""Seconds without a byte after which a connection counts as lost: four heartbeats. The link then makes
another.
"""

TURN_BYTES = 4 << 20
"""What one turn moves at most in each direction, so that no thread waits long for the link's lock."""

ACK_FRAMES = 16
"""Frames after which an acknowledgement is due: the sender keeps 16 MiB more than it must, at most."""

_SCRATCH = 17 * 1024  # one TLS record: a header with a small payload is read by one call


class Pump:
    """Not thread-safe: the link's lock guards it. One for each connection."""

    def __init__(self, connection: Connection, inbox: Inbox, outbox: Outbox) -> None:
        self.connection = connection
        self.heard = time.monotonic()
        """When the last byte came."""
        self.sent: dict[str | None, int] = {}
        """Bytes written since the link last looked, by step; None for the step that is open."""
        self.control_received = 0
        """Bytes of frames without message that came since the link last looked."""
        self.moved = 0
        """Bytes in both directions on this connection."""
        self.fruitful = False
        """Something sequenced came or was acknowledged on this connection."""
        self.news = False
        """Since the link last looked: a frame came, the window moved, or the peer said farewell."""
        self.window_moved = False
        """Since the link last looked: the peer took something."""
        self.peer_failure: CoterieError | None = None
        self.reported = False
        """The last words are written."""
        self._inbox = inbox
        self._outbox = outbox
        self._peer = connection.peer.name
        self._reader = FrameReader(inbox, self._peer, self._on_header, self._on_frame)
        self._scratch = memoryview(bytearray(_SCRATCH))
        self._writing: list[memoryview] = []
        self._step: str | None = None
        self._spoke = self.heard
        self._acked = inbox.received  # what the hello told, or the last frame
        self._taken = inbox.taken
        self._acknowledge = False
        self._report: bytes | None = None

    def report(self, error: CoterieError) -> None:
        """Tell the peer at the next frame's turn, ahead of everything queued."""
        self._report = canonical(failure_of(error))

    def turn(self, reading: bool = True) -> bool:
        """Write and read what is possible now; True where there is more to do at once.

        Raises Lost, and coded errors for what the peer did.
        """
        wrote = self._write()
        if not reading:
            return wrote
        read = self._read()
        if wrote or read:
            return True
        # Reading may have freed the window or made an acknowledgement due.
        return not self.connection.wants_write and self._next() and self._write()

    def drain(self) -> None:
        """At the end: send the report or the last acknowledgement, then read and forget what comes, so that
        closing does not destroy the last words on their way. Raises Lost when the peer has hung up.
        """
        if not self.reported:
            self._write()
            if self._writing or self._report or self.connection.wants_write:
                return
            self.reported = True
            self.connection.shut()
        while self.connection.read(self._scratch):
            pass

    @property
    def wants_write(self) -> bool:
        return self.connection.wants_write

    @property
    def heartbeat_due(self) -> float:
        """Monotonic time of the next heartbeat."""
        return self._spoke + HEARTBEAT

    def _write(self) -> bool:
        sent = 0
        if not self.connection.flush():
            return False
        while sent < TURN_BYTES:
            if not self._writing and not self._next():
                return False
            count = self.connection.write(self._writing[0])
            if not count:
                return False
            self._count_sent(count)
            sent += count
            if count == self._writing[0].nbytes:
                self._writing.pop(0)
            else:
                self._writing[0] = self._writing[0][count:]
        return True

    def _count_sent(self, count: int) -> None:
        self.moved += count
        self.sent[self._step] = self.sent.get(self._step, 0) + count
        self._spoke = time.monotonic()

    def _next(self) -> bool:
        """Put the next frame into ``_writing``; False where there is none."""
        inbox = self._inbox
        if self._writing:
            return True
        self._step = None
        if self._report:
            head = Header(FrameKind.FAIL, 0, inbox.received, inbox.taken, len(self._report))
            self._writing, self._report = [memoryview(head.encode() + self._report)], None
        elif frame := self._outbox.next_frame(inbox.received, inbox.taken):
            self._writing, self._step = frame
        elif self.acknowledgement_due or time.monotonic() >= self.heartbeat_due:
            self._writing = [memoryview(Header(FrameKind.STATE, 0, inbox.received, inbox.taken).encode())]
        else:
            return False
        self._acked, self._taken, self._acknowledge = inbox.received, inbox.taken, False
        return True

    @property
    def acknowledgement_due(self) -> bool:
        """Whether the peer should hear soon what was received and taken."""
        return (
            self._acknowledge
            or self._inbox.received - self._acked >= ACK_FRAMES
            or self._inbox.taken - self._taken >= self._inbox.window // 4
        )

    def _read(self) -> bool:
        got = 0
        while got < TURN_BYTES:
            room = self._reader.room()
            count = self.connection.read(self._scratch if room is None else room)
            if not count:
                return self._count_read(got, False)
            got += count
            if room is None:
                self._reader.feed(self._scratch[:count])
            else:
                self._reader.filled(count)
            if self.peer_failure:
                return self._count_read(got, False)
            if self.news and self._inbox.ready():
                return self._count_read(got, True)
        return self._count_read(got, True)

    def _count_read(self, got: int, more: bool) -> bool:
        if got:
            self.moved += got
            self.heard = time.monotonic()
        return more

    def _on_header(self, header: Header) -> None:
        if self._outbox.acknowledge(header.acked, header.taken):
            self.window_moved = self.news = True
        if self._outbox.farewell and self._outbox.all_acknowledged:
            self.news = True
        self.fruitful = self.fruitful or header.seq > 0 or self.window_moved

    def _on_frame(self, header: Header, payload: bytes) -> None:
        if header.kind not in (FrameKind.MESSAGE, FrameKind.CHUNK):
            self.control_received += HEADER_SIZE + header.length
        if header.kind is FrameKind.FAIL:
            self.peer_failure = error_of(read_record(payload, Failure, len(payload), self._peer), self._peer)
        elif header.kind is FrameKind.BYE:
            self.news = self._acknowledge = True
        elif header.kind in (FrameKind.MESSAGE, FrameKind.CHUNK):
            self.news = True
            # The sender keeps a message until all of it is acknowledged: say so at once where that is much.
            if header.kind is FrameKind.CHUNK and not self._inbox.partial:
                self._acknowledge = True
