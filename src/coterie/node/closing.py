"""The end of a job that went well: all have finished; then they countersign each other's ledgers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable

from coterie.crypto import now, timestamp
from coterie.errors import UNEXPECTED, CoterieError, from_record

from .attempts import survives
from .core import Core
from .errors import JOB_UNKNOWN, PEER_SILENT
from .failures import is_away, log_unexpected
from .jobbook import JobBook
from .messages import HeadAnswer, HeadOffer, JobAnswer, JobQuestion
from .network import Network
from .views import JobState

__all__ = ["Closing"]

log = logging.getLogger("coterie.node")

ASK_SECONDS = 3.0
"""After which a participant that has not reported its end is asked, and between two questions."""

RETRY_SECONDS = 1.0
SHORTLY = 0.05

End = Callable[[str, JobState, CoterieError], Awaitable[None]]
Keep = Callable[[str], Awaitable[None]]


class Closing:
    """Follows each job from the end of the own worker to ``done``."""

    def __init__(self, core: Core, network: Network, book: JobBook, end: End) -> None:
        self._core = core
        self._network = network
        self._book = book
        self._end = end
        self.before_done: Keep | None = None
        """Called for a job that went well, before anybody sees it done."""
        self._following: set[str] = set()
        self._news: dict[tuple[str, str], asyncio.Event] = {}

    def finished(self, job: str, party: str) -> None:
        """A participant's worker is through."""
        if self._book.over(job):
            return
        done = self._book.row(job).finished
        if party not in done:
            self._book.change(job, finished=[*done, party])
        if (job, party) in self._news:
            self._news[job, party].set()
        view = self._book.progress_of(job, party, "running")
        self._book.progress(job, view.model_copy(update={"state": "finishing", "waiting": ()}))
        if self._book.state(job) == "finishing":
            self.resume(job)

    async def lost(self, job: str, party: str, error: CoterieError) -> None:
        """A participant that the job can do without is out of it. Its own node says so, or nothing."""
        if self._book.over(job):
            return
        if not self._book.is_lost(job, party):
            step = self._book.progress_of(job, party, "running").step
            body = {"job": job, "event": "lost", "party": party, "code": error.code}
            self._book.lost(job, party, error.code, step)
            await self._core.record("job", body | ({"step": step} if step else {}))
        self.finished(job, party)
        view = self._book.progress_of(job, party, "failed")
        self._book.progress(job, view.model_copy(update={"state": "failed", "waiting": ()}))

    def resume(self, job: str) -> None:
        """See a finishing job through, once."""
        if job not in self._following:
            self._following.add(job)
            self._core.spawn(f"closing of {job}", self._follow(job))

    async def _follow(self, job: str) -> None:
        try:
            while self._finishing(job):
                await asyncio.gather(*(self._await_peer(job, peer) for peer in self._book.others(job)))
                row = self._book.row(job)
                if self._finishing(job) and set(row.finished) >= set(row.participants):
                    await self._conclude(job)
                else:  # this node's own word is about to come, or the job is begun again
                    await asyncio.sleep(SHORTLY)
        except CoterieError as error:
            await self._end(job, "failed", error)
        except Exception as error:  # noqa: BLE001 - a bug here must end the job, not leave it open for ever
            log_unexpected(f"closing of {job}", error)
            await self._end(job, "failed", UNEXPECTED(type(error).__name__, party=self._core.name))
        finally:
            self._following.discard(job)

    def _patience(self, job: str) -> float:
        """Seconds for which a participant that is away is waited for: it may begin the job again."""
        settings = self._core.home.settings
        again = settings.resume.attempts and survives(json.loads(self._book.row(job).plan))
        return settings.resume.wait if again else settings.patience

    def _finishing(self, job: str) -> bool:
        """Whether it is: it can be over meanwhile, or have lost something and be begun again."""
        return self._book.state(job) == "finishing"

    async def _await_peer(self, job: str, peer: str) -> None:
        """Until the peer has finished, or the job has ended otherwise. A silent peer is asked.

        :raises CoterieError: CT-5064, or what has ended the job at the peer.
        """
        clock = asyncio.get_running_loop().time
        heard = clock()
        news = self._news.setdefault((job, peer), asyncio.Event())
        while self._finishing(job) and peer not in self._book.row(job).finished:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), ASK_SECONDS)
                continue
            try:
                answer = await self._network.ask(peer, JobQuestion(job=job), JobAnswer)
            except CoterieError as error:
                if not is_away(error):
                    raise
                if clock() - heard > self._patience(job):
                    await self._gone(job, peer, PEER_SILENT(peer, party=peer))
                continue
            heard = clock()
            if answer.error is not None:
                await self._gone(job, peer, from_record(answer.error.model_dump()).at(party=peer))
            elif answer.finished and self._book.attempts.runs(job, answer.attempt):
                self.finished(job, peer)
            elif answer.state == "proposed":
                raise JOB_UNKNOWN(f"{peer} has not started it", party=peer)
        self._news.pop((job, peer), None)

    async def _gone(self, job: str, peer: str, error: CoterieError) -> None:
        """Go on without a peer, or raise what has ended the job there."""
        if peer not in self._book.may_lose(job):
            raise error
        await self.lost(job, peer, error)

    async def _conclude(self, job: str) -> None:
        """Write down the end, have the ledger countersigned, and call the job done."""
        if self.before_done is not None:
            await self.before_done(job)
        destroyed = await self._book.attempts.forget(job)
        body = {"job": job, "event": "ended", "state": "done"}
        await self._core.record("job", body | ({"destroyed": destroyed} if destroyed else {}))
        head = await asyncio.to_thread(self._core.ledger.head)
        offer = HeadOffer(job=job, head=head)
        views = [self._book.progress_of(job, party, "done") for party in self._book.row(job).participants]
        there = [view for view in views if view.state != "failed"]
        asked = [view.party for view in there if view.party != self._core.name]
        told = await asyncio.gather(*(self._countersigned_by(peer, offer) for peer in asked))
        signed = [name for name in told if name is not None]
        for view in there:
            self._book.progress(job, view.model_copy(update={"state": "done", "waiting": ()}))
        self._book.change(job, countersigned=signed, state="done", ended=timestamp(now()))

    async def _countersigned_by(self, peer: str, offer: HeadOffer) -> str | None:
        """The peer, once it has countersigned; None where it does not. The results stand either way."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._core.home.settings.patience
        identity = self._core.peer(peer)
        while True:
            try:
                answer = await self._network.ask(peer, offer, HeadAnswer)
                await asyncio.to_thread(
                    self._core.ledger.record_countersignature, identity, answer.countersignature
                )
                return peer
            except CoterieError as error:
                if not is_away(error) or clock() > deadline:
                    log.warning("%s has not countersigned: %s", peer, error, extra={"job": offer.job})
                    return None
            await asyncio.sleep(RETRY_SECONDS)

    async def answer_head(self, peer: str, offer: HeadOffer) -> HeadAnswer:
        """Countersign a participant's ledger. :raises CoterieError: CT-1308, CT-1309, CT-5026, CT-5050."""
        if peer not in self._book.row(offer.job).participants:
            raise JOB_UNKNOWN(offer.job)
        self._core.allowance.take(peer)
        identity = self._core.peer(peer)
        return HeadAnswer(
            countersignature=await asyncio.to_thread(self._core.ledger.countersign, identity, offer.head)
        )
