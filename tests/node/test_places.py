"""Places for jobs: so many at a node, in turn, and no jobs that wait for each other."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.node import places
from coterie.node.messages import JobPlace, PlaceAnswer
from coterie.node.places import KEPT_SECONDS, Places

PARTIES = ("hub", "lender", "payments", "telecom")


@dataclass
class Node:
    """What places need of a node, and what its peers need of it."""

    name: str
    limit: int
    peers: dict[str, Node]
    now: float = 0.0
    rows: dict[str, Any] = field(default_factory=dict)
    most: int = 0

    def __post_init__(self) -> None:
        settings = SimpleNamespace(jobs_at_once=self.limit, patience=5.0)
        core: Any = SimpleNamespace(name=self.name, home=SimpleNamespace(settings=settings))
        own: Any = self
        self.places = Places(core, own, own, lambda: self.now)

    # a book of jobs

    def row(self, job: str) -> Any:
        return self.rows[job]

    def state(self, job: str) -> str:
        return str(self.rows[job].state)

    def states(self) -> dict[str, str]:
        return {job: row.state for job, row in self.rows.items() if row.state != "done"}

    def approvals(self, _job: str) -> dict[str, None]:
        return dict.fromkeys(PARTIES)

    def progress(self, _job: str, _view: object) -> None: ...

    # a network

    async def ask_soon(self, peer: str, request: JobPlace, _answer: type[PlaceAnswer]) -> PlaceAnswer:
        await asyncio.sleep(0)
        return await self.peers[peer].places.receive(self.name, request)

    def set(self, job: str, state: str) -> None:
        self.rows[job].state = state
        self.most = max(self.most, sum(row.state == "running" for row in self.rows.values()))


def nodes(limit: int) -> dict[str, Node]:
    made: dict[str, Node] = {}
    made.update({name: Node(name, limit, made) for name in PARTIES})
    return made


def propose(made: dict[str, Node], job: str, initiator: str, participants: list[str]) -> None:
    for name in participants:
        made[name].rows[job] = SimpleNamespace(
            id=job, initiator=initiator, participants=participants, state="proposed"
        )


async def live(made: dict[str, Node], job: str, initiator: str, participants: list[str]) -> None:
    """A job from its places to its end."""
    assert await made[initiator].places.gather(job)
    for name in participants:
        made[name].places.require(job)
        made[name].set(job, "running")
        await asyncio.sleep(0)
    await asyncio.sleep(0.002)
    for name in participants:
        made[name].set(job, "done")


@pytest.mark.parametrize("seed", range(5))
def test_no_jobs_wait_for_each_other(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of all initiators over any parties, each of which has very few places: all come to their end."""
    monkeypatch.setattr(places, "ASK_SECONDS", 0.001)
    chance = random.Random(seed)

    async def run() -> dict[str, Node]:
        made = nodes(limit=1 + seed % 2)
        jobs = []
        for number in range(24):
            participants = chance.sample(PARTIES, chance.randint(2, 4))
            job, initiator = f"{number:032x}", participants[0]
            chance.shuffle(participants)
            propose(made, job, initiator, participants)
            jobs.append(live(made, job, initiator, participants))
        async with asyncio.timeout(30):
            await asyncio.gather(*jobs)
        return made

    for one in asyncio.run(run()).values():
        assert one.most == one.limit


def ask(node: Node, peer: str, job: str) -> bool:
    return asyncio.run(node.places.receive(peer, JobPlace(job=job))).given


def test_who_asked_first_is_first_and_silence_loses_the_turn() -> None:
    made = nodes(limit=1)
    hub = made["hub"]
    first, second, third = (f"{number:032x}" for number in range(3))
    for job in (first, second, third):
        propose(made, job, "lender", ["hub", "lender"])
    assert ask(hub, "lender", first)
    assert not ask(hub, "lender", second)
    assert not ask(hub, "lender", third)
    hub.set(first, "running")
    assert ask(hub, "lender", first), "it has one"
    hub.set(first, "resuming")
    assert not ask(hub, "lender", second), "between two attempts it keeps it"
    hub.set(first, "done")
    assert not ask(hub, "lender", third)
    assert ask(hub, "lender", second)
    with pytest.raises(CoterieError) as caught:
        hub.places.require(third)
    assert caught.value.code == "CT-5056"
    hub.now += KEPT_SECONDS + 1
    assert ask(hub, "lender", third), "nobody has asked for the second any more"


def test_places_are_for_those_whose_job_it_is() -> None:
    made = nodes(limit=1)
    job = f"{1:032x}"
    propose(made, job, "lender", ["hub", "lender", "payments"])
    with pytest.raises(CoterieError) as caught:
        ask(made["hub"], "payments", job)
    assert caught.value.code == "CT-5052"
