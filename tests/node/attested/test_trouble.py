"""What goes wrong while an attested job runs: one code everywhere, and nothing in clear is left."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest

from coterie.ledger import verify
from coterie.node import AgreementView, JobView
from tests.node.attested.search import left_in_clear
from tests.node.attested.world import World
from tests.node.conftest import Daemon

SECONDS = 10
"""Within which everybody knows."""


@pytest.fixture(scope="module")
def agreement(five: World) -> AgreementView:
    """One for all of these: what breaks one job is no reason for another not to run."""
    return five.agree()


@contextlib.contextmanager
def killed(daemon: Daemon) -> Iterator[None]:
    """A node that is killed now, and comes back later."""
    assert daemon.process is not None
    daemon.process.kill()
    daemon.process.wait()
    try:
        yield
    finally:
        daemon.start()
        daemon.await_up()


def over(world: World, job: JobView, code: str, party: str, since: float) -> None:
    """It is over everywhere, and nothing of it is left: no process, no result, no word of anybody's data."""
    world.failed(job, code, party, seconds=SECONDS)
    world.settle()
    for daemon in world.daemons.values():
        folder = daemon.home / "jobs" / job.id / "results"
        assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert left_in_clear(world, job.id, since) == []


def test_a_killed_runner(five: World, agreement: AgreementView) -> None:
    since = time.time()
    with five.working(agreement) as job:
        os.kill(min(five.runners()), signal.SIGKILL)
        over(five, job, "CT-2290", "hub", since)
    told = five.payments.client.job(job.id).error
    assert told is not None
    assert told.step == "stage-release"


def test_a_killed_host_comes_back(five: World, agreement: AgreementView) -> None:
    since = time.time()
    with five.working(agreement) as job:
        with killed(five.hub):
            five.failed(job, "CT-5061", "hub", "lender", "payments", seconds=SECONDS)
            five.settle()
        over(five, job, "CT-5061", "hub", since)


def test_an_owner_that_is_killed_while_it_uploads(five: World) -> None:
    """What the next job needs is sent then; and all is as before."""
    since = time.time()
    agreement = five.agree()
    job = five.submit(agreement)
    host = five.hub.worker()
    os.kill(host, signal.SIGSTOP)
    try:
        five.lender.worker()  # the last one to start
        with killed(five.payments):
            five.failed(job, "CT-5061", "payments", "lender", seconds=SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):  # its node has ended it
            os.kill(host, signal.SIGCONT)
    over(five, job, "CT-5061", "payments", since)
    again = five.submit(agreement)
    five.done(again)
    assert five.proposal("hub", again).sealed == five.proposal("hub", job).sealed
    assert five.record("payments", again).digest == five.record("lender", again).digest
    for name in ("lender", "payments", "hub"):
        daemon = five.daemons[name]
        report = verify(daemon.home / "ledger")
        assert report.ok, report.findings
        assert daemon.client.health().status == "ok"
    assert left_in_clear(five, again.id, time.time() - 60) != [], "the search finds results"
