"""Jobs that people approve, refuse and cancel, and jobs that fail, seen from the command line."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, agreement, job
from tests.cli.walk import Walk


def agree(lender: Cli, payments: Cli, path: Path) -> None:
    """Draft, offer and sign."""
    for side, step in ((lender, "draft"), (lender, "offer"), (lender, "sign"), (payments, "sign")):
        said = side("agreement", step, str(path) if step == "draft" else path.stem)
        assert said.status == 0, said.err


@pytest.fixture(scope="module")
def by_person(lender: Cli, payments: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agreement under which the platform's jobs wait for a person; gives a job file of it."""
    folder = tmp_path_factory.mktemp("agreed")
    agree(lender, payments, agreement(folder, "by-person", approval="{lender: automatic, payments: person}"))
    return job(folder, "by-person", "[align]")


def test_a_person_reads_the_plan_and_approves(lender: Cli, payments: Cli, by_person: Path) -> None:
    made = lender("job", "submit", str(by_person))
    assert made.status == 0
    assert "waits for" in made.out
    assert "the approval of payments" in made.out
    started = lender("job", "status", "last", "--json").json["id"]
    assert payments("job", "status", started[:8]).status == 0
    assert "align" in payments("job", "plan", "--job", started[:8]).out
    assert lender("job", "approve", started).code == "CT-5051"
    approved = payments("job", "approve", started[:8])
    assert approved.status == 0
    assert "payments (a person)" in approved.out
    done = lender("job", "status", started, "--follow")
    assert (done.status, done.err) == (0, "")
    assert "a test   done" in done.out


def test_a_person_refuses(lender: Cli, payments: Cli, by_person: Path) -> None:
    lender("job", "submit", str(by_person))
    assert payments("job", "refuse", "last", "--reason", "not today").status == 0
    said = lender("job", "status", "last")
    assert said.status == 0, "the question was answered"
    assert "refused" in said.out
    for words in ("CT-5053", "not today", "party payments"):
        assert words in said.out
    followed = lender("job", "status", "last", "--follow")
    assert (followed.status, followed.code) == (1, "CT-5053")


def test_a_job_is_cancelled(lender: Cli, payments: Cli, by_person: Path) -> None:
    lender("job", "submit", str(by_person))
    assert "cancelled" in lender("job", "cancel", "last", "--reason", "a mistake").out
    assert "cancelled" in lender("job", "list").out
    followed = lender("job", "status", "last", "--follow", "--json")
    assert followed.status == 1
    assert followed.json["error"]["code"] == "CT-4020"
    assert "a mistake" in lender("job", "status").out


def test_nothing_begins_with_these_characters(lender: Cli) -> None:
    assert lender("job", "status", "zz").code == "CT-5050"
    said = lender("job", "status", "")
    assert said.status == 2
    assert "give more of the id" in said.err


def test_what_is_not_granted_is_refused_with_the_reason(lender: Cli, tmp_path: Path) -> None:
    for steps, extra, code in (
        ("[align]", "columns: {lender: [income]}\n", "CT-1628"),
        ("[align, divine]", "", "CT-4002"),
        ("[align, {split: {test: 0.9}}]", "", "CT-1631"),
    ):
        said = lender("job", "submit", str(job(tmp_path, "credit-2026", steps, extra)), "--follow")
        assert said.status == 1
        assert said.code == code, said.err
        assert "next" in said.err


def children(process: int) -> list[int]:
    """Ids of the processes that one has started."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def test_a_killed_worker_is_told_and_the_job_goes_on(lender: Cli, walk: Walk) -> None:
    daemon = walk.daemons[walk.home("payments")].pid

    def kill() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for pid in (worker for nursery in children(daemon) for worker in children(nursery)):
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    file = str(Path("examples/credit_score/job.yaml").resolve())
    said = lender("job", "submit", file, "--follow")
    killer.join()
    assert (said.status, said.code) == (0, None), said.err
    for words in ("attempt 1 broke off", "it goes on", "CT-5060", "payments", "SIGKILL"):
        assert words in said.out


def test_an_agreement_is_revoked(lender: Cli, payments: Cli, tmp_path: Path) -> None:
    agree(lender, payments, agreement(tmp_path, "short-lived"))
    said = payments("agreement", "revoke", "short-lived", "--reason", "over")
    assert "by payments" in said.out
    assert "over" in said.out
    lender("agreement", "sync", "short-lived")
    assert "revoked" in lender("agreement", "show", "short-lived").out
    file = job(tmp_path, "short-lived", "[align]")
    assert lender("job", "submit", str(file)).code in ("CT-1622", "CT-5041")
