"""The time at a keeper. It has no clock but its host's; this one does at least not go back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from coterie.crypto import now


def _steady() -> float:
    """Seconds since the machine's start, its sleep included; nobody sets it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class HeldClock:
    """The host's clock, held: never before what it has shown, nor before what a provider has signed; and it
    passes at least as fast as the machine's steady clock. A host that sets its clock back so gains nothing;
    one that sets it forward ends deposits early, and waits shorter between two runs.
    """

    def __init__(self, wall: Callable[[], datetime] = now, steady: Callable[[], float] = _steady) -> None:
        self._wall, self._steady = wall, steady
        self._mark, self._at = wall(), steady()

    def __call__(self) -> datetime:
        """The time, to the second."""
        at = max(self._steady(), self._at)
        try:
            held = self._mark + timedelta(seconds=at - self._at)
        except OverflowError:
            held = self._mark
        self._mark, self._at = max(held, self._wall()), at
        return self._mark.replace(microsecond=0)

    def not_before(self, moment: datetime) -> None:
        """It is ``moment`` or later: somebody who is believed has said so."""
        self._mark = max(self._mark, moment)
