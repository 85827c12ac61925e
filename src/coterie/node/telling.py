"""How far a job is, told to its other participants."""

from __future__ import annotations

import asyncio

from coterie.errors import CoterieError

from .core import Core
from .errors import NOT_PARTICIPANT, PEER_SILENT
from .failures import is_away, log_unexpected
from .jobbook import JobBook
from .messages import JobProgress, JobStart, Ok
from .network import Network

__all__ = ["PUSH_SECONDS", "Telling", "check_participant"]

PUSH_SECONDS = 0.5
"""Between two reports of progress to the other participants."""

RETRY_SECONDS = 1.0
"""Between two attempts to tell a participant that a job starts."""


def check_participant(book: JobBook, peer: str, job: str) -> None:
    """:raises CoterieError: CT-5050, CT-5054."""
    if peer not in book.row(job).participants:
        raise NOT_PARTICIPANT(peer, party=peer)


class Telling:
    """Keeps the participants of each job up to date; one that does not listen is no reason to stop."""

    def __init__(self, core: Core, network: Network, book: JobBook) -> None:
        self._core, self._network, self._book = core, network, book
        self._unsent: set[str] = set()
        self._pushing: set[str] = set()
        self._telling: dict[str, asyncio.Lock] = {}

    async def start(self, peer: str, message: JobStart) -> None:
        """Tell a participant that the job starts; one that is away for a moment is waited for.

        :raises CoterieError: CT-5064; what it refuses with.
        """
        deadline = asyncio.get_running_loop().time() + self._core.home.settings.patience
        while not self._book.over(message.job):
            try:
                await self._network.ask(peer, message, Ok)
                return
            except CoterieError as error:
                if not is_away(error):
                    raise
                if asyncio.get_running_loop().time() > deadline:
                    raise PEER_SILENT(error.detail, party=peer) from None
            await asyncio.sleep(RETRY_SECONDS)

    def news(self, job: str) -> None:
        """There is something to tell, soon."""
        self._unsent.add(job)
        if job not in self._pushing:
            self._pushing.add(job)
            self._core.spawn(f"progress of {job}", self._push(job))

    async def _push(self, job: str) -> None:
        try:
            while not self._book.over(job):
                await asyncio.sleep(PUSH_SECONDS)
                await self.tell(job)
        finally:
            self._pushing.discard(job)
            self._unsent.discard(job)
            self._telling.pop(job, None)

    async def tell(self, job: str) -> None:
        """What is new; one telling after the other, that none overtakes a later one."""
        async with self._telling.setdefault(job, asyncio.Lock()):
            if job not in self._unsent or self._book.over(job):
                return
            self._unsent.discard(job)
            message = JobProgress(job=job, view=self._book.progress_of(job, self._core.name, "running"))
            told = await asyncio.gather(
                *(self._network.ask(peer, message, Ok) for peer in self._book.others(job)),
                return_exceptions=True,
            )
        for problem in told:
            if isinstance(problem, BaseException) and not isinstance(problem, CoterieError):
                log_unexpected(f"progress of {job}", problem)

    async def receive(self, peer: str, message: JobProgress) -> Ok:
        """:raises CoterieError: CT-5050, CT-5054."""
        check_participant(self._book, peer, message.job)
        if not self._book.over(message.job) or self._book.out(message.job):
            self._book.progress(message.job, message.view.model_copy(update={"party": peer}))
        return Ok()
