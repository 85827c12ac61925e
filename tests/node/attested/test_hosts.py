"""Who hosts and who owns: a party that does both, one owner alone, a host with a software TPM."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from coterie.tee.evidence.attest.swtpm import TOOLS
from tests.node.attested.search import everything, found, left_in_clear, values
from tests.node.attested.world import BOTH, COMMON, LONG, ROWS, WORK, World
from tests.tee.runner.test_killed import holding

TRAINED = ["align", "split", "logistic"]


def test_a_host_that_is_an_owner_too(five: World) -> None:
    """It releases its own key only to the attested runner, like everybody, and sees no more of the others."""
    agreement = five.agree(host="lender")
    job = five.submit(agreement, TRAINED)
    assert five.done(job, *BOTH).participants[0].party == "lender"
    assert {one.party for one in five.lender.client.job(job.id).participants} == set(BOTH)
    for party in BOTH:
        assert len(five.daemons[party].client.ledger(kind="release", job=job.id)) == 1
    mine = {name.lower() for name in five.tables["loans"]["customer"]}
    theirs = [name.lower() for name in five.tables["flows"]["client"] if name.lower() not in mine]
    assert len(theirs) == ROWS - COMMON
    others = [*(one.encode() for one in theirs), *values(five, "flows")]
    assert found(others, everything(five.lender.home)) == []
    name = "logistic/logistic.coefficients.json"
    assert five.files("lender", job)[name] == five.files("payments", job)[name]


def test_one_owner_alone(five: World) -> None:
    """It lends itself a machine that it need not trust."""
    job = five.submit(five.agree(("lender",)), TRAINED, owners=("lender",))
    five.done(job, "lender", "hub")
    assert len(five.files("lender", job)) == 3
    assert five.record("hub", job).manifest.owners == ("lender",)


on_a_tpm = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS), reason="no swtpm or tpm2-tools here"
)


def tpms() -> list[int]:
    """Software TPMs of this system."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if holding(b"coterie-tpm-", iter([path])):
            found.append(int(path.parent.name))
    return found


@on_a_tpm
def test_a_host_with_a_software_tpm(five: World) -> None:
    owners = ("lender", "telecom")
    agreement = five.agree(owners, host="telecom", platform="swtpm")
    job = five.submit(agreement, TRAINED, owners=owners)
    five.done(job, *owners)
    for party in owners:
        (release,) = five.daemons[party].client.ledger(kind="release", job=job.id)
        assert release.body["platform"] == "swtpm"
        (receipt,) = five.daemons[party].client.ledger(kind="receipt", job=job.id)
        assert (receipt.body["platforms"], receipt.body["assurance"]) == (["swtpm"], "simulated")
    assert set(five.files("telecom", job)) == set(five.files("lender", job)) - {"align/common_ids.csv"}


@on_a_tpm
def test_a_killed_worker_of_the_host_leaves_no_tpm_and_nothing_in_clear(five: World) -> None:
    five.settle()
    before, since = set(tpms()), time.time()
    owners = ("lender", "telecom")
    agreement = five.agree(owners, host="telecom", platform="swtpm")
    job = five.submit(agreement, LONG, owners=owners)
    five.await_step(job, WORK, host="telecom")
    assert set(tpms()) - before
    os.kill(five.telecom.worker(), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not five.lender.client.job(job.id).attempts:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    five.lender.client.cancel(job.id, "enough")
    five.failed(job, "CT-4020", "lender", *owners, state="cancelled")
    deadline = time.monotonic() + 10
    while set(tpms()) - before:
        assert time.monotonic() < deadline, "a TPM is left over"
        time.sleep(0.05)
    five.settle()
    assert left_in_clear(five, job.id, since) == []
