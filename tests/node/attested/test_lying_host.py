"""A host that lies to the participants, with everything that an honest run has left on its disk."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.jobs import Assignment, Places, RunRecord, manifest_of, run_job
from coterie.jobs.attested.owner import Missing, Question
from coterie.jobs.attested.runner import PublicFacts, work
from coterie.jobs.plan import derive_plan
from coterie.node import JobView
from coterie.tee import Task
from coterie.wire import Channel, local_meshes
from tests.node.attested.conftest import Scored
from tests.node.attested.world import World
from tests.node.conftest import refused


@dataclass(frozen=True)
class Ran:
    """An honest run: its record, and what it gave."""

    world: World
    job: JobView
    record: RunRecord

    def sealed(self, name: str) -> bytes:
        """A sealed result, as the host keeps it."""
        wanted = next(one for one in self.record.receipt.outputs if one.name == name)
        for path in (self.world.hub.home / "jobs" / self.job.id / "results" / "run").glob("*.sealed"):
            content = path.read_bytes()
            if bytes.fromhex(wanted.file) in content[:300]:
                return content
        raise AssertionError(f"no {name} at the host")


@pytest.fixture(scope="module")
def ran(scored: Scored) -> Ran:
    return Ran(scored.world, scored.job, scored.world.record("telecom", scored.job))


@dataclass
class Node:
    """What is around a worker, as far as it is asked."""

    record: RunRecord
    me: str
    kinds: list[str] = field(default_factory=list)

    def progress(self, step: str, done: int, total: int, what: str) -> None:
        pass

    def ledger(self, kind: str, body: Mapping[str, Any]) -> None:
        self.kinds.append(kind)

    def published(self, kind: str, name: str, path: Path, content: str, size: int) -> None:
        raise AssertionError("nothing of a liar is published")

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        raise AssertionError("nothing of a liar is opened")

    def tape(self, binding: Any) -> None:
        raise AssertionError

    def releaser(self, question: str, *parts: bytes) -> tuple[bytes, ...]:
        case = self.record.case
        return (
            (case.grant(self.me).to_bytes(), canonical(case.logged(self.me))) if question == "grant" else ()
        )


def taken_in(ran: Ran, me: str, tell: Callable[[Channel], None], folder: Path) -> tuple[CoterieError, Node]:
    """What a participant says to a host that tells it this."""
    record = ran.record
    node = Node(record, me)
    assignment = Assignment(
        me=me,
        proposal=record.proposal,
        terms=record.agreement.terms,
        dataset=None,
        id_key="00" * 32,
        directory=folder,
        places=Places(profile="development", sealed=folder / "unused", host=None),
    )
    meshes = local_meshes([me, "hub"])
    caught: list[CoterieError] = []

    def run() -> None:
        try:
            run_job(assignment, meshes[me], node)
        except CoterieError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        tell(meshes["hub"].to(me))
    except CoterieError as error:
        caught.append(error)  # the participant has hung up, and said why
    thread.join(30)
    assert not thread.is_alive()
    assert caught, "it was taken in"
    assert "receipt" not in node.kinds
    return caught[0], node


def changed(record: RunRecord, *path: str, value: Any) -> bytes:
    """The record with one thing in it changed."""
    document = json.loads(record.to_bytes())
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return canonical(document)


def records(record: RunRecord) -> Iterator[tuple[bytes, str]]:
    """Records that do not hold, and the code that says so."""
    yield b"{}", "CT-4034"
    yield record.to_bytes()[:-1], "CT-4034"
    yield changed(record, "proposal", "job", value="0" * 32), "CT-4034"
    yield changed(record, "agreement", "terms", "max_runs", value=51), "CT-4034"
    yield changed(record, "manifest", "min_rows", value=51), "CT-4034"
    yield changed(record, "receipt", "started", value="2026-01-01T00:00:00Z"), "CT-4034"
    yield changed(record, "receipt", "outputs", value=[]), "CT-2272"
    yield changed(record, "requests", value={}), "CT-4034"


def test_a_record_that_does_not_hold_is_not_taken(ran: Ran, tmp_path: Path) -> None:
    for number, (content, code) in enumerate(records(ran.record)):
        folder = tmp_path / str(number)
        folder.mkdir()
        error, _ = taken_in(
            ran, "telecom", lambda channel, sent=content: channel.send_bytes("record", sent), folder
        )
        assert error.code == code, (number, error)
        assert not (folder / "results").exists()


def test_another_container_than_the_receipt_names_is_not_opened(ran: Ran, tmp_path: Path) -> None:
    """One bit of what binds it to its key."""
    first = next(one for one in ran.record.receipt.outputs if "telecom" in one.receivers)
    bound = bytes.fromhex(first.commitment)
    honest = ran.sealed(first.name)
    lie = honest.replace(bound, bytes([bound[0] ^ 1]) + bound[1:])
    assert lie != honest

    def tell(channel: Channel) -> None:
        channel.send_bytes("record", ran.record.to_bytes())
        channel.send_bytes("wrapped", bytes(100))
        channel.send_bytes("sealed", lie)

    error, _ = taken_in(ran, "telecom", tell, tmp_path)
    assert (error.code, error.party) == ("CT-4036", "hub")


def test_an_owner_that_was_not_asked_does_not_believe_a_record(ran: Ran, tmp_path: Path) -> None:
    """Whose key was released for no run of this job, whatever is signed there."""

    def tell(channel: Channel) -> None:
        channel.send_record("missing", Missing(ranges=()))
        channel.recv_bytes("grant", 2**20)
        channel.recv_bytes("logged", 2**20)
        channel.send_bytes("checkpoint", ran.record.checkpoint.to_bytes())
        for grant in ran.record.grants:
            channel.send_bytes("grant", grant.to_bytes())
        channel.recv_record("admitted", Question)
        channel.send_record("ask", Question(ask="nothing"))
        channel.send_bytes("record", ran.record.to_bytes())

    error, node = taken_in(ran, "lender", tell, tmp_path)
    assert (error.code, error.party) == ("CT-4034", "hub")
    assert "own key" in error.detail
    assert "reveal" in node.kinds


def test_a_runner_does_no_other_job_than_was_granted(ran: Ran) -> None:
    """What the host hands in beside the case is believed only if it gives the manifest."""
    proposal, terms = ran.record.proposal, ran.record.agreement.terms
    steps = tuple(
        one.model_copy(update={"params": {"passes": 7}}) if one.name == "logistic" else one
        for one in proposal.spec.steps
    )
    other = proposal.model_copy(update={"spec": proposal.spec.model_copy(update={"steps": steps})})
    later = terms.model_copy(update={"expires": "2097-01-01T00:00:00Z"})
    lies = [
        PublicFacts(proposal=other, terms=terms).to_bytes(),
        PublicFacts(proposal=proposal, terms=later).to_bytes(),
        b"{}",
        b"",
    ]
    assert manifest_of(proposal, derive_plan(proposal, terms), terms) == ran.record.manifest
    for public in lies:
        task = Task(ran.record.manifest, public, {}, {}, lambda step: None)
        with refused("CT-4032"):
            list(work(task))
