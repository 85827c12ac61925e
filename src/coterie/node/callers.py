"""Connections of peers' workers: to the worker here that they are for, or away with the reason."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from coterie.errors import CoterieError, from_record

from .core import Core
from .errors import JOB_UNKNOWN
from .jobbook import JobBook
from .supervisor import WorkerProcess

__all__ = ["Callers"]


class Callers:
    """Knows whose a link is by its name."""

    def __init__(self, core: Core, book: JobBook, workers: Mapping[str, WorkerProcess]) -> None:
        """:param workers: by job, as they are."""
        self._core, self._book, self._workers = core, book, workers

    def hand_over(self, link: str, connection: socket.socket, caller: str) -> bool:
        """Give a peer's connection to the worker that it is for, which is of one attempt at one job; False
        where none runs for it here."""
        job, attempt = self._book.attempts.job_of(link) or ("", 0)
        worker = self._workers.get(job)
        if worker is None or not worker.started or attempt != self._book.attempts.number(job):
            return False
        worker.hand_over(connection, caller)
        return True

    def why_not(self, link: str, peer: str) -> tuple[bool, CoterieError | None]:
        """Why no worker runs: whether one may come yet, and else the error that ended the job here. To a peer
        that has no part in the job, it is unknown.
        """
        job, attempt = self._book.attempts.job_of(link) or (link, 0)
        if not self._book.known(job) or peer not in self._book.row(job).participants:
            return False, JOB_UNKNOWN(job, party=self._core.name)
        view = self._book.view(job)
        if view.error is not None:
            return False, from_record(view.error.model_dump(exclude={"family", "title"}))
        # One that runs without a worker has begun since the caller was told that it waits, or is about to
        # end, or to begin again.
        past = attempt < self._book.attempts.number(job)  # its own node is about to end the caller
        following = attempt > self._book.attempts.number(job)
        waits = view.state in ("proposed", "starting", "running", "resuming")
        return past or following or waits, None
