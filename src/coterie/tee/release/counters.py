"""Run counters: how often, and when last, a grant's key was released. They only grow, and survive crashes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Protocol

from coterie.crypto import atomic_write, parse_timestamp, sync_directory, timestamp, write_error
from coterie.tee.documents.base import Size, Time, read
from coterie.tee.documents.limits import Limits
from coterie.tee.evidence.binding import Sha256
from coterie.tee.evidence.model import Document
from coterie.tee.release.errors import CLOCK_WENT_BACK, COUNTER_DAMAGED, RUNS_SPENT, TOO_SOON

COUNTER_LIMIT: Final = 4096


class Spent(Document):
    """What is used of a grant."""

    version: Literal["coterie/runs/v1"] = "coterie/runs/v1"
    grant: Sha256
    runs: Size
    last: Time | None
    """When the last key left; None where none has."""


class Counters(Protocol):
    """Where the counts are kept."""

    def spent(self, grant: str) -> Spent:
        """What is used; of a grant that nobody has used, nothing. Errors: CT-2282."""
        ...

    def keep(self, spent: Spent) -> None:
        """Write it down: it is on the disk when this returns, and never less than before.

        Errors: CT-1120, CT-1121, CT-2282.
        """
        ...


class FileCounters:
    """A folder with a file for each grant. One process at a time uses it: the one that has the ledger."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, or make it. Errors: CT-1120, CT-1121."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_directory(folder.parent)
        except OSError as error:
            raise write_error(folder, error) from error

    def spent(self, grant: str) -> Spent:
        """As :meth:`Counters.spent`."""
        path = self._path(grant)
        try:
            with path.open("rb") as file:
                found = read(Spent, file.read(COUNTER_LIMIT + 1), COUNTER_LIMIT, COUNTER_DAMAGED)
        except FileNotFoundError:
            return Spent(grant=grant, runs=0, last=None)
        except OSError as error:
            raise COUNTER_DAMAGED(f"{path.name}: {error.strerror}") from error
        if found.grant != grant:
            raise COUNTER_DAMAGED(f"{path.name} is of another grant")
        return found

    def keep(self, spent: Spent) -> None:
        """As :meth:`Counters.keep`."""
        before = self.spent(spent.grant)
        if spent.runs < before.runs or (before.last or "") > (spent.last or ""):
            raise COUNTER_DAMAGED(f"{before.runs} runs were spent, and {spent.runs} would be kept")
        atomic_write(self._path(spent.grant), spent.to_bytes())

    def _path(self, grant: str) -> Path:
        return self._folder / f"{grant.removeprefix('sha256:')}.json"


def later(a: Spent, b: Spent) -> Spent:
    """What is used of a grant where two have counted: the more."""
    return Spent(grant=a.grant, runs=max(a.runs, b.runs), last=max(a.last or "", b.last or "") or None)


def check_left(spent: Spent, limits: Limits, now: datetime) -> None:
    """Whether another run is left now. Errors: CT-2280, CT-2281, CT-2283."""
    if spent.runs >= limits.max_runs:
        raise RUNS_SPENT(f"{spent.runs} of {limits.max_runs}")
    if spent.last is None:
        return
    if timestamp(now) < spent.last:
        raise CLOCK_WENT_BACK(f"it is {timestamp(now)}, and a key left at {spent.last}")
    try:
        free = parse_timestamp(spent.last) + timedelta(seconds=limits.min_interval)
    except OverflowError as error:
        raise TOO_SOON("the interval never ends") from error
    if now < free:
        raise TOO_SOON(f"not before {timestamp(free)}")


def one_more(spent: Spent, now: datetime) -> Spent:
    """After another run."""
    return Spent(grant=spent.grant, runs=spent.runs + 1, last=timestamp(now))
