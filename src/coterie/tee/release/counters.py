"""Run counters: how often, and when last, a key was released. They only grow, and survive crashes.

What is counted has a digest as its name: the releases of a grant, and those of a grant for one job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Protocol

from coterie.crypto import (
    atomic_write,
    canonical,
    digest,
    parse_timestamp,
    sync_directory,
    timestamp,
    write_error,
)
from coterie.ledger import Entry
from coterie.tee.documents.base import Size, Time, read
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.limits import Limits
from coterie.tee.evidence.binding import Sha256
from coterie.tee.evidence.model import Document
from coterie.tee.release.errors import CLOCK_WENT_BACK, COUNTER_DAMAGED, RUNS_SPENT, TOO_SOON

COUNTER_LIMIT: Final = 4096


class Spent(Document):
    """What is used of a grant, or of a grant in one job."""

    version: Literal["coterie/runs/v1"] = "coterie/runs/v1"
    counted: Sha256
    runs: Size
    last: Time | None
    """When the last key left; None where none has."""


class Counters(Protocol):
    """Where the counts are kept."""

    def spent(self, counted: str) -> Spent:
        """What is used; of what nobody has used, nothing. Errors: CT-2282."""
        ...

    def keep(self, spent: Spent) -> None:
        """Write it down: it is on the disk when this returns, and never less than before.

        Errors: CT-1120, CT-1121, CT-2282.
        """
        ...


class FileCounters:
    """A folder with a file for each count. One process at a time uses it: the one that has the ledger."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, or make it. Errors: CT-1120, CT-1121."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_directory(folder.parent)
        except OSError as error:
            raise write_error(folder, error) from error

    def spent(self, counted: str) -> Spent:
        """As :meth:`Counters.spent`."""
        path = self._path(counted)
        try:
            with path.open("rb") as file:
                found = read(Spent, file.read(COUNTER_LIMIT + 1), COUNTER_LIMIT, COUNTER_DAMAGED)
        except FileNotFoundError:
            return Spent(counted=counted, runs=0, last=None)
        except OSError as error:
            raise COUNTER_DAMAGED(f"{path.name}: {error.strerror}") from error
        if found.counted != counted:
            raise COUNTER_DAMAGED(f"{path.name} counts something else")
        return found

    def keep(self, spent: Spent) -> None:
        """As :meth:`Counters.keep`."""
        before = self.spent(spent.counted)
        if spent.runs < before.runs or (before.last or "") > (spent.last or ""):
            raise COUNTER_DAMAGED(f"{before.runs} runs were spent, and {spent.runs} would be kept")
        atomic_write(self._path(spent.counted), spent.to_bytes())

    def _path(self, counted: str) -> Path:
        return self._folder / f"{counted.removeprefix('sha256:')}.json"


@dataclass(frozen=True)
class Allowance:
    """How often, and how soon after another, something may be released."""

    counted: str
    max_runs: int
    min_interval: int
    """Seconds."""

    def check(self, spent: Spent, now: datetime) -> None:
        """Another run is left now. Errors: CT-2280, CT-2281, CT-2283."""
        if spent.runs >= self.max_runs:
            raise RUNS_SPENT(f"{spent.runs} of {self.max_runs}")
        if spent.last is None:
            return
        if timestamp(now) < spent.last:
            raise CLOCK_WENT_BACK(f"it is {timestamp(now)}, and a key left at {spent.last}")
        try:
            free = parse_timestamp(spent.last) + timedelta(seconds=self.min_interval)
        except OverflowError as error:
            raise TOO_SOON("the interval never ends") from error
        if now < free:
            raise TOO_SOON(f"not before {timestamp(free)}")


def allowances(grant: Grant, job: str, limits: Limits) -> tuple[Allowance, Allowance]:
    """What the owner's grant allows in all jobs, and what all grants together allow in this one.

    :param job: digest of the manifest.
    :param limits: of all grants of the job.
    """
    return (
        Allowance(grant.digest, grant.max_runs, grant.min_interval),
        Allowance(in_job(grant.digest, job), limits.max_runs, limits.min_interval),
    )


def in_job(grant: str, job: str) -> str:
    """The name under which releases of a grant for one job are counted."""
    return digest(canonical({"grant": grant, "job": job}))


def later(a: Spent, b: Spent) -> Spent:
    """What is used where two have counted the same: the more."""
    return Spent(counted=a.counted, runs=max(a.runs, b.runs), last=max(a.last or "", b.last or "") or None)


def deposited(entry: Entry) -> Spent:
    """What an entry ``deposit`` says: a grant that was given to a key keeper is used up here."""
    runs, moment = entry.body.get("runs"), entry.body.get("deposited")
    return Spent(counted=str(entry.body.get("grant")), runs=int(str(runs)), last=str(moment))


class MemoryCounters:
    """Counts that end with their process."""

    def __init__(self) -> None:
        self._spent: dict[str, Spent] = {}

    def spent(self, counted: str) -> Spent:
        """As :meth:`Counters.spent`."""
        return self._spent.get(counted) or Spent(counted=counted, runs=0, last=None)

    def keep(self, spent: Spent) -> None:
        """As :meth:`Counters.keep`."""
        self._spent[spent.counted] = later(spent, self.spent(spent.counted))


def one_more(spent: Spent, moment: str) -> Spent:
    """After another run."""
    return Spent(counted=spent.counted, runs=spent.runs + 1, last=max(spent.last or "", moment))
