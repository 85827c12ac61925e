"""Which calls wait for which peer, since when: what ``job status`` shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from coterie.wire.mesh import Waiting

_Doing = Literal["receive", "send", "close"]


class Waits:
    """The waiting calls of one mesh. Thread-safe."""

    def __init__(self, link_state: Callable[[str], str]) -> None:
        """:param link_state: a peer's link in words."""
        self._lock = threading.Lock()
        self._calls: dict[int, tuple[float, str, _Doing, str, str]] = {}
        self._next = 0
        self._link_state = link_state

    @contextmanager
    def during(self, peer: str, doing: _Doing, tag: str, step: str) -> Iterator[None]:
        """List a call while it lasts."""
        with self._lock:
            self._next += 1
            number = self._next
            self._calls[number] = (time.time(), peer, doing, tag, step)
        try:
            yield
        finally:
            with self._lock:
                del self._calls[number]

    def list(self) -> tuple[Waiting, ...]:
        """The calls that wait now, longest first."""
        with self._lock:
            calls = sorted(self._calls.values())
        return tuple(
            Waiting(peer, doing, tag, datetime.fromtimestamp(since, UTC), step, self._link_state(peer))
            for since, peer, doing, tag, step in calls
        )
