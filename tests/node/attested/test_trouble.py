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
from tests.node.attested.world import SECONDS_LONG, World
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


def over(world: World, job: JobView, code: str, party: str, since: float, state: str) -> None:
    """It is over everywhere, and nothing of it is left: no process, no result, no word of anybody's data."""
    world.failed(job, code, party, state=state, seconds=SECONDS)
    world.settle()
    for daemon in world.daemons.values():
        folder = daemon.home / "jobs" / job.id / "results"
        assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert left_in_clear(world, job.id, since) == []


def test_a_killed_runner(five: World, agreement: AgreementView) -> None:
    since = time.time()
    with five.working(agreement) as job:
        os.kill(min(five.runners()), signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while not (attempts := five.payments.client.job(job.id).attempts):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (attempts[0].code, attempts[0].party) == ("CT-2290", "hub")
        five.payments.client.cancel(job.id, "enough")
        over(five, job, "CT-4020", "payments", since, "cancelled")


def test_a_killed_host_comes_back(five: World, agreement: AgreementView) -> None:
    """The job is begun again, in another sandbox, and gives what it gives undisturbed, to the byte."""
    since = time.time()
    with five.working(agreement, SECONDS_LONG) as job, killed(five.hub):
        five.settle()
        assert left_in_clear(five, job.id, since) == []
    view = five.done(job)
    assert [(one.code, one.party) for one in view.attempts] == [("CT-5061", "hub"), (None, None)]
    undisturbed = five.submit(agreement, SECONDS_LONG)
    five.done(undisturbed)
    assert five.files("lender", job) == five.files("lender", undisturbed) != {}
    for owner in ("lender", "payments"):
        releases = five.daemons[owner].client.ledger(kind="release", job=job.id)
        assert len(releases) == 2, "each attempt is released for, and written down"
        assert len({one.body["binding"]["nonce"] for one in releases}) == 2


def test_an_owner_that_is_killed_while_it_uploads(five: World) -> None:
    """What was sent is not sent again; and all is as before."""
    agreement = five.agree()
    job = five.submit(agreement)
    host = five.hub.worker()
    os.kill(host, signal.SIGSTOP)
    try:
        five.lender.worker()  # the last one to start
        with killed(five.payments):
            pass
    finally:
        with contextlib.suppress(ProcessLookupError):  # its node has ended it
            os.kill(host, signal.SIGCONT)
    assert five.done(job).attempts[0].party == "payments"
    assert five.record("payments", job).digest == five.record("lender", job).digest
    for name in ("lender", "payments", "hub"):
        daemon = five.daemons[name]
        report = verify(daemon.home / "ledger")
        assert report.ok, report.findings
        assert daemon.client.health().status == "ok"
    assert left_in_clear(five, job.id, time.time() - 60) != [], "the search finds results"
