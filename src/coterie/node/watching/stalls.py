"""Jobs in which nobody comes further: seen, written down, told to all parties, ended where that is wanted.

What is waited for is progress, not time: a step may take days, as long as some party gets on. Only how long
nobody may is a matter of seconds, and that the operator of each node says for itself (``stall``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from coterie.errors import CoterieError
from coterie.node.core import Core
from coterie.node.jobbook import OVER, JobBook
from coterie.node.messages import JobStalled, Ok
from coterie.node.outbox import Outbox
from coterie.node.telling import check_participant
from coterie.node.views import JobState, ParticipantView

from .errors import NOT_FURTHER
from .pulses import awaited_parties
from .views import StallView

__all__ = ["Stalls"]

log = logging.getLogger("coterie.node")

LOOK_SECONDS = 0.5
"""Between two looks at a job."""

MOVING: tuple[JobState, ...] = ("starting", "running", "finishing")
"""States in which somebody must come further. A job that waits for a person, or for another attempt, does not
stall: it has limits of its own."""

MOST_WAITS = 8
"""That are told of in words."""

End = Callable[[str, JobState, CoterieError], Awaitable[None]]


class Stalls:
    """Looks at each job of this node as long as it is not over."""

    def __init__(self, core: Core, outbox: Outbox, book: JobBook, end: End) -> None:
        self._core, self._outbox, self._book, self._end = core, outbox, book, end
        self._wanted = core.home.settings.stall
        self._pulses = book.pulses
        self._pulses.on_heard = self._heard
        self._following: set[str] = set()

    def _heard(self, job: str) -> None:
        if job not in self._following:
            self._following.add(job)
            self._core.spawn(f"pulse of {job}", self._follow(job))

    async def _follow(self, job: str) -> None:
        stalled: StallView | None = None
        try:
            while (state := self._book.state(job)) not in OVER:
                still = self._pulses.still(job)
                if stalled is not None and (still < self._wanted.after or state not in MOVING):
                    await self._over(job, stalled)
                    stalled = None
                elif stalled is None and still >= self._wanted.after and state in MOVING:
                    stalled = await self._stalled(job)
                elif stalled is not None:
                    stalled = self._still(job, stalled)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._following.discard(job)
            self._pulses.forget(job)

    async def _stalled(self, job: str) -> StallView:
        """The operator's patience is at its end: say so, and do what it wants."""
        views = self._views(job)
        names = awaited_parties(views, self._pulses.silent(job))
        since, then = self._pulses.since(job), self._wanted.then
        view = StallView(party=self._core.name, since=since, awaited=names, then=then)
        told = f"since {since}; {_in_words(views, names)}"
        log.warning("job %s does not come further: %s; then: %s", job, told, then, extra={"job": job})
        self._pulses.told(job, view)
        body = {"job": job, "event": "stalled", "since": since, "awaited": list(names), "then": then}
        try:
            await self._core.record("job", body)
            self._tell(job, JobStalled(job=job, stall=view))
        except CoterieError as problem:  # neither may keep the operator's will from being done
            log.error("that job %s is stalled is not told: %s", job, problem, extra={"job": job})
        if then == "abort":
            step = self._book.progress_of(job, self._core.name, "running").step
            error = NOT_FURTHER(told[:500], party=names[0] if len(names) == 1 else None, step=step)
            await self._end(job, "failed", error)
        return view

    def _still(self, job: str, stalled: StallView) -> StallView:
        """Tell whom it waits for, where that is another one by now."""
        names = awaited_parties(self._views(job), self._pulses.silent(job))
        if names == stalled.awaited:
            return stalled
        view = stalled.model_copy(update={"awaited": names})
        self._pulses.told(job, view)
        try:
            self._tell(job, JobStalled(job=job, stall=view))
        except CoterieError as problem:
            log.error("who is waited for in job %s is not told: %s", job, problem, extra={"job": job})
        return view

    async def _over(self, job: str, stalled: StallView) -> None:
        """Somebody has come further."""
        log.info("job %s comes further again", job, extra={"job": job})
        self._pulses.told(job, stalled, over=True)
        try:
            await self._core.record("job", {"job": job, "event": "moved", "since": stalled.since})
            self._tell(job, JobStalled(job=job, stall=stalled, over=True))
        except CoterieError as problem:
            log.error("that job %s goes on is not told: %s", job, problem, extra={"job": job})

    def _tell(self, job: str, message: JobStalled) -> None:
        others = self._book.others(job)
        self._outbox.put(others, f"stall {job}", message)
        for peer in others:
            self._core.spawn(f"stall of {job} to {peer}", self._outbox.flush(peer))

    async def receive(self, peer: str, message: JobStalled) -> Ok:
        """A peer's node calls a job stalled. :raises CoterieError: CT-5026, CT-5050, CT-5054."""
        job = message.job
        check_participant(self._book, peer, job)
        view = message.stall.model_copy(update={"party": peer})
        if not self._book.over(job) and self._pulses.told(job, view, over=message.over):
            self._core.allowance.take(peer)
            told = ("%s sees job %s come further again", "%s sees that job %s does not come further")
            log.info(told[not message.over], peer, job, extra={"job": job})
        return Ok()

    def _views(self, job: str) -> list[ParticipantView]:
        return [self._book.progress_of(job, name, "running") for name in self._book.row(job).participants]


def _in_words(views: list[ParticipantView], names: tuple[str, ...]) -> str:
    said = "; ".join([*_waits(views)][:MOST_WAITS])
    if not names:
        return "nobody waits for another party"
    return f"waited for: {', '.join(names)} ({said})"


def _waits(views: list[ParticipantView]) -> Iterator[str]:
    for view in views:
        for one in view.waiting:
            yield f"{view.party} for {one.peer}, in step {view.step}: {one.what}, link {one.link}"
