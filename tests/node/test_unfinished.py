"""What is kept of jobs that broke off, at real nodes: said, used, and let go of."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest
from rich.console import Console

from coterie.cli import following, output
from coterie.jobs import Proposal, agreement_folder, unfinished_steps
from coterie.node.unfinished import KEPT_SECONDS, _drop_old

from .conftest import Daemon, Trio


def place_of(daemon: Daemon, job: str) -> Path:
    """Where the node's workers keep how far the job's ``align`` is."""
    with sqlite3.connect(daemon.home / "store.sqlite") as store:
        (text,) = store.execute("select proposal from jobs where id = ?", (job,)).fetchone()
    proposal = Proposal.model_validate_json(text)
    ((step, name),) = unfinished_steps(proposal)
    assert step == "align"
    return daemon.home / "unfinished" / agreement_folder(proposal.agreement) / name


def said(view: object, monkeypatch: pytest.MonkeyPatch) -> str:
    console = Console(width=200)
    monkeypatch.setattr(output, "console", console)
    monkeypatch.setattr(following, "console", console)
    with console.capture() as captured:
        following.print_job(view, "credit")  # type: ignore[arg-type]
    return captured.get()


def test_a_job_that_broke_off_is_submitted_again(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    agreement = trio.agree(approval="{lender: automatic, payments: person}")
    lender = trio.lender.client
    job = lender.submit(trio.job(agreement))
    lender.cancel(job.id)
    assert lender.job(job.id).goes_on is None
    place = place_of(trio.lender, job.id)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"what no run can go on with")
    view = lender.job(job.id)
    assert view.goes_on == "align"
    assert f"coterie job again {job.id[:12]}: step align goes on" in said(view, monkeypatch)
    again = lender.submit_again(job.id)
    assert again.id != job.id
    assert "step align of an earlier run" in said(lender.job(again.id), monkeypatch)
    trio.payments.client.approve(again.id)
    assert lender.wait(again.id, timeout=30).goes_on is None
    assert not place.exists()
    # The other has nothing to go on with, so that all was sent as planned.
    (entry,) = [one for one in lender.ledger(kind="egress", job=again.id) if one.body["step"] == "align"]
    assert entry.body["sent"] == entry.body["planned"]

    place.write_bytes(b"of a third run")
    trio.payments.client.revoke_agreement(agreement.id)
    deadline = time.monotonic() + 20
    while place.parent.exists():
        assert time.monotonic() < deadline, "it stays when the agreement has ended"
        time.sleep(0.05)


def test_what_is_old_is_let_go_of(tmp_path: Path) -> None:
    for name, age in (("old", KEPT_SECONDS + 60), ("new", 60)):
        (tmp_path / name).write_bytes(b"state")
        os.utime(tmp_path / name, times=(time.time() - age,) * 2)
    _drop_old(tmp_path)
    assert [path.name for path in tmp_path.glob("*")] == ["new"]
