"""One loop for each kind of job: submit, follow, compare, again. What becomes of each job is written down."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from coterie.client import Client
from coterie.errors import CoterieError
from coterie.jobs import link_name
from coterie.node import JobView
from soak.records import Record
from soak.work import Kind, Results, differences, fetch
from soak.world import World

POLL_SECONDS = 0.2
"""Times of recovery are exact to this."""


@dataclass
class Blow:
    """A kill or a fault that has befallen a job, until the job comes further."""

    what: str
    at: float
    attempt: int
    kill: bool
    before: object = None
    """What the first look at the attempt after it showed."""


@dataclass
class Job:
    """One job under way."""

    kind: Kind
    id: str
    name: str
    begun: float
    attempt: int = 0
    moved_at: float = 0.0
    seen: object = None
    blows: list[Blow] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)


class Watch:
    """The jobs of a soak. Several threads use it."""

    def __init__(self, world: World, record: Record, *, bound: float) -> None:
        """:param bound: seconds without any mark of progress after which a job counts as hanging."""
        self._world, self._record, self._bound = world, record, bound
        self._lock = threading.Lock()
        self._under_way: dict[str, Job] = {}
        self._right: dict[str, Results] = {}
        self.stopping = threading.Event()
        """No further job is begun."""

    # -- what may befall

    def struck(self, what: str, at: float, *, nodes: set[str], job: str | None = None, kill: bool) -> int:
        """A kill, or a fault, befell these nodes; one job alone, if it is named. How many jobs that were."""
        with self._lock:
            found = [
                one
                for one in self._under_way.values()
                if (one.id == job if job else nodes & set(one.kind.participants))
            ]
            for one in found:
                one.blows.append(Blow(what, at, one.attempt, kill))
                one.struck.append(what)
        return len(found)

    def kind(self, job: str) -> Kind | None:
        """Of a job under way."""
        with self._lock:
            return known.kind if (known := self._under_way.get(job)) else None

    def of_link(self, link: str) -> str | None:
        """The job under way that a link is for."""
        with self._lock:
            for one in self._under_way.values():
                if link in (link_name(one.id, number) for number in range(one.attempt + 3)):
                    return one.id
        return None

    # -- before anything befalls

    def learn(self, kind: Kind) -> list[str]:
        """Run a job twice, undisturbed: what is right, and what of it differs from run to run."""
        found: list[Results] = []
        for number in range(2):
            clients = self._clients()
            job = clients[kind.initiator].submit(self._spec(kind, f"undisturbed {kind.name} {number}"))
            clients[kind.initiator].wait(job.id, timeout=180)
            for party in kind.owners:
                clients[party].wait(job.id, timeout=60)
            found.append(fetch(clients, kind, job.id, self._world.folder / "fetched" / kind.name))
        self._right[kind.name] = found[0]
        if not found[0]:
            return ["nobody received anything"]
        return differences(kind, found[0], found[1])

    # -- the loop

    def loop(self, kind: Kind) -> None:
        """Until :attr:`stopping`."""
        clients, number = self._clients(), 0
        while not self.stopping.is_set():
            number += 1
            job = self._submit(clients, kind, f"{kind.name}-{number}")
            if job is None:
                self.stopping.wait(0.5)
                continue
            try:
                self._follow(clients, job)
            finally:
                with self._lock:
                    del self._under_way[job.id]

    def _clients(self) -> dict[str, Client]:
        return {name: Client(home=node.home, timeout=20.0) for name, node in self._world.nodes.items()}

    def _spec(self, kind: Kind, name: str) -> str:
        return kind.spec(self._world.agreements[kind.name], name)

    def _submit(self, clients: dict[str, Client], kind: Kind, name: str) -> Job | None:
        """A job that the initiator's node has taken; None where it refused, which loses nothing."""
        client = clients[kind.initiator]
        try:
            view = client.submit(self._spec(kind, name))
        except CoterieError as error:
            found = self._find(client, name)
            if found is None or found.over:
                self._record.refused(kind.name, error.code, error.family, str(error), found)
                return None
            view = found
        job = Job(kind, view.id, name, time.monotonic(), moved_at=time.monotonic())
        with self._lock:
            self._under_way[job.id] = job
        self._record.event("submitted", job=job.id, kind=kind.name, name=name)
        return job

    def _find(self, client: Client, name: str) -> JobView | None:
        """The job of this name: the answer to who submitted it may have been lost."""
        deadline = time.monotonic() + self._bound
        while time.monotonic() < deadline:
            try:
                return next((one for one in client.jobs() if one.name == name), None)
            except CoterieError:
                time.sleep(0.3)
        return None

    def _follow(self, clients: dict[str, Client], job: Job) -> None:
        """To its end, or until it hangs."""
        view = self._await(clients, job)
        if view is None:
            return
        attempts = len(view.attempts) or 1
        self._record.attempts(job.kind.name, attempts)
        if view.state != "done":
            self._record.lost(job.kind.name, job.id, view, job.struck)
            return
        for party in job.kind.participants:
            if not self._ended(clients[party], job, party):
                return
        try:
            got = fetch(clients, job.kind, job.id, self._world.folder / "fetched" / job.kind.name)
        except CoterieError:
            got = self._fetch_later(clients, job)
        wrong = differences(job.kind, self._right[job.kind.name], got)
        self._record.done(job.kind.name, job.id, wrong, time.monotonic() - job.begun, attempts)

    def _fetch_later(self, clients: dict[str, Client], job: Job) -> dict[str, dict[str, bytes]]:
        """Results of nodes that have just been killed."""
        deadline = time.monotonic() + self._bound
        while True:
            time.sleep(0.5)
            try:
                return fetch(clients, job.kind, job.id, self._world.folder / "fetched" / job.kind.name)
            except CoterieError as error:
                if time.monotonic() > deadline:
                    self._record.event("unfetched", job=job.id, error=str(error))
                    return {}

    def _await(self, clients: dict[str, Client], job: Job) -> JobView | None:
        """The job once it is over at its initiator; None where it hangs."""
        client = clients[job.kind.initiator]
        while True:
            try:
                view = client.job(job.id)
            except CoterieError:
                view = None
            now = time.monotonic()
            if view is not None:
                self._look(job, view, now)
                if view.over:
                    return view
            if now - job.moved_at > self._bound:
                self._record.hang(job.kind.name, job.id, "no progress", self._views(clients, job), job.struck)
                self._give_up(client, job)
                return None
            time.sleep(POLL_SECONDS)

    def _look(self, job: Job, view: JobView, now: float) -> None:
        """Whether it has come further since the last look, and what that ends."""
        attempt = view.attempts[-1].number if view.attempts else 0
        further = tuple(
            (one.party, one.state, one.step, one.what, one.done, one.moved) for one in view.participants
        )
        seen = (view.state, attempt, further)
        if seen != job.seen:
            job.seen, job.moved_at = seen, now
        with self._lock:
            job.attempt = attempt
            runs = view.state in ("running", "finishing")
            left = []
            for blow in job.blows:
                if view.over or (runs and blow.before is not None and blow.before != further):
                    self._record.recovered(blow.what, now - blow.at, kill=blow.kill)
                    continue
                if runs and blow.before is None and (attempt > blow.attempt or not blow.kill):
                    blow.before = further
                left.append(blow)
            job.blows = left

    def _ended(self, client: Client, job: Job, party: str) -> bool:
        """Whether it is done at a participant, too, within the bound."""
        deadline = time.monotonic() + self._bound
        view = None
        while time.monotonic() < deadline:
            try:
                view = client.job(job.id)
            except CoterieError:
                view = None
            if view is not None and view.over:
                if view.state != "done":
                    self._record.lost(job.kind.name, job.id, view, [*job.struck, f"at {party} alone"])
                return view.state == "done"
            time.sleep(POLL_SECONDS)
        told = {} if view is None else {party: view.model_dump(mode="json")}
        self._record.hang(job.kind.name, job.id, f"done, and not at {party}", told, job.struck)
        return False

    def _views(self, clients: dict[str, Client], job: Job) -> dict[str, Any]:
        """What each node says of it."""
        told: dict[str, Any] = {}
        for name in job.kind.participants:
            try:
                told[name] = clients[name].job(job.id).model_dump(mode="json")
            except CoterieError as error:
                told[name] = str(error)
        return told

    def _give_up(self, client: Client, job: Job) -> None:
        """Let the next job have its room."""
        try:
            client.cancel(job.id, "it hangs")
        except CoterieError as error:
            self._record.event("not cancelled", job=job.id, error=str(error))
