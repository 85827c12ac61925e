"""What metrics and spans say of a job: public facts of its plan, which all of its parties have signed."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from coterie.errors import CoterieError
from coterie.node.jobbook import JobBook

__all__ = ["JobFacts", "Known"]

MOST = 256
"""Jobs that are remembered: more than run at a time."""


@dataclass(frozen=True)
class JobFacts:
    """Of one job."""

    engine: str
    initiator: str
    components: Mapping[str, str]
    """By the name of a step; what the plan does not name is ``other``."""


class Known:
    """Reads each plan once."""

    def __init__(self, book: JobBook) -> None:
        self._book = book
        self._jobs: OrderedDict[str, JobFacts] = OrderedDict()

    def of(self, job: str) -> JobFacts | None:
        """None for a job that this node does not know."""
        if job not in self._jobs:
            try:
                row = self._book.row(job)
            except CoterieError:
                return None
            stages = json.loads(row.plan)["stages"]
            components = {step["step"]: step["component"] for stage in stages for step in stage["steps"]}
            self._jobs[job] = JobFacts(row.engine, row.initiator, components)
            while len(self._jobs) > MOST:
                self._jobs.popitem(last=False)
        return self._jobs[job]

    def started(self, job: str) -> str | None:
        """When it was started here for the first time."""
        try:
            return self._book.row(job).started
        except CoterieError:
            return None
