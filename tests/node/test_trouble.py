"""What goes wrong while a job runs: it ends everywhere with one code, within seconds, and nothing hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.jobs import Approval
from coterie.ledger import verify
from coterie.node import JobView
from coterie.node.messages import Failure, JobAgain, JobBroke, JobStand, Message, Ok, StandAnswer
from coterie.node.network import LIMIT
from coterie.wire import PeerAddress, PeerClient
from tests.node.conftest import PAYMENTS_ATTEMPTS, Daemon, Trio, ended


def settle(trio: Trio) -> None:
    """Wait until no worker of an earlier test is left."""
    deadline = time.monotonic() + 15
    while any(daemon.workers() for daemon in trio.all):
        assert time.monotonic() < deadline, "a worker is left over"
        time.sleep(0.05)


@contextlib.contextmanager
def held(trio: Trio) -> Iterator[JobView]:
    """A running job that waits for the hub, whose worker is stopped."""
    settle(trio)
    job = trio.lender.client.submit(trio.job(trio.agree()))
    dealer = trio.hub.worker()
    os.kill(dealer, signal.SIGSTOP)
    try:
        trio.lender.worker()
        trio.payments.worker()
        yield job
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(dealer, signal.SIGCONT)


def check_ended(trio: Trio, job: JobView, state: str, code: str, party: str) -> None:
    for daemon in trio.all:
        view = ended(daemon.client, job.id)
        assert view.error is not None
        assert (daemon.name, view.state, view.error.code, view.error.party) == (
            daemon.name,
            state,
            code,
            party,
        )


def test_everybody_sees_who_waits_for_whom_and_anybody_can_cancel(trio: Trio) -> None:
    with held(trio) as job:
        deadline = time.monotonic() + 20
        for client in (trio.lender.client, trio.payments.client):
            while True:
                waiting = client.job(job.id).participant("lender").waiting
                if waiting and waiting[0].peer == "hub":
                    break
                assert time.monotonic() < deadline, client.job(job.id)
                time.sleep(0.1)
            assert waiting[0].since
        assert trio.payments.client.cancel(job.id, "wrong month").state == "cancelled"
        check_ended(trio, job, "cancelled", "CT-4020", "payments")
    assert "wrong month" in str(trio.lender.client.job(job.id).error)
    with pytest.raises(CoterieError, match="CT-4020"):
        trio.lender.client.wait(job.id)
    settle(trio)


def done(trio: Trio, job: JobView) -> dict[str, JobView]:
    """The job at each node, where it has ended well."""
    views = {daemon.name: ended(daemon.client, job.id) for daemon in trio.all}
    assert {view.state for view in views.values()} == {"done"}, views
    return views


def test_a_killed_worker_leads_to_another_attempt(trio: Trio) -> None:
    with held(trio) as job:
        started = time.monotonic()
        os.kill(trio.payments.worker(), signal.SIGKILL)
        views = done(trio, job)
        assert time.monotonic() - started < 10
    for view in views.values():
        first, second = view.attempts
        assert (first.number, first.code, first.party, second.number) == (0, "CT-5060", "payments", 1)
        assert (second.behind, second.broke) == (None, None)
    for daemon in trio.all:
        entries = [one.body for one in daemon.client.ledger(kind="job", job=job.id)]
        assert [one["event"] for one in entries] == ["started", "broke", "resumed", "ended"]
        assert (entries[1]["code"], entries[1]["party"]) == ("CT-5060", "payments")
        assert entries[2]["attempt"] == 1
        assert daemon is trio.hub or entries[3]["destroyed"]["bytes"] > 0
    assert not list(trio.lender.home.glob(f"jobs/{job.id}/checkpoints"))
    settle(trio)


def test_attempts_are_as_many_as_the_strictest_operator_says(trio: Trio) -> None:
    settle(trio)
    job = trio.lender.client.submit(trio.job(trio.agree(), "[align, split, fill, standardize, logistic]"))
    killed = set[int]()
    while not (view := trio.lender.client.job(job.id)).over:
        for worker in set(trio.payments.workers()) - killed:
            killed.add(worker)
            os.kill(worker, signal.SIGKILL)
    check_ended(trio, job, "failed", "CT-5060", "payments")
    assert len(view.attempts) == len(killed) == 1 + PAYMENTS_ATTEMPTS
    settle(trio)


def test_a_node_that_is_killed_and_comes_back(trio: Trio) -> None:
    agreement = trio.agree()
    draft = trio.lender.client.draft_agreement(trio.terms())
    trio.lender.client.offer_agreement(draft.id)
    with held(trio) as job:
        assert trio.payments.process is not None
        worker = trio.payments.worker()
        trio.payments.process.kill()
        trio.payments.process.wait()
        deadline = time.monotonic() + 8
        while os.path.exists(f"/proc/{worker}/cmdline"):  # noqa: PTH110
            assert time.monotonic() < deadline, "the worker outlives its node"
            time.sleep(0.05)
    with pytest.raises(CoterieError, match="CT-1219") as caught:
        trio.lender.client.submit(trio.job(agreement))
    assert caught.value.party == "payments"
    assert trio.lender.client.sign_agreement(draft.id).not_offered_to == ("payments",)
    trio.payments.start()
    trio.payments.await_up()
    assert done(trio, job)["lender"].attempts[0].code == "CT-5061"
    deadline = time.monotonic() + 10
    while trio.lender.client.agreement(draft.id).not_offered_to:
        assert time.monotonic() < deadline, "the outbox is not emptied"
        time.sleep(0.1)
    assert trio.payments.client.agreement(draft.id).signed_by == ("lender",)
    settle(trio)


def test_an_initiator_that_is_stopped_and_comes_back(trio: Trio) -> None:
    with held(trio) as job:
        assert trio.lender.stop() == 0
        for daemon in (trio.hub, trio.payments):
            assert not daemon.client.job(job.id).over
    trio.lender.start()
    trio.lender.await_up()
    attempts = done(trio, job)["hub"].attempts
    assert (attempts[0].code, attempts[0].party) == ("CT-5061", "lender")
    settle(trio)


def test_all_machines_restart(trio: Trio) -> None:
    with held(trio) as job:
        sockets = [(daemon.home / "sockets").resolve() for daemon in trio.all]
        for daemon in trio.all:
            assert daemon.process is not None
            daemon.process.kill()
        for daemon in trio.all:
            daemon.process.wait()
            daemon.start()
        for daemon in trio.all:
            daemon.await_up()
    done(trio, job)
    assert not any(folder.exists() for folder in sockets), "a killed node has left something in the machine"
    for daemon in trio.all:
        report = verify(daemon.home / "ledger")
        assert report.ok, report.findings
    settle(trio)


def test_no_attempt_is_begun_twice_or_by_others(trio: Trio) -> None:
    """What peers of the job say out of turn is refused, and the job goes on."""
    with held(trio) as job:
        lender, hub = Identity.load(trio.lender.home), Identity.load(trio.hub.home)
        approvals = tuple(Approval.model_validate(one) for one in approved(trio, job))
        failure = Failure(code="CT-5060", party="hub")

        def stand(attempt: int) -> JobStand:
            return JobStand(job=job.id, attempt=attempt, approvals=approvals, failure=failure)

        assert said(hub, trio.payments, "job/stand", stand(1)) == "CT-5052"
        assert said(lender, trio.payments, "job/stand", stand(0)) == "CT-5066"
        assert (
            said(lender, trio.payments, "job/again", JobAgain(job=job.id, attempt=1, mark=None)) == "CT-5051"
        )
        assert (
            said(hub, trio.payments, "job/broke", JobBroke(job=job.id, attempt=0, failure=failure))
            == "CT-5052"
        )
        late = JobBroke(job=job.id, attempt=7, failure=failure)
        assert said(hub, trio.lender, "job/broke", late) is None
        assert trio.payments.client.job(job.id).attempts == ()
        assert said(lender, trio.payments, "job/stand", stand(1)) is None
        assert said(lender, trio.payments, "job/stand", stand(2)) is None
        late_again = JobAgain(job=job.id, attempt=1, mark=None)
        assert said(lender, trio.payments, "job/again", late_again) == "CT-5066", "it came late"
        assert trio.payments.client.job(job.id).state == "resuming", "and takes no other attempt's place"
        again = JobAgain(job=job.id, attempt=2, mark="0" * 64)
        assert said(lender, trio.payments, "job/again", again) == "CT-5066", "it has kept no such step"
        check_ended(trio, job, "failed", "CT-5066", "payments")
    settle(trio)


def approved(trio: Trio, job: JobView) -> list[dict[str, Any]]:
    """The approvals of a job, as the ledger of one party has them."""
    return [dict(one.body) for one in trio.payments.client.ledger(kind="approval", job=job.id)]


def said(who: Identity, to: Daemon, kind: str, message: Message) -> str | None:
    """The code with which a node refuses what a peer says."""
    host, port = to.address.split(":")
    address = PeerAddress(Identity.load(to.home).public, host, int(port))
    answer = StandAnswer if isinstance(message, JobStand) else Ok
    try:
        asyncio.run(PeerClient(who, LIMIT).call(address, kind, message, answer))
    except CoterieError as error:
        return error.code
    return None


def test_a_revocation_ends_a_running_job(trio: Trio) -> None:
    with held(trio) as job:
        trio.lender.client.revoke_agreement(job.agreement, "stop")
        check_ended(trio, job, "cancelled", "CT-1622", "lender")
    settle(trio)


def limit_files(daemon: Daemon, size: int) -> None:
    """Let no file of a node and its workers grow beyond ``size`` bytes: what a full disk does to writers."""
    hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_full_disk_is_a_coded_error_and_no_hang(trio: Trio) -> None:
    settle(trio)
    spec = trio.job(trio.agree())
    limit_files(trio.payments, 1)
    try:
        with pytest.raises(CoterieError, match=r"CT-(1303|5005)") as caught:
            trio.lender.client.submit(spec)
        assert caught.value.party == "payments"
        assert caught.value.family == "Unavailable"
    finally:
        limit_files(trio.payments, resource.RLIM_INFINITY)
    job = trio.lender.client.submit(spec)
    limit_files(trio.payments, 1)
    try:
        view = ended(trio.lender.client, job.id)
        assert view.error is not None
        assert (view.state, view.error.party, view.error.family) == ("failed", "payments", "Unavailable")
        assert ended(trio.payments.client, job.id).state == "failed"
    finally:
        limit_files(trio.payments, resource.RLIM_INFINITY)
    settle(trio)
    assert trio.payments.client.health().status == "ok"
    assert trio.payments.client.ledger_head().seq > 0
