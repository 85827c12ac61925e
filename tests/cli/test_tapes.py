"""Tape files from the command line: ask, deal, take in, look."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, agreement, call, job
from tests.cli.test_jobs import agree
from tests.cli.walk import Walk

STEPS = "[align, {split: {test: 0.3}}, fill, standardize, {logistic: {passes: 2}}]"


@pytest.fixture(scope="module")
def hub(walk: Walk) -> Cli:
    return lambda *words, text="": call("--home", str(walk.home("hub")), *words, text=text)


def test_a_stage_is_asked_for_dealt_and_taken_in(
    lender: Cli, payments: Cli, hub: Cli, tmp_path: Path
) -> None:
    agree(lender, payments, agreement(tmp_path, "ahead", approval="{lender: automatic, payments: automatic}"))
    spec = job(tmp_path, "ahead", STEPS, "correlations: tape\n")
    plan = lender("job", "plan", str(spec))
    assert "In the tape file of payments, dealt before the run: ≤ " in plan.out
    assert lender("job", "submit", str(spec)).status == 0
    deadline = time.monotonic() + 60
    while True:
        said = lender("job", "status").out
        told = " ".join(said.split())  # lines are broken where the window ends
        heading = next((line.split() for line in said.splitlines() if line.startswith("party")), [])
        # Columns that say nothing are left out: also who waits for whom, once both wait for files alone.
        if told.count("waiting for the tape file of stage 2") == 2:
            assert heading == ["party", "state", "step", "last", "progress", "doing"]
            break
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    assert f"coterie job plan --job {lender('job', 'status', '--json').json['id'][:12]} --stage 2" in said
    assert "coterie dealer deal stage-2.json" in said
    asked, folder = tmp_path / "stage-2.json", tmp_path / "dealt"
    written = lender("job", "plan", "--job", "last", "--stage", "2", "--output", str(asked))
    assert written.status == 0, written.err
    assert "dealer deal" in written.out
    assert json.loads(asked.read_text())["stage"] == 2

    dealt = hub("dealer", "deal", str(asked), "--out", str(folder))
    assert dealt.status == 0, dealt.err
    assert "is dealt" in dealt.out
    files = {path.stem.rpartition("-")[2]: path for path in folder.iterdir()}
    assert set(files) == {"lender", "payments"}

    assert payments("tape", "add", str(files["lender"])).code == "CT-2145"
    added = payments("tape", "add", str(files["payments"]), "--json").json
    assert (added["stage"], added["state"]) == (2, "ready")
    assert "Tape file for stage 2" in lender("tape", "add", str(files["lender"])).out
    done = lender("job", "status", "last", "--follow")
    assert (done.status, done.err) == (0, "")
    listed = lender("tape", "list")
    assert "used" in listed.out
    assert lender("tape", "list", "--json").json[-1]["serial"] == added["serial"]
    entries = lender("ledger", "list", "--kind", "tape", "--job", "last").out
    assert f"for stage 2 of job {added['job'][:12]}" in " ".join(entries.split())
    assert "added: tape file" in entries
    assert "used: tape file" in entries
    assert "dealt: tape file" in hub("ledger", "list", "--kind", "tape").out
    assert lender("tape", "add", str(files["lender"])).code == "CT-5051"


def test_what_is_asked_in_vain(lender: Cli, hub: Cli, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    assert hub("dealer", "deal", str(wrong), "--out", str(tmp_path)).code == "CT-5072"
    assert hub("dealer", "deal", str(tmp_path / "none"), "--out", str(tmp_path)).code == "CT-6001"
    assert lender("tape", "add", str(wrong)).code == "CT-2140"
    assert "No tape files" in hub("tape", "list").out
    target = str(tmp_path / "never.json")
    said = lender("job", "plan", "--job", "last", "--stage", "9", "-o", target)
    assert said.code == "CT-5070"
    for words in (
        ("--job", "last", "--stage", "1"),
        ("--stage", "1", "-o", target),
        ("x.yaml", "-o", target),
    ):
        assert lender("job", "plan", *words).status == 2
    assert not Path(target).exists()
