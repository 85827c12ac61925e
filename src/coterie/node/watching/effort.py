"""How much a job has got done at this party: one number, which grows with real progress and nothing else."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["Effort", "processor_seconds"]

AT_WORK = 0.1
"""Share of a processor above which a process that waits for nobody is at work. What links and reports take of
it meanwhile is a hundredth."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PROCESSES = Path("/proc")


class Effort:
    """Counts steps and operations, what has moved on links, and the looks at which the process computed.

    A step may compute for hours and send nothing: who waits for no peer and uses a processor gets on.
    """

    def __init__(
        self,
        moved: Callable[[], int],
        used: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """:param moved: gives what has moved on links.
        :param used: gives the processor seconds so far.
        """
        self._moved, self._used, self._clock = moved, used or processor_seconds, clock
        self._place: tuple[str | None, int] = (None, 0)
        self._count = 0
        self._most = 0
        self._looked = (clock(), self._used())

    def stepped(self, step: str, done: int) -> None:
        """The program is there now. The same place again is no progress."""
        if (step, done) != self._place:
            self._place = (step, done)
            self._count += 1

    def look(self, *, waits: bool) -> int:
        """The number now.

        :param waits: whether a call waits for a peer.
        """
        (then, before), self._looked = self._looked, (self._clock(), self._used())
        now, used = self._looked
        if not waits and used - before > AT_WORK * (now - then):
            self._count += 1
        self._most = max(self._most, self._moved())
        return self._count + self._most


def processor_seconds() -> float:
    """Of this process and all that it has started, as far as the system tells of them."""
    own = os.times()
    total = own.user + own.system + own.children_user + own.children_system
    waiting = _children(os.getpid())
    while waiting:
        child = waiting.pop()
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (_PROCESSES / str(child) / "stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / _TICKS
            waiting += _children(child)
    return total


def _children(process: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in (_PROCESSES / str(process) / "task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found
