"""How many jobs have a worker at this node at once, and how others wait without ever waiting for each other.

A job needs a place at all its participants. Its initiator asks for them one after another, in the order of
the parties' names, and goes on to the next when it has one: a job that waits holds places only at parties
before the one where it waits, so that no jobs can wait for each other in a circle (Havender 1968, resources
in one order for all). At each node who asked first is served first.

A place that was given is kept while its initiator asks again now and then, and while the job is under way,
between two attempts at it too. A node gives nothing beyond its limit, whatever its peers do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from coterie.errors import CoterieError

from .attempts import UNDER_WAY
from .core import Core
from .errors import JOB_STATE, NO_PLACE, NOT_INITIATOR, PEER_SILENT
from .failures import is_away
from .jobbook import JobBook
from .messages import JobPlace, PlaceAnswer
from .network import Network
from .views import ParticipantView

__all__ = ["Places"]

ASK_SECONDS = 0.5
"""Between two questions for a place; each keeps those that were given before."""
LONGEST_ASK = 10
"""Times as long, at most, where many wait before it."""
KEPT_SECONDS = 30.0
"""For so long a place, or a turn, is kept for an initiator that says nothing."""


class Places:
    """The event loop's alone."""

    def __init__(
        self, core: Core, network: Network, book: JobBook, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._core, self._network, self._book, self._clock = core, network, book, clock
        self._limit = core.home.settings.jobs_at_once
        self._given: dict[str, float] = {}
        """Jobs that have a place and no worker yet; when their initiators last asked."""
        self._queue: dict[str, float] = {}
        """Jobs that wait for one, in the order in which they came."""
        self._askers: dict[str, str] = {}
        """Who has asked for a job, which is its own."""
        self._waiting: set[str] = set()
        """Jobs of this node that it gathers places for."""

    # -- at the initiator

    async def gather(self, job: str) -> bool:
        """Wait until the job has a place at every participant. False where another task sees to that, or
        it is over meanwhile.

        :raises CoterieError: CT-5064 for a participant that was away for too long; what it refuses with.
        """
        if job in self._waiting:
            return False
        self._waiting.add(job)
        held: list[str] = []
        try:
            for party in sorted(self._book.row(job).participants):
                while (ahead := await self._ahead(party, job)) is not None:
                    await asyncio.sleep(min(ASK_SECONDS * (1 + ahead), LONGEST_ASK * ASK_SECONDS))
                    for earlier in held:
                        await self._ahead(earlier, job)
                    if self._book.state(job) != "proposed":
                        return False
                held.append(party)
            return self._book.state(job) == "proposed"
        finally:
            self._waiting.discard(job)

    async def _ahead(self, party: str, job: str) -> int | None:
        """Ask a party, for as long as patience lasts: how many jobs wait before this one, None where it has a
        place or is over.
        """
        if party == self._core.name:
            return self._told(party, job, self._take(job))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._core.home.settings.patience
        while self._book.state(job) == "proposed":
            try:
                answer = await self._network.ask_soon(party, JobPlace(job=job), PlaceAnswer)
            except CoterieError as error:
                if not is_away(error):
                    raise
                if loop.time() > deadline:
                    raise PEER_SILENT(error.detail, party=party) from None
                await asyncio.sleep(ASK_SECONDS)
            else:
                return self._told(party, job, None if answer.given else answer.ahead)
        return None

    def _told(self, party: str, job: str, ahead: int | None) -> int | None:
        """Whoever looks at the job sees what it waits for."""
        if ahead is not None:
            what = f"waiting for a place at {party}, {ahead} jobs before it"
            self._book.progress(job, ParticipantView(party=self._core.name, state="proposed", what=what))
        return ahead

    # -- at every participant

    async def receive(self, peer: str, message: JobPlace) -> PlaceAnswer:
        """Whether the job has a place here now. :raises CoterieError: CT-5050, CT-5051, CT-5052."""
        if self._askers.get(message.job) == peer and message.job in self._queue:
            return self._answer(message.job)
        row = self._book.row(message.job)
        if row.initiator != peer:
            raise NOT_INITIATOR(f"{peer!r} asks for a job of {row.initiator!r}", party=peer)
        if row.state != "proposed" or self._core.name not in self._book.approvals(message.job):
            state = self._book.state(message.job)
            if state in UNDER_WAY:
                return PlaceAnswer(given=True)
            raise JOB_STATE(f"at {self._core.name} it is {state}", party=self._core.name)
        self._askers[message.job] = peer
        return self._answer(message.job)

    def _answer(self, job: str) -> PlaceAnswer:
        ahead = self._take(job)
        return PlaceAnswer(given=ahead is None, ahead=ahead or 0)

    def require(self, job: str) -> None:
        """The job starts: it has a place. :raises CoterieError: CT-5069."""
        if self._take(job) is not None:
            detail = f"{self._limit} jobs are under way at {self._core.name}"
            raise NO_PLACE(detail, party=self._core.name)

    def _take(self, job: str) -> int | None:
        """None where it has a place now, else how many wait before it."""
        now = self._clock()
        active = self._book.states()
        for known in (self._given, self._queue):
            for other, asked in tuple(known.items()):
                if active.get(other) != "proposed" or now - asked > KEPT_SECONDS:
                    del known[other]
        self._askers = {other: who for other, who in self._askers.items() if other in active}
        if job not in self._given:
            self._queue.setdefault(job, now)
            under_way = sum(state in ("starting", "running", "resuming") for state in active.values())
            free = self._limit - under_way - len(self._given)
            ahead = list(self._queue).index(job)
            if ahead >= free:
                self._queue[job] = now
                return ahead
            del self._queue[job]
        self._given[job] = now
        return None
