"""Counts since the node was started, of what goes into its ledger: one source for ledger and metrics."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from coterie.ledger import Entry

from .known import JobFacts, Known

__all__ = ["STEP_SECONDS", "STORE_SECONDS", "Durations", "Tallies"]

STEP_SECONDS = (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
STORE_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
"""Upper bounds of what durations are counted by."""

OTHER = "other"


class Durations:
    """How many lasted how long."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        """Seconds."""

    def add(self, seconds: float) -> None:
        """One more."""
        self._counts[bisect.bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bound and how many are not above it, the last one without a bound."""
        found, total = [], 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Tallies:
    """Only the event loop's thread uses it. Labels are of small sets: engines, components, states, codes, and
    the names of pinned parties."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.begun: Counter[tuple[str, ...]] = Counter()
        """By engine."""
        self.ended: Counter[tuple[str, ...]] = Counter()
        """By engine and last state."""
        self.attempts: Counter[tuple[str, ...]] = Counter()
        """By engine: beyond the first ones."""
        self.breaks: Counter[tuple[str, ...]] = Counter()
        """By the code of what broke an attempt."""
        self.stalls: Counter[tuple[str, ...]] = Counter()
        """By engine."""
        self.steps: defaultdict[tuple[str, ...], Durations] = defaultdict(lambda: Durations(STEP_SECONDS))
        """By engine and component."""
        self.rounds: Counter[tuple[str, ...]] = Counter()
        """By engine."""
        self.sent: Counter[tuple[str, ...]] = Counter()
        self.received: Counter[tuple[str, ...]] = Counter()
        """Bytes by peer."""
        self.refusals: Counter[tuple[str, ...]] = Counter()
        """By code."""
        self.store = Durations(STORE_SECONDS)
        self._of_job: dict[str, Callable[[Any, JobFacts], None]] = {
            "started": lambda _, job: self.begun.update([(job.engine,)]),
            "resumed": lambda _, job: self.attempts.update([(job.engine,)]),
            "broke": lambda body, _: self.breaks.update([(str(body.get("code")),)]),
            "stalled": lambda _, job: self.stalls.update([(job.engine,)]),
            "ended": lambda body, job: self.ended.update([(job.engine, str(body.get("state")))]),
        }

    def entry(self, entry: Entry) -> None:
        """Count what an entry says."""
        body: Any = entry.body
        if entry.kind == "refusal":
            self.refusals[str(body.get("code")),] += 1
        if entry.kind not in ("job", "egress") or (job := self._known.of(str(body.get("job")))) is None:
            return
        if entry.kind == "egress":
            self._step(body, job)
        elif (count := self._of_job.get(str(body.get("event")))) is not None:
            count(body, job)

    def _step(self, body: Any, job: JobFacts) -> None:
        self.steps[job.engine, job.components.get(body["step"], OTHER)].add(float(body.get("seconds", 0)))
        self.rounds[job.engine,] += body["rounds"]["used"] if "rounds" in body else 0
        for counts, told in ((self.sent, body.get("sent")), (self.received, body.get("received"))):
            for peer, size in (told or {}).items():
                counts[peer,] += size
