"""How fast a step goes, and how long it will take: of what it has counted in the last seconds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Pace", "Speed"]

WINDOW = 15.0
"""Seconds that count, where several pieces were done in them: a step has phases of different speed."""

FIRST = 2.0
"""Seconds before anything is said: the first pieces also pay for connections and caches."""

FEWEST = 2
"""Pieces reported before anything is said."""

BETWEEN = 0.25
"""Seconds between two points that are kept."""

LONGEST = 100 * 24 * 3600.0
"""Seconds above which an estimate says nothing."""


class Speed(NamedTuple):
    """Both None as long as too little is known, and when all is done."""

    rate: float | None = None
    """Items per second, to three digits."""
    left: int | None = None
    """Seconds."""


class Pace:
    """Takes every report of progress, and says the speed of what is counted now.

    Only a step that names its unit counts equal pieces; of another one nothing is said. What is counted
    anew, by another step, unit or total, or by fewer than before, begins anew. A run that was taken up in the
    middle is measured from there on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what: tuple[str, str | None, int] = ("", None, 0)
        self._points: deque[tuple[float, int]] = deque()
        """When so much was done, for the first time; the first point and those of the window."""
        self._longest = 0.0
        """Seconds between two reports of more, at most."""

    def took(self, step: str, done: int, total: int, unit: str | None) -> None:
        """A report of progress."""
        now = self._clock()
        what = (step, unit, total)
        if what != self._what or not self._points or done < self._points[-1][1]:
            self._what, self._longest = what, 0.0
            self._points = deque([(now, done)])
            return
        since, before = self._points[-1]
        if done == before or unit is None:
            return
        self._longest = max(self._longest, now - since)
        if len(self._points) > FEWEST and since - self._points[-2][0] < BETWEEN:
            self._points.pop()  # too near to the one before it
        self._points.append((now, done))
        # Two pieces at least stay, however long ago they began.
        while len(self._points) > FEWEST + 1 and self._points[1][0] < now - WINDOW:
            self._points.popleft()

    def speed(self) -> Speed:
        """Now."""
        _, unit, total = self._what
        if unit is None or len(self._points) <= FEWEST:
            return Speed()
        (start, first), (end, last) = self._points[0], self._points[-1]
        # Who is waiting for longer than ever slows down; until then the next piece is simply under way.
        elapsed = max(end, self._clock() - self._longest) - start
        if elapsed < FIRST or last >= total:
            return Speed()
        rate = (last - first) / elapsed
        left = (total - last) / rate
        return Speed(float(f"{rate:.3g}"), round(left) if left <= LONGEST else None)
