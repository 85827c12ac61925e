"""The attempts at each job: which one runs, where it began, and what broke those before it."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select

from coterie.crypto import now, parse_timestamp, timestamp
from coterie.errors import CoterieError, from_record
from coterie.jobs import checkpoint_folder, link_name, step_number

from .attempt_views import AttemptView
from .core import Core
from .errors import ATTEMPT_REFUSED
from .failures import failure_of
from .store import AttemptRow, JobRow

__all__ = ["LOSSES", "UNDER_WAY", "Attempts", "survives"]

log = logging.getLogger("coterie.node")

LOSSES = frozenset(
    {
        *("CT-5060", "CT-5061", "CT-5063", "CT-5064"),  # a worker, a node, a start, a participant
        *("CT-1210", "CT-1218", "CT-1233", "CT-1236"),  # a link's other end
        "CT-2290",  # an attested runner
    }
)
"""What ends an attempt, and not the job: somebody who was there is not."""


MISSED = 32
"""Attempts that others may have begun while this node was away: of more in a row at one step no operator's
patience tells, and each costs whoever dials a hash."""

UNDER_WAY = ("starting", "running", "finishing", "resuming")
"""States of a job that links are made for."""


def survives(plan: Mapping[str, Any]) -> bool:
    """Whether a job with this plan can be begun again at all, see decision 0032.

    A total without a party, and a tape file, are there once.
    """
    return plan.get("minimum") is None and plan["correlations"] != "tape"


class Attempts:
    """What this node knows of them; each is written down before it begins."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def number(self, job: str) -> int:
        """Of the present one; the first is 0."""
        return rows[-1].number if (rows := self._rows(job)) else 0

    def mark(self, job: str) -> str | None:
        """Behind which step the present one has begun."""
        return rows[-1].mark if (rows := self._rows(job)) else None

    def begin(self, job: str, number: int, mark: str | None) -> None:
        """Write down that this one begins.

        :raises CoterieError: CT-5066 where one as late is known, or the step is not kept here.
        """
        behind = step_number(checkpoint_folder(self._core.home.jobs / job), mark) if mark else None
        if mark and behind is None:
            raise ATTEMPT_REFUSED("this node has not kept the step that it begins behind")
        with self._core.store.session() as session:
            known = session.scalars(select(AttemptRow.number).where(AttemptRow.job == job)).all()
            if known and number <= max(known):
                raise ATTEMPT_REFUSED(f"attempt {number}, and {max(known)} was there", party=self._core.name)
            session.add(
                AttemptRow(
                    job=job,
                    number=number,
                    link=link_name(job, number),
                    mark=mark,
                    behind=behind,
                    started=timestamp(now()),
                    broke=None,
                    failure=None,
                )
            )

    def behind(self, job: str, steps: Sequence[str]) -> tuple[str, ...]:
        """Of a job's steps those that the present attempt begins behind."""
        rows = self._rows(job)
        return tuple(steps[: rows[-1].behind or 0]) if rows else ()

    def broke(self, job: str, error: CoterieError) -> bool:
        """Write down what broke the present one; False where that is known."""
        with self._core.store.session() as session:
            last = session.scalar(_of(job).order_by(AttemptRow.number.desc()).limit(1))
            if last is None:
                last = AttemptRow(job=job, number=0, link=job, mark=None, started=timestamp(now()))
                session.add(last)
            elif last.broke is not None:
                return False
            last.broke, last.failure = timestamp(now()), failure_of(error).model_dump()
        return True

    def broken(self, job: str) -> tuple[datetime, CoterieError] | None:
        """Since when, and why, the present one does not run; None as long as it does."""
        rows = self._rows(job)
        if not rows or rows[-1].broke is None or rows[-1].failure is None:
            return None
        return parse_timestamp(rows[-1].broke), from_record(rows[-1].failure)

    def runs(self, job: str, number: int) -> bool:
        """Whether this one is the present one, and not broken."""
        rows = self._rows(job)
        return number == 0 if not rows else rows[-1].number == number and rows[-1].broke is None

    def in_vain(self, job: str) -> int:
        """How many in a row have begun at one step, and broken there."""
        rows = self._rows(job)
        count = 0
        for row in reversed(rows):
            if row.broke is None or row.mark != rows[-1].mark:
                break
            count += 1
        return count

    def used_up(self, job: str) -> bool:
        """Whether this node's operator wants no further one."""
        return self.in_vain(job) > self._core.home.settings.resume.attempts

    def job_of(self, link: str) -> tuple[str, int] | None:
        """Job and attempt that links of this name belong to: one that was, is, or may come. Others may have
        begun some of which this node was not told, as it was away.
        """
        with self._core.store.session() as session:
            if session.get(JobRow, link) is not None:
                return link, 0
            row = session.scalar(select(AttemptRow).where(AttemptRow.link == link))
            if row is not None:
                return row.job, row.number
            active = session.scalars(select(JobRow.id).where(JobRow.state.in_(UNDER_WAY))).all()
        for job in active:
            for number in range(1, self.number(job) + 1 + MISSED):
                if link_name(job, number) == link:
                    return job, number
        return None

    def views(self, job: str, steps: Sequence[str]) -> tuple[AttemptView, ...]:
        """For people; nothing of a job that nothing has happened to."""
        rows = self._rows(job)
        if len(rows) < 2 and not any(row.broke for row in rows):
            return ()
        return tuple(
            AttemptView(
                number=row.number,
                behind=steps[row.behind - 1] if row.behind else None,
                started=row.started,
                broke=row.broke,
                code=(row.failure or {}).get("code"),
                detail=(row.failure or {}).get("detail"),
                party=(row.failure or {}).get("party"),
            )
            for row in rows
        )

    async def forget(self, job: str) -> dict[str, int]:
        """The job is over: nothing that was kept of its steps, or of its work, is needed. Gives how many
        files there were, and their bytes; nothing where there were none.
        """
        return await asyncio.to_thread(_destroy, self._core.home.jobs / job)

    async def sweep(self, over: Callable[[str], bool]) -> None:
        """As :meth:`forget`, of all jobs that are over: the node may have been killed before it could."""
        for folder in await asyncio.to_thread(lambda: list(self._core.home.jobs.glob("*/checkpoints"))):
            if over(folder.parent.name):
                await self.forget(folder.parent.name)

    def _rows(self, job: str) -> list[AttemptRow]:
        with self._core.store.session() as session:
            return list(session.scalars(_of(job).order_by(AttemptRow.number)))


def _destroy(job: Path) -> dict[str, int]:
    files = size = 0
    for folder in (checkpoint_folder(job), job / "work"):
        for path in [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]:
            files, size = files + 1, size + path.stat().st_size
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            log.error("what job %s has left cannot be deleted: %s", job.name, folder.name)
            return {}
    return {"files": files, "bytes": size} if files else {}


def _of(job: str) -> Select[AttemptRow]:
    return select(AttemptRow).where(AttemptRow.job == job)
