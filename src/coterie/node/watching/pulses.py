"""When each party of each job came further for the last time, as this node has heard, and who is awaited.

No clock of another party counts: a report counts when it comes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta

from coterie.crypto import now, timestamp
from coterie.node.views import ParticipantView

from .views import StallView

__all__ = ["ALIVE_SECONDS", "Pulses", "awaited_parties"]

ALIVE_SECONDS = 5.0
"""Between two reports of a worker that has nothing new to say: they show that it lives."""

SILENT_SECONDS = 4 * ALIVE_SECONDS
"""Without a report after which a party's last word does not count: what it waited for then says nothing."""


@dataclass
class _Pulse:
    place: tuple[object, ...]
    further: float
    """When it came further, by this node's clock for time spans."""
    heard: float


class Pulses:
    """In memory: after a restart of the node all begin to count anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._jobs: dict[str, dict[str, _Pulse]] = {}
        self._told: dict[str, dict[str, StallView]] = {}
        self._links: dict[str, dict[str, tuple[bool, int]]] = {}
        self.reconnects: Counter[str] = Counter()
        """By peer: connections of links beyond the first one of each."""
        self.on_heard: Callable[[str], None] | None = None
        """Told the job of each report."""

    def heard(self, job: str, view: ParticipantView) -> None:
        """A report of a participant has come."""
        moment = self._clock()
        place = (view.state, view.step, view.done, view.moved)
        pulse = self._jobs.setdefault(job, {}).get(view.party)
        if pulse is None or pulse.place != place:
            self._jobs[job][view.party] = _Pulse(place, moment, moment)
        else:
            pulse.heard = moment
        if self.on_heard is not None:
            self.on_heard(job)

    def still(self, job: str) -> float:
        """Seconds in which no party of the job has come further."""
        pulses = self._jobs.get(job)
        return self._clock() - max(one.further for one in pulses.values()) if pulses else 0.0

    def further(self, job: str, party: str) -> str | None:
        """When a party came further for the last time; None where nothing was heard of it."""
        pulse = self._jobs.get(job, {}).get(party)
        return None if pulse is None else self._time(pulse.further)

    def silent(self, job: str) -> frozenset[str]:
        """Parties that have not even reported for long."""
        oldest = self._clock() - SILENT_SECONDS
        return frozenset(name for name, one in self._jobs.get(job, {}).items() if one.heard < oldest)

    def since(self, job: str) -> str:
        """From when on nobody has come further."""
        return self._time(self._clock() - self.still(job))

    def linked(self, job: str, links: Mapping[str, tuple[bool, int]]) -> None:
        """How the links of the own worker stand: up or not, and their connections so far."""
        known = self._links.setdefault(job, {})
        for peer, (_, connections) in links.items():
            before = known[peer][1] if peer in known and known[peer][1] <= connections else 0
            self.reconnects[peer] += max(0, connections - max(before, 1))
        self._links[job] = dict(links)

    def links(self) -> Counter[str]:
        """Of each peer, how many links are up."""
        states = (one.items() for one in self._links.values())
        return Counter(peer for links in states for peer, (up, _) in links if up)

    def told(self, job: str, view: StallView, *, over: bool = False) -> bool:
        """A node calls the job stalled, or does so no longer; whether that is news."""
        known = self._told.setdefault(job, {})
        if over:
            return known.pop(view.party, None) is not None
        known[view.party], before = view, known.get(view.party)
        return before != view

    def stalls(self, job: str) -> tuple[StallView, ...]:
        """Whose nodes call the job stalled, by name."""
        return tuple(view for _, view in sorted(self._told.get(job, {}).items()))

    def stillest(self) -> float:
        """Seconds that the job has stood still that does so for longest."""
        return max(map(self.still, self._jobs), default=0.0)

    def stalled(self, party: str) -> int:
        """How many jobs that party's node calls stalled."""
        return sum(party in known for known in self._told.values())

    def forget(self, job: str) -> None:
        """The job is over."""
        self._jobs.pop(job, None)
        self._links.pop(job, None)
        self._told.pop(job, None)

    def _time(self, moment: float) -> str:
        """A moment of the clock for time spans as a time of day."""
        return timestamp((now() - timedelta(seconds=self._clock() - moment)).astimezone(UTC))


def awaited_parties(views: Iterable[ParticipantView], silent: Iterable[str] = ()) -> tuple[str, ...]:
    """At whom the chains of waiting end: those who wait for nobody, else all of the circle. Of who is silent,
    nobody knows for whom it waits now. Sorted; empty where nobody waits for another.
    """
    gone = frozenset(silent)
    waits = {
        view.party: {one.peer for one in view.waiting} - {view.party}
        for view in views
        if view.waiting and view.party not in gone
    }
    reached = set().union(*waits.values()) if waits else set()
    ends = reached - waits.keys()
    return tuple(sorted(ends or reached))
