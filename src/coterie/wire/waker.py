"""Sleeping on a socket so that another thread can end the sleep."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable


class Waker:
    """Used by one sleeping thread at a time; :meth:`wake` by any."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._watched = -1
        self._mask = 0

    def sleep(self, descriptor: int, writable: bool, seconds: float) -> None:
        """Until ``descriptor`` is readable (or writable, where asked), :meth:`wake`, or the time is over."""
        mask = select.POLLIN | (select.POLLOUT if writable else 0)
        if (descriptor, mask) != (self._watched, self._mask):
            self._forget()
            if descriptor >= 0:
                self._poll.register(descriptor, mask)
            self._watched, self._mask = descriptor, mask
        for ready, _ in self._poll.poll(max(0.0, seconds) * 1000):
            if ready == self._out:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._out, 4096)

    def _forget(self) -> None:
        if self._watched >= 0:
            self._poll.unregister(self._watched)
        self._watched = -1

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._in, b"w")

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # Not earlier: a thread may still be on its way into or out of its sleep. ``os`` may be gone by then.
        close(self._out)
        close(self._in)
