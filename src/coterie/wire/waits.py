"""Which calls wait for which peer, since when: what ``job status`` shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Literal

from coterie.wire.mesh import Waiting

_Doing = Literal["receive", "send", "close"]


_Call = tuple[float, str, _Doing, str, str, int | None]


class _Listed(AbstractContextManager[None]):
    """Puts a call on the list and takes it off again: single operations on a dict, which need no lock."""

    __slots__ = ("_call", "_calls")

    def __init__(self, calls: dict[int, _Call], call: _Call) -> None:
        self._calls = calls
        self._call = call

    def __enter__(self) -> None:
        self._calls[id(self)] = self._call

    def __exit__(self, *_: object) -> None:
        del self._calls[id(self)]


class Waits:
    """The waiting calls of one mesh. Thread-safe."""

    def __init__(self, link_state: Callable[[str], str], arrived: Callable[[str], int] = lambda _: 0) -> None:
        """:param link_state: a peer's link in words.
        :param arrived: bytes that are here of the message that is awaited of a peer.
        """
        self._calls: dict[int, _Call] = {}
        self._link_state = link_state
        self._arrived = arrived

    def during(
        self, peer: str, doing: _Doing, tag: str, step: str, size: int | None = None
    ) -> AbstractContextManager[None]:
        """List a call while it lasts.

        :param size: bytes of its message, where that is an array, whose size the plan gives.
        """
        return _Listed(self._calls, (time.time(), peer, doing, tag, step, size))

    def list(self) -> tuple[Waiting, ...]:
        """The calls that wait now, longest first."""
        calls = sorted(self._calls.copy().values(), key=lambda call: call[:5])
        return tuple(
            Waiting(
                peer,
                doing,
                tag,
                datetime.fromtimestamp(since, UTC),
                step,
                self._link_state(peer),
                size,
                self._arrived(peer) if size is not None and doing == "receive" else 0,
            )
            for since, peer, doing, tag, step, size in calls
        )
