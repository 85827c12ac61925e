"""The receiving half of a link: frames in order into messages, straight into the array that is handed out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.wire.errors import BAD_FRAME, OUT_OF_ORDER, OVER_WINDOW
from coterie.wire.flow import MESSAGE_CHARGE, WINDOW
from coterie.wire.frames import CHUNK, HEADER_SIZE, FrameKind, Header, decode_header, decode_tag
from coterie.wire.messages import Expected, Kind


@dataclass(slots=True)
class Incoming:
    """A message that has begun to arrive."""

    tag: str
    kind: Kind
    depth: int
    total: int
    data: NDArray[np.uint8]
    """As long as the message; or as the window, while the message is longer and the program has not asked
    for it.
    """
    filled: int = 0
    """Bytes of frames that have arrived whole."""
    charge: int = 0
    wire: int = 0
    """Bytes of its frames."""
    wanted: bool = False
    """The program waits for this message: what arrives is taken at once."""
    complete: bool = False


class Inbox:
    """Not thread-safe: its link's lock guards it."""

    def __init__(self, peer: str, window: int = WINDOW) -> None:
        self.window = window
        self.received = 0
        """The last sequence number received in full."""
        self.taken = 0
        """Window bytes freed since the beginning."""
        self.ended = False
        """The peer has said farewell."""
        self.messages: deque[Incoming] = deque()
        self._peer = peer
        self._charge = 0
        self._partial: Incoming | None = None
        self._expected: Expected | None = None

    def expect(self, expected: Expected) -> CoterieError | None:
        """The program waits for this message next. Returns the error where the message at hand is another."""
        self._expected = expected
        return self._adopt(self.messages[0], expected) if self.messages else None

    def forget(self) -> None:
        """The program waits no longer."""
        self._expected = None

    @property
    def partial(self) -> bool:
        """Whether the newest message is still arriving."""
        return self._partial is not None

    def ready(self) -> bool:
        """Whether the awaited message is here, whole."""
        return self._expected is not None and bool(self.messages) and self.messages[0].complete

    def pop(self) -> Incoming:
        self._expected = None
        return self.messages.popleft()

    def open(self, header: Header, tag: str | None) -> None:
        """A sequenced frame begins. Errors: CT-1213, CT-1214, CT-1215, and what the program did not
        expect.
        """
        if header.seq != self.received + 1 or self.ended:
            raise OUT_OF_ORDER(
                f"{self._peer} sends frame {header.seq} after {self.received}", party=self._peer
            )
        charge = header.length + (MESSAGE_CHARGE if header.kind is FrameKind.MESSAGE else 0)
        if self._charge + charge - self.taken > self.window:
            raise OVER_WINDOW(f"{self._peer} sends beyond {self.window} unread bytes", party=self._peer)
        if header.kind is FrameKind.MESSAGE:
            self._begin(header, tag or "")
        elif header.kind is FrameKind.CHUNK:
            self._continue(header)
        elif self._partial:
            raise BAD_FRAME(f"{self._peer} breaks off {self._partial.tag!r}", party=self._peer)

    def _continue(self, header: Header) -> None:
        message = self._partial
        if message is None or not message.filled:
            raise BAD_FRAME(f"{self._peer} continues no message", party=self._peer)
        if header.length != min(CHUNK, message.total - message.filled):
            raise BAD_FRAME(f"{self._peer} cuts {message.tag!r} into wrong chunks", party=self._peer)

    def _begin(self, header: Header, tag: str) -> None:
        assert header.message is not None
        if self._partial:
            # Only the same message again, after a connection was lost within its first frame.
            old = self._partial
            same = (old.tag, old.kind, old.depth, old.total) == (
                tag,
                header.message,
                header.depth,
                header.total,
            )
            if old.filled or not same:
                raise BAD_FRAME(f"{self._peer} breaks off {old.tag!r}", party=self._peer)
            return
        message = Incoming(tag, header.message, header.depth, header.total, np.empty(0, np.uint8))
        if self._expected and not self.messages:
            error = self._adopt(message, self._expected)
            if error:
                raise error
        else:
            # A peer's word allocates address space up to the window at most; memory fills as bytes arrive.
            message.data = np.empty(min(header.total, self.window), np.uint8)
        self.messages.append(message)
        self._partial = message

    def _adopt(self, message: Incoming, expected: Expected) -> CoterieError | None:
        error = expected.check(self._peer, message.tag, message.kind, message.total)
        if error or message.wanted:  # wanted already: an earlier wait was interrupted
            return error
        if message.data.size < message.total:
            early, message.data = message.data, np.empty(message.total, np.uint8)
            message.data[: early.size] = early  # all of it: a frame may be half here
        message.wanted = True
        self.taken += message.charge
        return None

    def room(self, header: Header, offset: int) -> memoryview:
        """Where the rest of a frame's payload goes, ``offset`` bytes of which are here."""
        message = self._partial
        assert message is not None
        return message.data.data[message.filled + offset : message.filled + header.length]

    def close(self, header: Header) -> None:
        """A sequenced frame is here in full."""
        self.received = header.seq
        if header.kind is FrameKind.BYE:
            self.ended = True
            return
        message = self._partial
        assert message is not None
        charge = header.length + (MESSAGE_CHARGE if header.kind is FrameKind.MESSAGE else 0)
        self._charge += charge
        message.wire += HEADER_SIZE + header.tag_length + header.length
        message.filled += header.length
        if message.wanted:
            self.taken += charge
        else:
            message.charge += charge
        if message.filled == message.total:
            message.complete = True
            self._partial = None

    def clear(self) -> None:
        """Forget everything: the link is dead and the memory is to be freed."""
        self.messages.clear()
        self._partial = None


class FrameReader:
    """Cuts the bytes of one connection into frames. A frame that a lost connection cut off leaves no
    trace.
    """

    def __init__(
        self,
        inbox: Inbox,
        peer: str,
        on_header: Callable[[Header], None],
        on_frame: Callable[[Header, bytes], None],
    ) -> None:
        """:param on_header: called for each valid header, before its payload.
        :param on_frame: called for each whole frame, with its payload where that is not part of a message.
        """
        self._inbox = inbox
        self._peer = peer
        self._on_header = on_header
        self._on_frame = on_frame
        self._head = bytearray()
        self._header: Header | None = None
        self._offset = 0
        self._report = bytearray()

    def room(self) -> memoryview | None:
        """Where to read the next bytes directly; None when a header is due."""
        return self._room(self._header) if self._header else None

    def filled(self, count: int) -> None:
        """``count`` bytes were read into :meth:`room`."""
        header = self._header
        assert header is not None
        self._offset += count
        if self._offset == header.length:
            self._finish(header)

    def feed(self, data: memoryview) -> None:
        """Bytes that were read elsewhere."""
        while data:
            if self._header is None:
                data = self._feed_head(data)
            else:
                room = self._room(self._header)
                count = min(room.nbytes, data.nbytes)
                room[:count] = data[:count]
                data = data[count:]
                self.filled(count)

    def _feed_head(self, data: memoryview) -> memoryview:
        head = self._head
        if len(head) < HEADER_SIZE:
            need = HEADER_SIZE - len(head)
            head += data[:need]
            data = data[need:]
            if len(head) < HEADER_SIZE:
                return data
        header = decode_header(head, self._peer)
        need = HEADER_SIZE + header.tag_length - len(head)
        head += data[:need]
        data = data[need:]
        if len(head) == HEADER_SIZE + header.tag_length:
            tag = decode_tag(bytes(head[HEADER_SIZE:]), self._peer)
            self._head = bytearray()
            self._begin(header, tag)
        return data

    def _begin(self, header: Header, tag: str) -> None:
        self._on_header(header)
        if header.seq:
            self._inbox.open(header, tag)
        else:
            self._report = bytearray(header.length)
        self._header = header
        self._offset = 0
        if not header.length:
            self._finish(header)

    def _room(self, header: Header) -> memoryview:
        if header.seq:
            return self._inbox.room(header, self._offset)
        return memoryview(self._report)[self._offset :]

    def _finish(self, header: Header) -> None:
        self._header = None
        if header.seq:
            self._inbox.close(header)
        self._on_frame(header, bytes(self._report))
        self._report = bytearray()
