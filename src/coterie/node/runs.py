"""A job's run at this node: start, progress, end. Whatever ends a job here ends it at every participant."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from coterie.agreement import REVOKED
from coterie.crypto import now, timestamp
from coterie.errors import UNEXPECTED, CoterieError, NotAgreed, from_record
from coterie.jobs import CANCELLED, Approval, verify_approval

from .agreements import Agreements
from .attempts import UNDER_WAY
from .attested import Attested
from .begins import Begins
from .callers import Callers
from .closing import Closing
from .core import Core
from .errors import (
    JOB_STATE,
    NODE_STOPPED,
    NOT_INITIATOR,
    REFUSED_BY_PERSON,
    WORKER_UNREADABLE,
)
from .failures import failure_for_peers, log_unexpected, own_word_first, told_error
from .jobbook import JobBook
from .messages import JobAnswer, JobEnd, JobQuestion, JobStart, Ok
from .network import Network
from .nursery import Nursery
from .outbox import Outbox
from .pipe import LedgerCall, Progress, Published, ReleaserCall
from .places import Places
from .planning import Planning
from .privacy import Budgets
from .resuming import Resuming
from .store import ResultRow
from .supervisor import WorkerProcess
from .tapes import Tapes
from .telling import PUSH_SECONDS, Telling, check_participant
from .views import JobState, ParticipantView

__all__ = ["Runs"]

log = logging.getLogger("coterie.node")


class Runs:
    """Starts workers when everybody has approved, and is told by them how it goes."""

    def __init__(
        self,
        core: Core,
        network: Network,
        outbox: Outbox,
        agreements: Agreements,
        planning: Planning,
        book: JobBook,
        tapes: Tapes,
        begins: Begins,
        attested: Attested,
        budgets: Budgets,
    ) -> None:
        self._core = core
        self._network = network
        self._outbox = outbox
        self._agreements = agreements
        self._planning = planning
        self._book = book
        self._tapes = tapes
        self._begins = begins
        self._attested = attested
        self._budgets = budgets
        self._nursery = Nursery()
        self._workers: dict[str, WorkerProcess] = {}
        self._ending: set[str] = set()
        """Jobs whose end is being written down."""
        self._halted: set[str] = set()
        """Jobs whose workers end because another attempt is to follow."""
        self.places = Places(core, network, book)
        self.callers = Callers(core, book, self._workers)
        self.telling = Telling(core, network, book)
        self.resuming = Resuming(core, network, outbox, planning, book, self.telling, self)
        self.closing = Closing(core, network, book, self.end)

    # -- start

    def try_start(self, job: str) -> None:
        """At the initiator: start, once every participant has approved."""
        row = self._book.row(job)
        if row.initiator != self._core.name or self._book.state(job) != "proposed":
            return
        if set(self._book.approvals(job)) >= set(row.participants):
            self._core.spawn(f"start of {job}", self._start(job))

    async def _start(self, job: str) -> None:
        try:
            if not await self.places.gather(job):
                return
            async with self.resuming.moving(job):
                self._book.change(job, state="starting")
                approvals = tuple(self._book.approvals(job).values())
                await self.check(job, approvals)
                message = JobStart(job=job, approvals=approvals)
                await asyncio.gather(*(self.telling.start(peer, message) for peer in self._book.others(job)))
                if self._book.state(job) == "starting":
                    await self.launch(job)
        except CoterieError as error:
            await self._stopped_by(job, error)
        except Exception as error:  # noqa: BLE001 - a bug here must end the job, not leave it starting for ever
            log_unexpected(f"start of {job}", error)
            await self.end(job, "failed", UNEXPECTED(type(error).__name__, party=self._core.name))

    async def _stopped_by(self, job: str, error: CoterieError) -> None:
        """An attempt has come to this here: another one follows, or the job is over."""
        if self.resuming.is_loss(job, error):
            await self.resuming.lost(job, error)
        elif isinstance(error, NotAgreed) and self._book.state(job) == "starting":
            await self.end(job, "refused", error)
        else:  # the worker has it from its peers, sooner than this node from that party's
            stopped = error.code in (CANCELLED.code, REVOKED.code)
            await self.end(job, "cancelled" if stopped else "failed", error)

    async def receive_start(self, peer: str, message: JobStart) -> Ok:
        """The initiator says that everybody has approved: check all of it again, and start.

        :raises CoterieError: CT-4014, CT-16xx, CT-5050, CT-5051, CT-5052.
        """
        row = self._book.row(message.job)
        if row.initiator != peer:
            raise NOT_INITIATOR(f"{peer!r} starts a job of {row.initiator!r}", party=peer)
        state = self._book.state(message.job)
        if state in UNDER_WAY:
            return Ok()
        if state != "proposed" or self._core.name not in self._book.approvals(message.job):
            raise JOB_STATE(f"at {self._core.name} it is {state}", party=self._core.name)
        try:
            async with self.resuming.moving(message.job):
                self.places.require(message.job)
                self._book.change(message.job, state="starting")
                await self.check(message.job, message.approvals)
                await self.launch(message.job)
        except CoterieError as error:
            await self._stopped_by(message.job, error)
            if self._book.over(message.job):
                raise
        return Ok()

    async def check(self, job: str, approvals: Sequence[Approval]) -> None:
        """Every signature, and the agreement as it is now: it may have been revoked since the approval.

        :raises CoterieError: CT-4014, CT-16xx, CT-5051.
        """
        row = self._book.row(job)
        if self._core.name not in self._book.approvals(job):
            raise JOB_STATE(f"{self._core.name} has not approved it", party=self._core.name)
        proposal = self._book.proposal(job)
        agreement = self._agreements.get(row.agreement)
        plan = await self._planning.derive(proposal, agreement)
        given = {approval.party: approval for approval in approvals}
        absent = [name for name in row.participants if name not in given]
        if absent:
            raise JOB_STATE(f"{absent[0]} has not approved it", party=absent[0])
        known = self._book.approvals(job)
        for name in row.participants:
            persons = agreement.terms.persons_of(name)
            verify_approval(given[name], self._core.public(name), plan, persons)
            if name not in known:
                self._book.approve(job, given[name])
                await self._core.record("approval", given[name].model_dump())
        await self._planning.require(proposal, plan, agreement)

    async def launch(self, job: str) -> None:
        """Count the run, write it down, start the worker of the present attempt.

        :raises CoterieError: CT-1625, CT-1656, CT-5063, those of :class:`Begins`.
        """
        if self._ends(job):
            return
        row = self._book.row(job)
        begin = self._begins.of(job)
        self._agreements.count_run(job, row.agreement)
        agreement = self._agreements.get(row.agreement)
        plan = await self._planning.derive(self._book.proposal(job), agreement)
        behind = self._book.attempts.behind(job, self._book.steps(job))
        await self._budgets.take(job, plan, agreement.terms, begin.assignment.attempt, behind)
        if begin.assignment.attempt == 0:
            await self._core.record("job", {"job": job, "event": "started", "plan": row.plan_digest})
        worker = WorkerProcess(self._core, self._nursery, job, self)
        self._workers[job] = worker
        try:
            await worker.start(begin)
        except CoterieError:
            del self._workers[job]
            raise
        if self._ends(job):
            worker.kill()
            return
        self._book.change(job, state="running", started=row.started or timestamp(now()))
        self._book.progress(
            job, ParticipantView(party=self._core.name, state="running", updated=timestamp(now()))
        )
        self.telling.news(job)

    def workers(self) -> tuple[int, ...]:
        """Process ids of those that run."""
        return tuple(pid for worker in self._workers.values() if (pid := worker.pid) is not None)

    async def halt(self, job: str) -> None:
        """End the job's worker; when this returns it is gone, and has said its last."""
        worker = self._workers.get(job)
        if worker is None:
            return
        self._halted.add(job)
        try:
            worker.kill()
            await worker.gone.wait()
        finally:
            self._halted.discard(job)

    # -- what the worker says

    async def progressed(self, job: str, progress: Progress) -> None:
        """Remember it, and tell the others soon."""
        if self._ends(job) or job in self._halted:
            return
        self._book.pulses.linked(job, progress.links)
        values = progress.model_dump(exclude={"op", "links"})
        view = ParticipantView(party=self._core.name, state="running", updated=timestamp(now()), **values)
        self._book.progress(job, view)
        self.telling.news(job)

    async def ledger(self, job: str, call: LedgerCall) -> None:
        """Write a worker's entry, which is always about its own job.

        :raises CoterieError: CT-1303; CT-2147 for a tape file that was used before.
        """
        if call.kind == "tape":
            await self._tapes.use(job, call.body)
            return
        attempt = self._book.attempts.number(job)
        about = {"job": job, "attempt": attempt} if attempt else {"job": job}
        await self._core.record(call.kind, {**call.body, **about})

    async def releaser(self, job: str, call: ReleaserCall) -> tuple[bytes, ...]:
        """Ask this party's releaser. :raises CoterieError: CT-5051, and the releaser's."""
        self._refuse_over(job)
        return await self._attested.ask(job, call.question, call.parts)

    async def published(self, job: str, result: Published) -> None:
        """Keep where a result lies. :raises CoterieError: CT-5062 for a place outside the job's folder."""
        folder = self._core.home.job(job).resolve()
        if not result.path.resolve().is_relative_to(folder):
            raise WORKER_UNREADABLE(f"result {result.name!r} is not in the job's folder")
        row = ResultRow(
            job=job,
            name=result.name,
            kind=result.kind,
            step=result.name.partition("/")[0],
            digest=result.digest,
            size=result.size,
            path=str(result.path),
        )
        self._book.add_result(row)

    async def ended(self, job: str, error: CoterieError | None) -> None:
        """The worker is gone."""
        self._workers.pop(job, None)
        await self._attested.forget(job)
        if self._ends(job) or job in self._halted:
            return
        if error is not None:
            await self._stopped_by(job, error)
            return
        try:
            self._book.change(job, state="finishing")
            with contextlib.suppress(TimeoutError):  # the last step is done: the others see that, too
                await asyncio.wait_for(self.telling.tell(job), PUSH_SECONDS)
            self.closing.finished(job, self._core.name)
            done = JobEnd(job=job, state="done", attempt=self._book.attempts.number(job))
            await self._outbox.send(self._book.others(job), f"end {job}", done)
        except CoterieError as problem:  # the store is full, most likely: no job may look alive for that
            await self.end(job, "failed", problem)

    # -- end

    async def end(self, job: str, state: JobState, error: CoterieError, *, tell: bool = True) -> None:
        """End a job before its time; the first reason counts, and every participant gets to know it."""
        if self._ends(job):
            return
        self._ending.add(job)
        try:
            error.at(party=self._core.name)
            log.info("job %s is %s: %s", job, state, error, extra={"job": job})
            self._core.spawn(f"stop of {job}", self._stop(job, error))
            if tell:
                self._tell_end(job, state, error)
            await self._write_end(job, state, error)  # who sees the job ended finds it in the ledger
            self._book.close(job, state, error)
            await self._tapes.sweep()
        finally:
            self._ending.discard(job)

    async def _stop(self, job: str, error: CoterieError) -> None:
        """End the worker, and let go of what it has kept for another attempt."""
        worker = self._workers.get(job)
        if worker is not None:
            await worker.stop(error)
            await worker.gone.wait()
        if destroyed := await self._book.attempts.forget(job):
            await self._core.record("job", {"job": job, "event": "destroyed", "destroyed": destroyed})

    def _ends(self, job: str) -> bool:
        """Whether it is over, or is being ended."""
        return job in self._ending or self._book.over(job)

    async def _write_end(self, job: str, state: JobState, error: CoterieError) -> None:
        failure = failure_for_peers(error)
        body = {"job": job, "event": "ended", "state": state, **failure.model_dump(exclude={"next_step"})}
        try:
            await self._core.record("job", {name: value for name, value in body.items() if value is not None})
        except CoterieError as problem:
            log.error("the end of job %s is not in the ledger: %s", job, problem, extra={"job": job})

    def _tell_end(self, job: str, state: JobState, error: CoterieError) -> None:
        message = JobEnd.model_validate({"job": job, "state": state, "error": failure_for_peers(error)})
        others = self._book.others(job)
        try:
            self._outbox.put(others, f"end {job}", message)
        except CoterieError:  # the store is full: then the peers hear it now or learn it from the links
            for peer in others:
                self._core.spawn(f"end of {job} to {peer}", self._network.ask(peer, message, Ok))
        else:
            for peer in others:
                self._core.spawn(f"end of {job} to {peer}", self._outbox.flush(peer))

    async def cancel(self, job: str, reason: str) -> None:
        """:raises CoterieError: CT-5050, CT-5051."""
        self._refuse_over(job)
        await self.end(job, "cancelled", CANCELLED(reason or f"by {self._core.name}", party=self._core.name))

    async def refuse(self, job: str, reason: str) -> None:
        """This party's steward says no. :raises CoterieError: CT-5050, CT-5051."""
        self._refuse_over(job)
        if self._book.state(job) != "proposed":
            raise JOB_STATE("it has been started; cancel it instead")
        error = REFUSED_BY_PERSON(reason or f"by {self._core.name}", party=self._core.name)
        self._book.refuse(job, self._core.name)
        await self._core.record_refusal(error, job=job)
        await self.end(job, "refused", error)

    def _refuse_over(self, job: str) -> None:
        if self._ends(job):
            raise JOB_STATE(f"it is {self._book.state(job)}")

    async def agreement_revoked(self, agreement: str) -> None:
        """End the jobs under an agreement that does not hold any more."""
        for row in self._book.active(agreement):
            proposal = self._book.proposal(row.id)
            document = self._agreements.get(agreement)
            try:
                plan = await self._planning.derive(proposal, document)
                await self._planning.require(proposal, plan, document)
            except CoterieError as error:
                await self.end(row.id, "refused" if row.state == "proposed" else "cancelled", error)

    # -- what peers say

    async def receive_end(self, peer: str, message: JobEnd) -> Ok:
        """:raises CoterieError: CT-5054."""
        if not self._book.known(message.job):
            return Ok()  # refused here already, or never proposed
        check_participant(self._book, peer, message.job)
        if self._book.over(message.job) and self._book.out(message.job):  # how the others fare
            view = self._book.progress_of(message.job, peer, "running")
            self._book.progress(message.job, view.model_copy(update={"state": message.state, "waiting": ()}))
            return Ok()
        if message.state == "done":
            if self._book.attempts.runs(message.job, message.attempt):
                self.closing.finished(message.job, peer)
            return Ok()
        error = told_error(message).at(party=peer)
        await own_word_first(error, self._core.name, lambda: self._ends(message.job))
        if message.state == "failed" and peer in self._book.may_lose(message.job):
            # Whether enough are left, the workers see: they go on, or fail, without a word of this node.
            await self.closing.lost(message.job, peer, error)
            return Ok()
        await self.end(message.job, message.state, error, tell=False)
        if message.state == "refused":
            self._book.refuse(message.job, peer)
        return Ok()

    async def answer_question(self, peer: str, message: JobQuestion) -> JobAnswer:
        """:raises CoterieError: CT-5050, CT-5054."""
        check_participant(self._book, peer, message.job)
        view = self._book.view(message.job)
        finished = self._core.name in self._book.row(message.job).finished
        error: Any = None
        if view.error is not None:
            error = failure_for_peers(from_record(view.error.model_dump(exclude={"family", "title"})))
        attempt = self._book.attempts.number(message.job)
        return JobAnswer(state=view.state, finished=finished, attempt=attempt, error=error)

    # -- the node's own start and end

    async def recover(self) -> None:
        """After a start of the node: go on with what ran when it stopped, and with what only waits."""
        await self._tapes.sweep()
        for row in self._book.active():
            through = row.state == "finishing" and self._core.name in row.finished
            through = through and self._book.attempts.broken(row.id) is None
            if row.state in UNDER_WAY and not through and self.resuming.may(row.id):
                await self.resuming.recover(row)
            elif row.state in UNDER_WAY and not through:
                await self.end(row.id, "failed", NODE_STOPPED(self._core.name, party=self._core.name))
            elif through:
                self.closing.resume(row.id)
            else:
                self.try_start(row.id)
        await self._book.attempts.sweep(lambda job: not self._book.known(job) or self._book.over(job))
        self._core.spawn("jobs that wait for others", self.resuming.watch())

    async def shut_down(self) -> None:
        """Before the node stops: end the workers. Their jobs go on when it is there again, or end as well."""
        for row in self._book.active():
            if row.state in ("starting", "running"):
                if self.resuming.may(row.id):
                    await self.resuming.shut_down(row.id)
                    await self.halt(row.id)
                else:
                    await self.end(row.id, "failed", NODE_STOPPED(self._core.name, party=self._core.name))
        stopping = [worker.stop(NODE_STOPPED(self._core.name)) for worker in list(self._workers.values())]
        await asyncio.gather(*stopping, return_exceptions=True)
        await self._nursery.close()
