"""The sending half of a link: messages until they are acknowledged, cut into frames, sent again after a
loss.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from coterie.wire.errors import OUT_OF_ORDER, OVER_WINDOW
from coterie.wire.flow import MESSAGE_CHARGE, WINDOW
from coterie.wire.frames import CHUNK, FrameKind, Header
from coterie.wire.mesh import OUTSIDE
from coterie.wire.messages import Kind

_JOINED = 16 * 1024 - 512
"""Payloads up to this size are copied behind their header, so that both fit one TLS record and one system
call.
"""


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """One message, or the farewell (``kind`` None)."""

    kind: Kind | None
    tag: bytes
    depth: int
    data: memoryview
    first: int
    """Sequence number of its first frame."""
    charge: int
    """Window bytes of everything before it."""
    step: str
    """To which its bytes on the wire are accounted, however late or often they go."""

    @property
    def last(self) -> int:
        return self.first + max(1, -(-self.data.nbytes // CHUNK)) - 1

    @property
    def charge_after(self) -> int:
        return self.charge + (self.data.nbytes + MESSAGE_CHARGE if self.kind else 0)


class Outbox:
    """Not thread-safe: its link's lock guards it."""

    def __init__(self, peer: str, window: int = WINDOW) -> None:
        self.window = window
        """Bytes that may be on the way or unread at the peer."""
        self._peer = peer
        self._unsent: deque[_Outgoing] = deque()
        """Messages of which at least one frame must still be written."""
        self._unacked: deque[_Outgoing] = deque()
        """Messages that were written whole."""
        self._queued = 0  # the last sequence number given out
        self._written = 0  # the last sequence number written on the present connection, or acknowledged
        self._highest = 0  # the last sequence number ever written
        self._acked = 0
        self._charge = 0
        self._taken = 0
        self.farewell = False

    def add(self, tag: bytes, kind: Kind, depth: int, data: memoryview, step: str) -> None:
        self._put(_Outgoing(kind, tag, depth, data, self._queued + 1, self._charge, step))

    def add_farewell(self) -> None:
        self.farewell = True
        self._put(_Outgoing(None, b"", 0, memoryview(b""), self._queued + 1, self._charge, OUTSIDE))

    def _put(self, message: _Outgoing) -> None:
        self._unsent.append(message)
        self._queued = message.last
        self._charge = message.charge_after

    @property
    def outstanding(self) -> int:
        """Window bytes of what the peer's program has not taken yet, as far as is known here."""
        return self._charge - self._taken

    @property
    def left(self) -> int:
        """A measure of what the peer has still to do: window bytes that it has not received, and that its
        program has not taken.
        """
        first = next(iter((*self._unacked, *self._unsent)), None)
        if first is None:
            return self.outstanding
        received = first.charge + max(0, self._acked - first.first + 1) * CHUNK
        return self._charge - received + self.outstanding

    @property
    def acknowledged(self) -> int:
        """The last sequence number that the peer has received in full."""
        return self._acked

    @property
    def taken(self) -> int:
        """Window bytes that the peer's program has taken."""
        return self._taken

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    @property
    def all_acknowledged(self) -> bool:
        return self._acked == self._queued

    @property
    def undelivered(self) -> bool:
        """Whether a message, not only the farewell, lacks its acknowledgement."""
        return self._acked < self._queued - self.farewell

    def next_frame(self, acked: int, taken: int) -> tuple[list[memoryview], str] | None:
        """The next frame as buffers to write in turn, and its step; None when all is written or the window
        full.
        """
        if not self._unsent:
            return None
        message = self._unsent[0]
        number = self._written + 1
        offset = (number - message.first) * CHUNK
        part = message.data[offset : offset + CHUNK]
        if (
            message.kind
            and message.charge + MESSAGE_CHARGE + offset + part.nbytes > self._taken + self.window
        ):
            return None
        self._written = number
        self._highest = max(self._highest, number)
        if number == message.last:
            self._unacked.append(self._unsent.popleft())
        head = self._header(message, number, part.nbytes, acked, taken).encode()
        if number == message.first:
            head += message.tag
        if part.nbytes <= _JOINED:
            return [memoryview(head + part)], message.step
        return [memoryview(head), part], message.step

    def _header(self, message: _Outgoing, number: int, length: int, acked: int, taken: int) -> Header:
        if message.kind is None:
            return Header(FrameKind.BYE, number, acked, taken)
        if number > message.first:
            return Header(FrameKind.CHUNK, number, acked, taken, length)
        return Header(
            FrameKind.MESSAGE,
            number,
            acked,
            taken,
            length,
            len(message.tag),
            message.kind,
            message.depth,
            message.data.nbytes,
        )

    def acknowledge(self, acked: int, taken: int) -> bool:
        """Note what the peer has received and taken; whether it has taken more than before.

        Errors: CT-1214 and CT-1215 where it claims what was never sent, or takes back what it said.
        """
        if not self._acked <= acked <= self._highest:
            raise OUT_OF_ORDER(
                f"{self._peer} acknowledges frame {acked} of {self._highest}, after {self._acked}",
                party=self._peer,
            )
        if not self._taken <= taken <= self._charge:
            raise OVER_WINDOW(
                f"{self._peer} took {taken} bytes of {self._charge}, after {self._taken}", party=self._peer
            )
        self._acked = acked
        while self._unacked and self._unacked[0].last <= acked:
            self._unacked.popleft()
        progress = taken > self._taken
        self._taken = taken
        return progress

    def rewind(self, received: int) -> None:
        """On a new connection: go on behind frame ``received``."""
        while self._unacked and self._unacked[-1].last > received:
            self._unsent.appendleft(self._unacked.pop())
        self._written = received

    def clear(self) -> None:
        """Forget everything: the link is dead and the arrays are to be freed."""
        self._unsent.clear()
        self._unacked.clear()
