"""Back-pressure: how far a sender may run ahead of its receiver, and why that never becomes a deadlock.

A *window* bounds what the receiver must hold: bytes that were sent and not yet taken by its program. On the
wire the bound is hard. The sending *call*, however, only waits when that is harmless:

- never while a message of any peer lies here unread. Two parties who send large arrays to each other at once
  both have something to read, so neither waits, and the same holds for every ring of senders. Where programs
  send in turn with taking (`Mesh.at_once`), it does wait: of two who do, the one that is behind never stands
  before a full window, nor does the last of a ring;
- never forever. Longer cycles, through parties who wait for messages, are possible in principle. A call that
  sees no progress for a second goes ahead, the next one after two seconds, and so on, doubling. The queue of
  a sender therefore grows by a handful of messages while a peer is stuck, and its arrays exist anyway.
"""

from __future__ import annotations

import time

WINDOW = 256 * 1024 * 1024
"""Bytes: enough for the largest single message of common jobs (100,000 x 100 features are 80 MB) three
times.
"""

MESSAGE_CHARGE = 256
"""Bytes that a message costs of the window besides its payload, so that empty messages are bounded as
well.
"""

FIRST_STALL = 1.0
LONGEST_STALL = 3600.0


class Stall:
    """How long the senders of one channel wait without progress before one of them goes ahead."""

    def __init__(self) -> None:
        self._limit = FIRST_STALL
        self._progress = time.monotonic()

    def progress(self) -> None:
        """The receiver took something."""
        self._limit = FIRST_STALL
        self._progress = time.monotonic()

    def over(self, since: float) -> bool:
        """Whether a call that waits since the monotonic time ``since`` goes ahead now."""
        if time.monotonic() - max(since, self._progress) < self._limit:
            return False
        self._limit = min(self._limit * 2, LONGEST_STALL)
        return True
