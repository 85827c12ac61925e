"""How a job goes on that has lost a process or a link: another attempt, behind the last step that all have.

Whoever loses something tells the initiator. It asks all participants to stand still, and what they have kept;
then it names the attempt and the step behind which it begins. A participant writes an attempt down before it
begins, and takes none that is not above the last: what a peer repeats, or a node says that was put back from
a backup, begins nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from coterie.crypto import now, timestamp
from coterie.errors import UNEXPECTED, CoterieError, from_record
from coterie.jobs import Approval, checkpoint_folder, last_common, marks

from .attempts import LOSSES, survives
from .core import Core
from .errors import ATTEMPT_REFUSED, JOB_STATE, NODE_STOPPED, NOT_AGAIN, NOT_INITIATOR, PEER_SILENT
from .failures import failure_for_peers, is_away, log_unexpected
from .jobbook import JobBook
from .messages import JobAgain, JobBroke, JobStand, Ok, StandAnswer
from .network import Network
from .outbox import Outbox
from .planning import Planning
from .store import JobRow
from .telling import Telling, check_participant
from .views import JobState, ParticipantView

__all__ = ["Resuming", "Running"]

log = logging.getLogger("coterie.node")

RETRY_SECONDS = 0.5
"""Between two questions to a participant that is away."""
LONGEST_PAUSE = 30.0
"""Before an attempt, when those before it were in vain."""
LOOK_SECONDS = 2.0
"""Between two looks whether a job has waited for too long."""


class Running(Protocol):
    """Who has the workers."""

    async def check(self, job: str, approvals: Sequence[Approval]) -> None:
        """All that must hold when a job starts. :raises CoterieError: what does not."""

    async def halt(self, job: str) -> None:
        """End the job's worker here; when this returns it is gone."""

    async def launch(self, job: str) -> None:
        """Start a worker for the present attempt. :raises CoterieError: why none can be."""

    async def end(self, job: str, state: JobState, error: CoterieError, *, tell: bool = True) -> None:
        """End the job everywhere."""


class Resuming:
    """Sees each job of this node from a loss to its next attempt."""

    def __init__(
        self,
        core: Core,
        network: Network,
        outbox: Outbox,
        planning: Planning,
        book: JobBook,
        telling: Telling,
        running: Running,
    ) -> None:
        self._core, self._network, self._outbox = core, network, outbox
        self._planning, self._book, self._telling, self._running = planning, book, telling, running
        self._attempts = book.attempts
        self._moving: dict[str, asyncio.Lock] = {}
        self._seeing: set[str] = set()
        """Jobs whose next attempt this node, their initiator, prepares."""
        self._prepared: dict[str, int] = {}
        """By job, the attempt that its initiator prepared last: messages of those before it may come late."""
        self._stopping = False

    @contextlib.asynccontextmanager
    async def moving(self, job: str) -> AsyncIterator[None]:
        """One start, stop or beginning of a job's worker at a time."""
        async with self._moving.setdefault(job, asyncio.Lock()):
            yield

    def may(self, job: str) -> bool:
        """Whether this node would begin the job again."""
        if self._core.home.settings.resume.attempts == 0:
            return False
        return survives(json.loads(self._book.row(job).plan))

    def is_loss(self, job: str, error: CoterieError) -> bool:
        """Whether this error ends an attempt at the job, and not the job."""
        return error.code in LOSSES and self.may(job)

    # -- what was lost

    async def lost(self, job: str, error: CoterieError) -> None:
        """This party has lost something of the present attempt."""
        error.at(party=self._core.name)
        if not await self._break(job, error):
            return
        self._see(job, error)

    async def _break(self, job: str, error: CoterieError) -> bool:
        """Write down that the present attempt is broken; False where it is known, or the job is over."""
        if self._book.over(job):
            return False
        news = self._attempts.broke(job, error)
        if self._book.state(job) != "resuming":  # it can be another one still where the node was killed here
            self._book.change(job, state="resuming", finished=[])
        if not news:
            return False
        log.info("job %s has lost something: %s", job, error, extra={"job": job})
        self._stands(job)
        failure = failure_for_peers(error)
        about = {"job": job, "event": "broke", "attempt": self._attempts.number(job)}
        told = {**about, **failure.model_dump(exclude={"next_step"})}
        try:
            await self._core.record("job", {name: value for name, value in told.items() if value is not None})
        except CoterieError as problem:
            await self._running.end(job, "failed", problem)
            return False
        return True

    def _stands(self, job: str, what: str | None = None) -> None:
        """Nothing of it runs here now."""
        view = ParticipantView(party=self._core.name, state="resuming", what=what, updated=timestamp(now()))
        self._book.progress(job, view)
        self._telling.news(job)

    def _see(self, job: str, error: CoterieError) -> None:
        """See to the next attempt, or have the initiator do so."""
        if self._stopping:
            return
        if self._attempts.used_up(job):
            self._core.spawn(f"end of {job}", self._running.end(job, "failed", error))
            return
        initiator = self._book.row(job).initiator
        if initiator != self._core.name:
            self._tell(job, initiator, error)
        elif job not in self._seeing:
            self._seeing.add(job)
            self._core.spawn(f"another attempt at {job}", self._see_through(job))

    def _tell(self, job: str, initiator: str, error: CoterieError) -> None:
        number = self._attempts.number(job)
        message = JobBroke(job=job, attempt=number, failure=failure_for_peers(error))
        try:
            self._outbox.put((initiator,), f"broke {job}", message)
        except CoterieError as problem:  # the store is full: nothing can be begun here either
            self._core.spawn(f"end of {job}", self._running.end(job, "failed", problem))
            return
        self._core.spawn(f"loss of {job} to {initiator}", self._outbox.flush(initiator))

    # -- at the initiator

    async def receive_broke(self, peer: str, message: JobBroke) -> Ok:
        """A participant has lost something. :raises CoterieError: CT-5050, CT-5052, CT-5054."""
        job = message.job
        check_participant(self._book, peer, job)
        row = self._book.row(job)
        if row.initiator != self._core.name:
            raise NOT_INITIATOR(f"{self._core.name} has not begun it", party=self._core.name)
        if self._book.over(job) or message.attempt != self._attempts.number(job) or _all_done(row):
            return Ok()
        error = from_record(message.failure.model_dump()).at(party=peer)
        if not self.is_loss(job, error):
            await self._running.end(job, "failed", error)
        elif row.state != "proposed" and await self._break(job, error):
            self._see(job, error)
        return Ok()

    async def _see_through(self, job: str) -> None:
        """Begin attempts until one runs here, or the job is over."""
        try:
            while not self._book.over(job) and (broken := self._attempts.broken(job)):
                if self._attempts.used_up(job):
                    await self._running.end(job, "failed", broken[1])
                    return
                await self._pause(job)
                async with self.moving(job):
                    await self._again(job, broken[1])
        except CoterieError as error:
            await self._running.end(job, "failed", error)
        except Exception as error:  # noqa: BLE001 - a bug here must end the job, not leave it waiting for ever
            log_unexpected(f"another attempt at {job}", error)
            await self._running.end(job, "failed", UNEXPECTED(type(error).__name__, party=self._core.name))
        finally:
            self._seeing.discard(job)

    async def _pause(self, job: str) -> None:
        """The longer, the more attempts were in vain."""
        before = self._attempts.in_vain(job) - 1
        seconds = 0.0 if before < 1 else min(2.0 ** (before - 1), LONGEST_PAUSE)
        await asyncio.sleep(seconds)

    async def _again(self, job: str, reason: CoterieError) -> None:
        """One attempt. What is lost meanwhile breaks it, and another one follows."""
        await self._running.halt(job)
        number = self._attempts.number(job) + 1
        others = self._book.others(job)
        stand = JobStand(
            job=job,
            attempt=number,
            approvals=tuple(self._book.approvals(job).values()),
            failure=failure_for_peers(reason),
        )
        waiting = set(others)
        self._stands(job)
        asked = [self._core.spawn(f"stand of {job}", self._stand(peer, stand, waiting)) for peer in others]
        try:
            kept = await asyncio.gather(*asked)
        finally:
            for one in asked:
                one.cancel()
        if self._book.over(job):
            return
        mark = last_common([marks(self._folder(job)), *kept])
        await self._begin(job, number, mark)
        again = JobAgain(job=job, attempt=number, mark=mark)
        told = await asyncio.gather(
            *(self._network.ask(peer, again, Ok) for peer in others), return_exceptions=True
        )
        away = [one for one in told if isinstance(one, CoterieError) and is_away(one)]
        for answer in told:
            if isinstance(answer, BaseException) and answer not in away:
                raise answer
        if away:
            await self._break(job, PEER_SILENT(away[0].detail, party=away[0].party))
            return
        await self._launch(job)

    async def _stand(self, peer: str, stand: JobStand, waiting: set[str]) -> tuple[str, ...]:
        """What a participant has kept; one that is away is waited for.

        :raises CoterieError: CT-5064, or why the participant does not go on.
        """
        job = stand.job
        while not self._book.over(job):
            try:
                answer = await self._network.ask(peer, stand, StandAnswer)
            except CoterieError as error:
                if error.code == NOT_AGAIN.code:
                    raise from_record(stand.failure.model_dump()) from error
                if not is_away(error):
                    raise
                self._require_time(job, peer)
            else:
                waiting.discard(peer)
                return answer.marks
            self._stands(job, f"waiting for the node of {', '.join(sorted(waiting))}")
            await asyncio.sleep(RETRY_SECONDS)
        return ()

    def _require_time(self, job: str, peer: str) -> None:
        """:raises CoterieError: CT-5064 where the job has waited for as long as its operator lets it."""
        broken = self._attempts.broken(job)
        if broken is None:
            return
        seconds = (now() - broken[0]).total_seconds()
        if seconds > self._core.home.settings.resume.wait:
            raise PEER_SILENT(f"{peer}, for {seconds:.0f} s", party=peer)

    # -- at every participant

    async def receive_stand(self, peer: str, message: JobStand) -> StandAnswer:
        """The initiator prepares an attempt: end what runs here.

        :raises CoterieError: CT-5050 to CT-5052, CT-5065, CT-5066, CT-16xx, or what has ended the job here.
        """
        job = message.job
        async with self.moving(job):
            self._require(peer, job, message.attempt)
            if not self.may(job):
                raise NOT_AGAIN(party=self._core.name)
            self._prepared[job] = message.attempt
            await self._running.check(job, message.approvals)
            await self._break(job, from_record(message.failure.model_dump()))
            await self._running.halt(job)
            if self._book.over(job):
                raise self._why_over(job)
            if self._attempts.used_up(job):
                raise NOT_AGAIN(f"{self._attempts.in_vain(job)} were in vain", party=self._core.name)
            return StandAnswer(marks=await asyncio.to_thread(marks, self._folder(job)))

    async def receive_again(self, peer: str, message: JobAgain) -> Ok:
        """The initiator begins an attempt.

        :raises CoterieError: CT-5050 to CT-5052, CT-5066, or why no worker can be started here.
        """
        job = message.job
        async with self.moving(job):
            self._require(peer, job, message.attempt)
            if message.attempt < self._prepared.get(job, 0):
                told = f"attempt {message.attempt}, and {self._prepared[job]} is prepared"
                raise ATTEMPT_REFUSED(told, party=self._core.name)
            if self._book.state(job) != "resuming":
                raise JOB_STATE(f"at {self._core.name} it is {self._book.state(job)}", party=self._core.name)
            try:
                await self._begin(job, message.attempt, message.mark)
                self._prepared.pop(job, None)  # from here on the attempt's own number says it
                await self._launch(job)
            except CoterieError as error:
                await self._running.end(job, "failed", error)
                raise
            return Ok()

    def _require(self, peer: str, job: str, attempt: int) -> None:
        row = self._book.row(job)
        if row.initiator != peer:
            raise NOT_INITIATOR(f"{peer!r} begins a job of {row.initiator!r}", party=peer)
        if self._book.over(job):
            raise self._why_over(job)
        if _all_done(row):
            raise JOB_STATE(f"all have finished it, says {self._core.name}", party=self._core.name)
        if attempt <= self._attempts.number(job):
            told = f"attempt {attempt}, and {self._attempts.number(job)} was there"
            raise ATTEMPT_REFUSED(told, party=self._core.name)

    def _why_over(self, job: str) -> CoterieError:
        view = self._book.view(job)
        if view.error is not None:
            return from_record(view.error.model_dump(exclude={"family", "title"}))
        return JOB_STATE(f"at {self._core.name} it is {view.state}", party=self._core.name)

    async def _begin(self, job: str, number: int, mark: str | None) -> None:
        """Write an attempt down; from here on there is none with its number any more."""
        if self._attempts.broken(job) is None:
            raise ATTEMPT_REFUSED("the one before runs", party=self._core.name)
        self._attempts.begin(job, number, mark)
        self._book.change(job, finished=[])
        plan = self._book.row(job).plan_digest
        about = {"job": job, "event": "resumed", "attempt": number, "plan": plan}
        behind = self._attempts.views(job, self._book.steps(job))[-1].behind
        await self._core.record("job", about | ({"behind": behind} if behind else {}))

    async def _launch(self, job: str) -> None:
        if self._attempts.broken(job):
            return
        try:
            await self._running.launch(job)
        except CoterieError as error:
            if not self.is_loss(job, error):
                raise
            await self.lost(job, error)

    def _folder(self, job: str) -> Path:
        return checkpoint_folder(self._core.home.jobs / job)

    # -- the node's own start and end

    async def recover(self, row: JobRow) -> None:
        """After a start of the node: of a job that ran when it stopped, or was about to."""
        error = NODE_STOPPED(self._core.name, party=self._core.name)
        if not await self._break(row.id, error):
            broken = self._attempts.broken(row.id)
            error = error if broken is None else broken[1]
        self._stands(row.id)
        self._see(row.id, error)

    async def shut_down(self, job: str) -> None:
        """Before the node stops: the job waits until it is there again."""
        self._stopping = True
        error = NODE_STOPPED(self._core.name, party=self._core.name)
        if await self._break(job, error) and self._book.row(job).initiator != self._core.name:
            self._tell(job, self._book.row(job).initiator, error)

    async def watch(self) -> None:
        """End jobs that have waited for their initiator for longer than this node's operator lets them."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for row in self._book.active():
                if row.state == "resuming" and row.initiator != self._core.name:
                    try:
                        self._require_time(row.id, row.initiator)
                    except CoterieError as error:
                        await self._running.end(row.id, "failed", error)


def _all_done(row: JobRow) -> bool:
    return set(row.finished) >= set(row.participants)
