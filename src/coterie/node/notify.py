"""Tell a service manager how the node is: sd_notify(3), a datagram of a few words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, MutableMapping

__all__ = ["Notifier"]


PATIENCE = 0.5
"""Seconds for a manager that has much to read."""


class Notifier:
    """Says nothing where nobody asked for it. Its socket is not passed on to workers."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """
        :param environment: ``NOTIFY_SOCKET``, a path, or a name after ``@``; ``WATCHDOG_USEC`` and
            ``WATCHDOG_PID``. All are taken out.
        """
        place = environment.pop("NOTIFY_SOCKET", "")
        interval = environment.pop("WATCHDOG_USEC", "")
        whose = environment.pop("WATCHDOG_PID", "")
        self._address = "\0" + place[1:] if place.startswith("@") else place
        mine = whose in ("", str(os.getpid()))
        self._every = int(interval) / 2e6 if mine and interval.isdigit() else 0.0
        """Seconds between two signs of life; 0 for none."""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """The node can be used until this ends; meanwhile a sign of life from the event loop."""
        self._tell("READY=1")
        alive = asyncio.get_running_loop().create_task(self._live()) if self._every else None
        try:
            yield
        finally:
            if alive is not None:
                alive.cancel()
            self._tell("STOPPING=1")

    async def _live(self) -> None:
        while True:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._every)

    def _tell(self, words: str) -> None:
        if not self._address.startswith(("/", "\0")):
            return
        # A manager that is gone, or slow, is no reason to stop or to wait.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.settimeout(PATIENCE)
            line.sendto(words.encode(), self._address)
