"""The record of a run: it holds, and nothing about it can be changed unseen."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coterie.cli import main
from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.jobs import RunRecord, check_run, replay
from coterie.tee import Roots
from tests.node.attested_job import JOB, agree
from tests.node.conftest import Trio, ended

ROOTS = Roots(profile="development")


@dataclass(frozen=True)
class Ran:
    """A job that is over, and what it left."""

    trio: Trio
    record: Path
    sealed: Path

    @property
    def value(self) -> dict[str, Any]:
        return json.loads(self.record.read_bytes())  # type: ignore[no-any-return]

    @property
    def ledgers(self) -> list[Path]:
        return [daemon.home / "ledger" for daemon in self.trio.all]


@pytest.fixture(scope="module")
def ran(trio: Trio, measurement: str) -> Ran:
    agreement = agree(trio, measurement).id
    job = trio.lender.client.submit(JOB.format(agreement=agreement, steps="[align]"))
    over = ended(trio.lender.client, job.id, 60)
    assert over.state == "done", over.error
    folders = [daemon.home / "jobs" / job.id / "results" / "run" for daemon in (trio.payments, trio.hub)]
    return Ran(trio, folders[0] / "record.json", folders[1])


def test_a_run_replays_without_any_node(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    found = replay(RunRecord.parse(ran.record.read_bytes()), ROOTS, ledgers=ran.ledgers, sealed=ran.sealed)
    assert found.ok, [one for one in found.checks if not one.ok]
    assert found.notes == ()
    names = [one.what for one in found.checks]
    assert {"agreement", "manifest", "grants", "receipt", "evidence for lender"} <= set(names)
    for party in ("lender", "payments"):
        assert {f"ledger of {party}", f"grant of {party}", f"release of {party}"} <= set(names)
    assert "receipt at hub" in names
    assert "sealed align/common_ids.csv for lender" in names
    options = [part for path in ran.ledgers for part in ("--ledger", str(path))]
    assert status("audit", "verify", str(ran.record), *options, "--sealed", str(ran.sealed)) == 0
    told = capsys.readouterr().out
    assert "SIMULATED" in told
    assert "NO" not in told.split()


def status(*line: str) -> int:
    """Exit status of the command line."""
    with pytest.raises(SystemExit) as caught:
        sys.exit(main([*line]))
    return int(caught.value.code or 0)


def test_production_counts_no_simulated_run(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("audit", "verify", str(ran.record), "--profile", "production") == 1
    assert "CT-2233" in capsys.readouterr().out
    with pytest.raises(CoterieError, match="CT-2233"):
        check_run(RunRecord.parse(ran.record.read_bytes()), Roots(profile="production"))


def flip(text: str, place: int = 10) -> str:
    """Hexadecimal digits with one other."""
    return text[:place] + format(int(text[place], 16) ^ 1, "x") + text[place + 1 :]


def swap_requests(value: dict[str, Any]) -> None:
    one = value["requests"]
    one["lender"], one["payments"] = one["payments"], one["lender"]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a signature of the agreement": lambda v: v["agreement"]["signatures"].update(
        lender=flip(v["agreement"]["signatures"]["lender"])
    ),
    "no signature of the agreement": lambda v: v["agreement"]["signatures"].pop("lender"),
    "other terms": lambda v: v["agreement"]["terms"].update(min_rows=51),
    "another initiator": lambda v: v["proposal"].update(initiator="payments"),
    "another parameter": lambda v: v["proposal"]["spec"]["steps"][0].update(params={"reveal": True}),
    "another job": lambda v: v["manifest"].update(job=flip(v["manifest"]["job"])),
    "another manifest": lambda v: v["manifest"].update(min_rows=1),
    "a grant changed": lambda v: v["grants"][0].update(max_runs=100),
    "a grant lacking": lambda v: v["grants"].pop(),
    "a grant twice": lambda v: v["grants"].append(v["grants"][0]),
    "another entry": lambda v: v["checkpoint"]["logged"][0].update(entry=1),
    "another head": lambda v: v["checkpoint"]["logged"][0]["head"].update(seq=10**6),
    "evidence for another": swap_requests,
    "evidence lacking": lambda v: v["requests"].pop("payments"),
    "another nonce": lambda v: v["requests"]["lender"]["binding"].update(
        nonce=flip(v["requests"]["lender"]["binding"]["nonce"])
    ),
    "another record": lambda v: v["proposal"]["sealed"]["lender"].update(rows=301),
    "another output": lambda v: v["receipt"]["outputs"][0].update(size=1),
    "another receiver": lambda v: v["receipt"]["outputs"][0].update(receivers=["payments"]),
    "another time": lambda v: v["receipt"].update(finished="2090-01-01T00:00:00Z"),
    "another key": lambda v: v["receipt"].update(key=flip(v["receipt"]["key"])),
    "a field more": lambda v: v.update(more=1),
}


UNREADABLE = {"a field more"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_record_does_not_hold(ran: Ran, change: str) -> None:
    value = ran.value
    CHANGES[change](value)
    if change in UNREADABLE:
        with pytest.raises(CoterieError, match="CT-4034"):
            RunRecord.parse(canonical(value))
        return
    record = RunRecord.parse(canonical(value))
    with pytest.raises(CoterieError) as caught:
        check_run(record, ROOTS)
    assert caught.value.family in ("PeerMisbehaved", "NotAgreed", "BadInput")
    assert not replay(record, ROOTS).ok


def test_a_record_in_another_form_is_none(ran: Ran) -> None:
    content = ran.record.read_bytes()
    for other in (content + b"\n", content.replace(b'{"', b'{ "', 1), b"", b"{}", content[:-1], b"[" * 10**6):
        with pytest.raises(CoterieError, match="CT-4034"):
            RunRecord.parse(other)


def test_a_ledger_without_the_release_contradicts(ran: Ran, tmp_path: Path) -> None:
    """The record of one run, the ledger of a party that has another past."""
    record = RunRecord.parse(ran.record.read_bytes())
    copy = tmp_path / "ledger"
    shutil.copytree(ran.ledgers[1], copy)
    lines = (copy / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"kind":"release"' not in line]
    (copy / "ledger.jsonl").write_bytes(b"".join(kept))
    found = replay(record, ROOTS, ledgers=[copy])
    assert [one.what for one in found.checks if not one.ok] == ["ledger of lender"]
    found = replay(record, ROOTS, ledgers=ran.ledgers[:1])  # in order, and of no owner: its word is asked for
    assert found.ok
    assert len(found.notes) == 2


def test_a_sealed_result_that_was_exchanged(ran: Ran, tmp_path: Path) -> None:
    record = RunRecord.parse(ran.record.read_bytes())
    folder = tmp_path / "run"
    shutil.copytree(ran.sealed, folder)
    for path in folder.glob("*.sealed"):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    found = replay(record, ROOTS, sealed=folder)
    assert [one.what for one in found.checks if not one.ok] == ["sealed align/common_ids.csv for lender"]
    assert replay(record, ROOTS, sealed=tmp_path).notes[0].startswith("align/common_ids.csv")
