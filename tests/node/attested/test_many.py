"""Several runs at once at one host: each by itself, and no more than it has places for."""

from __future__ import annotations

import signal

from coterie.node import JobView
from tests.node.attested.world import WORK, World, signal_all, trained

SOME = trained(30)
WAITING = "waiting for a place: 2 runs are under way here"


def held(five: World, job: JobView) -> list[int]:
    """The processes of a run that has just begun to work, stopped."""
    five.await_step(job, WORK)
    found = five.runners()
    signal_all(found, signal.SIGSTOP)
    return found


def test_two_run_and_others_wait_and_say_so(five: World) -> None:
    five.settle()
    agreement = five.agree()
    stopped: list[int] = []
    try:
        first = five.submit(agreement, SOME)
        stopped += held(five, first)
        second = five.submit(agreement, SOME)
        stopped += held(five, second)
        third, fourth = five.submit(agreement), five.submit(agreement)
        for job in (third, fourth):
            five.await_step(job, "stage-release", what=WAITING)
        assert set(five.runners()) == set(stopped)
        five.payments.client.cancel(fourth.id, "too late")
        five.failed(fourth, "CT-4020", "payments", state="cancelled")
        assert {five.hub.client.job(one.id).state for one in (first, second, third)} == {"running"}
    finally:
        signal_all(stopped, signal.SIGCONT)
    for job in (first, second, third):
        five.done(job)
    model = "neural/neural.model"
    assert five.files("lender", first)[model] == five.files("lender", second)[model] != b""
    assert set(five.files("lender", third)) == {"align/common_ids.csv"}
    records = [five.record("lender", job) for job in (first, second, third)]
    keys = {request.binding.hpke_pk for record in records for request in record.requests.values()}
    assert len(keys) == 3, "every run has a key of its own"
