"""What a soak writes down while it runs: ``events.jsonl``, a line for each event, and counts."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coterie.node import JobView
from soak.figures import spread

AWAY = "Unavailable"
"""The family of errors that say that somebody is not there: a job that was refused so is none."""
DAMAGED = frozenset({"CT-1222"})
"""TLS has refused what a fault sent twice, while nodes talked about a job that was not taken yet."""


class Record:
    """Threads share it."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "events.jsonl").open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self.kills, self.faults, self.missed = Counter[str](), Counter[str](), Counter[str]()
        self.jobs, self.tries, self.refusals = Counter[str](), Counter[str](), Counter[str]()
        self.lost_jobs: list[dict[str, Any]] = []
        self.wrong: list[dict[str, Any]] = []
        self.hangs: list[dict[str, Any]] = []
        self.strange: list[dict[str, Any]] = []
        self._recoveries: dict[str, list[float]] = {}
        self._kinds: dict[bool, list[float]] = {True: [], False: []}

    def event(self, what: str, **more: Any) -> None:
        """A line."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "at": round(time.monotonic() - self._begun, 3),
            "what": what,
            **more,
        }
        with self._lock:
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """No event comes any more."""
        self._file.close()

    def killed(self, kind: str, **more: Any) -> None:
        with self._lock:
            self.kills[kind] += 1
        self.event("kill", kind=kind, **more)

    def hurt(self, kind: str, **more: Any) -> None:
        with self._lock:
            self.faults[kind] += 1
        self.event("fault", kind=kind, **more)

    def nothing(self, kind: str) -> None:
        """Nothing was there for it to befall."""
        with self._lock:
            self.missed[kind] += 1

    def recovered(self, what: str, seconds: float, *, kill: bool) -> None:
        """A job came further after this."""
        # The caller may hold a lock of its own: nothing here waits for it.
        with self._lock:
            self._recoveries.setdefault(what, []).append(seconds)
            self._kinds[kill].append(seconds)

    def refused(self, kind: str, code: str, family: str, detail: str, found: JobView | None) -> None:
        """A job was not taken. Only what is away is a good reason."""
        with self._lock:
            self.refusals[code] += 1
            if family != AWAY and code not in DAMAGED:
                self.strange.append({"kind": kind, "code": code, "detail": detail[:500]})
        job = {} if found is None else {"job": found.id, "state": found.state}
        self.event("refused", kind=kind, code=code, detail=detail[:500], **job)

    def attempts(self, kind: str, count: int) -> None:
        with self._lock:
            self.tries[kind] += count

    def done(self, kind: str, job: str, wrong: Sequence[str], seconds: float, attempts: int) -> None:
        with self._lock:
            self.jobs[kind] += 1
            if wrong:
                self.wrong.append({"kind": kind, "job": job, "wrong": list(wrong)})
        self.event(
            "done", kind=kind, job=job, wrong=list(wrong), seconds=round(seconds, 2), attempts=attempts
        )

    def lost(self, kind: str, job: str, view: JobView, struck: Sequence[str]) -> None:
        error = None if view.error is None else view.error.model_dump(mode="json")
        told = {"kind": kind, "job": job, "state": view.state, "error": error, "struck": list(struck)}
        with self._lock:
            self.jobs[kind] += 1
            self.lost_jobs.append(told)
        self.event("lost", **told, view=view.model_dump(mode="json"))

    def hang(self, kind: str, job: str, why: str, views: Any, struck: Sequence[str]) -> None:
        told = {"kind": kind, "job": job, "why": why, "struck": list(struck)}
        with self._lock:
            self.jobs[kind] += 1
            self.hangs.append(told)
        self.event("hang", **told, views=views)

    def figures(self) -> dict[str, Any]:
        """What the result says of it."""
        with self._lock:
            every = [one for times in self._kinds.values() for one in times]
            return {
                "kills": sum(self.kills.values()),
                "faults": sum(self.faults.values()),
                "jobs": sum(self.jobs.values()),
                "jobs_lost": len(self.lost_jobs) + len(self.strange),
                "wrong_results": len(self.wrong),
                "hangs": len(self.hangs),
                "recovery_s": spread(every),
                "recovery_after_kills_s": spread(self._kinds[True]),
                "recovery_after_faults_s": spread(self._kinds[False]),
                "recovery_by_blow_s": {
                    what: spread(self._recoveries[what]) for what in sorted(self._recoveries)
                },
                "kills_by_process": dict(sorted(self.kills.items())),
                "faults_by_kind": dict(sorted(self.faults.items())),
                "without_target": dict(sorted(self.missed.items())),
                "jobs_by_engine": dict(sorted(self.jobs.items())),
                "attempts_by_engine": dict(sorted(self.tries.items())),
                "refused_before_they_began": dict(sorted(self.refusals.items())),
                "lost": self.lost_jobs,
                "refused_strangely": self.strange,
                "wrong": self.wrong,
                "hanging": self.hangs,
            }
