"""Writing: what is kept, what is refused, and what a crash or a full disk leaves."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity, canonical
from coterie.errors import CoterieError, Unavailable
from coterie.ledger import Ledger, SignedHead, read_entries, verify

from .conftest import JOB, fill


def code_of(action: Callable[[], Any]) -> str:
    with pytest.raises(CoterieError) as caught:
        action()
    return caught.value.code


def test_entries_are_kept_in_order_and_found_again(filled: Path, lender: Identity) -> None:
    with Ledger(filled, lender) as ledger:
        kinds = [entry.kind for entry in ledger.entries()]
        assert kinds == [
            "agreement",
            "job",
            "plan",
            "approval",
            "reveal",
            "egress",
            "result",
            "refusal",
            "job",
        ]
        assert [entry.seq for entry in ledger.entries()] == list(range(1, 10))
        assert [entry.body["state"] for entry in ledger.entries("job")] == ["proposed", "done"]
        assert [entry.seq for entry in ledger.entries(job=JOB)] == [2, 3, 4, 5, 6, 7, 9]
        assert [entry.seq for entry in ledger.entries("job", JOB)] == [2, 9]
        assert list(ledger.entries(job="f" * 32)) == []
        added = ledger.append("job", {"job": JOB})
        assert (added.seq, added.prev) == (10, list(ledger.entries())[8].hash)
    assert verify(filled).ok


def test_the_files_are_private_and_canonical(filled: Path) -> None:
    assert (filled / "ledger.jsonl").stat().st_mode & 0o777 == 0o600
    assert filled.stat().st_mode & 0o777 == 0o700
    for line in (filled / "ledger.jsonl").read_bytes().splitlines():
        assert canonical(json.loads(line)) == line


@pytest.mark.parametrize(
    "body",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": 2**53},
        {"x": b"bytes"},
        {"x": {1, 2}},
        {"x": object()},
        {1: "x"},
        {"x": "\ud800"},
        {"x": "y" * (1024 * 1024)},
    ],
)
def test_bodies_that_are_refused_leave_nothing(
    tmp_path: Path, lender: Identity, body: dict[Any, Any]
) -> None:
    with Ledger(tmp_path, lender) as ledger:
        assert code_of(lambda: ledger.append("job", body)) == "CT-1304"
        deep: Any = 1
        for _ in range(40):
            deep = [deep]
        assert code_of(lambda: ledger.append("job", {"x": deep})) == "CT-1304"
        assert ledger.append("job", {"x": 1}).seq == 1
    report = verify(tmp_path)
    assert (report.ok, report.entries) == (True, 1)


def test_the_deepest_and_largest_bodies_that_are_taken_verify(tmp_path: Path, lender: Identity) -> None:
    deep: Any = 1
    for _ in range(27):
        deep = [deep]
    with Ledger(tmp_path, lender) as ledger:
        ledger.append("job", {"x": deep})
        ledger.append("job", {"x": "y" * (1024 * 1024 - 1000)})
    with Ledger(tmp_path, lender) as ledger:
        assert ledger.head().seq == 2
    assert verify(tmp_path).ok


def test_a_closed_ledger(tmp_path: Path, lender: Identity) -> None:
    ledger = Ledger(tmp_path, lender)
    ledger.close()
    ledger.close()
    assert code_of(lambda: ledger.append("job", {})) == "CT-1307"


def test_one_writer_at_a_time(tmp_path: Path, lender: Identity) -> None:
    with Ledger(tmp_path, lender):
        assert code_of(lambda: Ledger(tmp_path, lender)) == "CT-1301"
        program = (
            "import sys; from pathlib import Path\n"
            "from coterie.crypto import Identity; from coterie.ledger import Ledger\n"
            "try: Ledger(Path(sys.argv[1]), Identity.load(Path(sys.argv[2])))\n"
            "except Exception as error: print(error.code)\n"
        )
        home = lender.key_path.parent.parent
        arguments = [sys.executable, "-c", program, str(tmp_path), str(home)]
        done = subprocess.run(arguments, check=False, capture_output=True, text=True)
        assert done.stdout == "CT-1301\n", done.stderr
    Ledger(tmp_path, lender).close()


def test_a_killed_writer_lets_go_and_loses_nothing_it_acknowledged(tmp_path: Path, lender: Identity) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from coterie.crypto import Identity; from coterie.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]), Identity.load(Path(sys.argv[2])))\n"
        "while True: print(ledger.append('job', {'text': 'x' * 5000}).seq, flush=True)\n"
    )
    home = lender.key_path.parent.parent
    acknowledged = 0
    for _ in range(4):
        arguments = [sys.executable, "-c", program, str(tmp_path), str(home)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(15):
                acknowledged = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        with Ledger(tmp_path, lender) as ledger:
            assert ledger.head().seq >= acknowledged
        assert verify(tmp_path).ok
    assert acknowledged >= 60


def test_threads_append_one_after_the_other(tmp_path: Path, lender: Identity) -> None:
    with Ledger(tmp_path, lender) as ledger:
        threads = [
            threading.Thread(target=lambda n=n: [ledger.append("job", {"n": n}) for _ in range(10)])
            for n in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report = verify(tmp_path)
    assert (report.ok, report.entries) == (True, 50)


def test_readers_at_work_while_entries_are_written(tmp_path: Path, lender: Identity) -> None:
    with Ledger(tmp_path, lender) as ledger:
        ledger.append("job", {})
        writer = threading.Thread(target=lambda: [ledger.append("job", {"n": n}) for n in range(60)])
        writer.start()
        seen = []
        while writer.is_alive():
            report = verify(tmp_path)
            assert report.ok, report
            seen.append(report.entries)
            assert [entry.seq for entry in read_entries(tmp_path)][:1] == [1]
        writer.join()
    assert seen == sorted(seen)
    assert verify(tmp_path).entries == 61


# What a crash can leave


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_an_unfinished_line_that_was_never_acknowledged_is_cut_off_and_said(
    filled: Path, lender: Identity, cut: int
) -> None:
    path = filled / "ledger.jsonl"
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole + last[:-cut])
    report = verify(filled)
    assert (report.ok, report.entries, len(report.notes)) == (True, 9, 1)
    with Ledger(filled, lender) as ledger:
        repair = list(ledger.entries())[-1]
        assert (repair.seq, repair.kind, repair.body["bytes"]) == (10, "repair", len(last) - cut)
    assert path.read_bytes().startswith(whole)
    report = verify(filled)
    assert (report.ok, report.notes) == (True, ())


def test_an_unfinished_line_that_was_acknowledged_is_damage(filled: Path, lender: Identity) -> None:
    path = filled / "ledger.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert code_of(lambda: Ledger(filled, lender)) == "CT-1302"
    assert path.read_bytes() == whole[:-1]


def test_a_crash_between_the_entry_and_its_head(filled: Path, lender: Identity) -> None:
    old = (filled / "head.json").read_bytes()
    with Ledger(filled, lender) as ledger:
        ledger.append("job", {"n": 10})
    (filled / "head.json").write_bytes(old)
    assert verify(filled).ok
    with Ledger(filled, lender) as ledger:
        assert ledger.head().seq == 10
        ledger.append("job", {"n": 11})
    report = verify(filled)
    assert (report.ok, report.entries, report.notes) == (True, 11, ())


@pytest.mark.parametrize("written", [b"", b'{"seq":1,'])
def test_a_crash_during_the_first_entry(tmp_path: Path, lender: Identity, written: bytes) -> None:
    Ledger(tmp_path, lender).close()
    (tmp_path / "ledger.jsonl").write_bytes(written)
    with Ledger(tmp_path, lender) as ledger:
        ledger.append("job", {})
    assert verify(tmp_path).ok


def drop_last_line(directory: Path) -> None:
    path = directory / "ledger.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    "damage",
    [
        drop_last_line,
        lambda d: (d / "head.json").unlink(),
        lambda d: (d / "head.json").write_bytes(b"{}"),
        lambda d: (d / "ledger.jsonl").write_bytes(b""),
        lambda d: (d / "ledger.jsonl").unlink(),
        lambda d: (d / "ledger.jsonl").write_bytes(
            (d / "ledger.jsonl").read_bytes().replace(b"done", b"DONE")
        ),
        lambda d: (d / "ledger.jsonl").write_bytes((d / "ledger.jsonl").read_bytes() + b"x\n"),
        lambda d: (d / "ledger.jsonl").write_bytes((d / "ledger.jsonl").read_bytes() + bytes(3_000_000)),
        lambda d: (d / "party.json").write_bytes(b"{}"),
    ],
)
def test_nothing_is_added_to_a_ledger_that_is_damaged_at_its_end(
    filled: Path, lender: Identity, damage: Callable[[Path], Any]
) -> None:
    damage(filled)
    before = {path.name: path.read_bytes() for path in filled.iterdir() if path.name != "ledger.jsonl"}
    assert code_of(lambda: Ledger(filled, lender)) == "CT-1302"
    assert {
        path.name: path.read_bytes() for path in filled.iterdir() if path.name != "ledger.jsonl"
    } == before


def test_another_partys_folder(filled: Path, payments: Identity, mallory: Identity) -> None:
    for other in (payments, mallory):
        assert code_of(lambda other=other: Ledger(filled, other)) == "CT-1305"


# The disk


def test_a_full_disk_is_told_and_leaves_a_valid_ledger(tmp_path: Path, lender: Identity) -> None:
    """A real small file system, where one can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=96k none {disk} 2>/dev/null") != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with Ledger(disk / "ledger", lender) as ledger:
            count = 0
            code = None
            while code is None:
                try:
                    count = ledger.append("job", {"text": "x" * 3000}).seq
                except Unavailable as error:
                    code = error.code
            assert code == "CT-1303"
            assert count > 5
            report = verify(disk / "ledger")
            assert (report.ok, report.entries, report.notes) == (True, count, ())
            with pytest.raises(Unavailable):
                ledger.append("job", {"text": "x" * 3000})
            os.system(f"mount -o remount,size=1m {disk}")
            assert ledger.append("job", {}).seq == count + 1
        with Ledger(disk / "ledger", lender) as ledger:
            assert ledger.head().seq == count + 1
        report = verify(disk / "ledger")
        assert (report.ok, report.entries) == (True, count + 1)
    finally:
        os.system(f"umount {disk}")


def _fill_to_the_limit(directory: Path, home: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Ledger(directory, Identity.load(home)) as ledger:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        codes = []
        count = 0
        while len(codes) < 3:
            try:
                ledger.append("job", {"text": "x" * 3000})
                count += 1
            except CoterieError as error:
                codes.append(error.code)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        last = ledger.append("job", {})
        assert codes == ["CT-1303"] * 3
        assert 3 < count < 8
        assert last.seq == count + 1


def test_a_write_that_stops_half_way_is_taken_back(tmp_path: Path, lender: Identity) -> None:
    context = multiprocessing.get_context("spawn")
    home = lender.key_path.parent.parent
    writer = context.Process(target=_fill_to_the_limit, args=(tmp_path / "ledger", home))
    writer.start()
    writer.join()
    assert writer.exitcode == 0
    report = verify(tmp_path / "ledger")
    assert (report.ok, report.notes) == (True, ())


def test_a_head_that_cannot_be_written_takes_its_entry_back(filled: Path, lender: Identity) -> None:
    """A folder in the way of head.json, since removed rights do not stop an administrator."""
    with Ledger(filled, lender) as ledger:
        head = (filled / "head.json").read_bytes()
        (filled / "head.json").unlink()
        (filled / "head.json").mkdir()
        assert code_of(lambda: ledger.append("job", {})) == "CT-1303"
        (filled / "head.json").rmdir()
        (filled / "head.json").write_bytes(head)
        assert verify(filled).entries == 9
        assert ledger.append("job", {}).seq == 10
    assert verify(filled).ok


# Heads between parties


def test_heads_are_countersigned_and_kept(tmp_path: Path, lender: Identity, payments: Identity) -> None:
    with Ledger(tmp_path / "lender", lender) as ours, Ledger(tmp_path / "payments", payments) as theirs:
        fill(ours)
        head = ours.head()
        assert (head.party, head.seq) == ("lender", 9)
        made = theirs.countersign(lender.public, head, job=JOB)
        assert made.signed_by(payments.public)
        entry = ours.record_countersignature(payments.public, made, job=JOB)
        assert (entry.kind, entry.body["job"]) == ("countersignature", JOB)
        noted = list(theirs.entries("head"))
        assert [SignedHead.model_validate(one.body["head"]) for one in noted] == [head]
    report = verify(tmp_path / "lender", peers=[tmp_path / "payments"])
    assert (report.ok, report.countersigned) == (True, {"payments": 9})
    with Ledger(tmp_path / "lender", lender) as later:  # which has forgotten what it showed
        assert later.record_countersignature(payments.public, made).seq == 11


def test_heads_that_do_not_hold(
    tmp_path: Path, lender: Identity, payments: Identity, mallory: Identity
) -> None:
    with Ledger(tmp_path / "lender", lender) as ours, Ledger(tmp_path / "payments", payments) as theirs:
        fill(ours)
        head = ours.head()
        for bad in (
            head.model_copy(update={"seq": 8}),
            head.model_copy(update={"time": "2020-01-01T00:00:00Z"}),
            head.model_copy(update={"party": "payments"}),
        ):
            assert code_of(lambda bad=bad: theirs.countersign(lender.public, bad)) == "CT-1308"
        assert code_of(lambda: theirs.countersign(mallory.public, head)) == "CT-1308"
        assert code_of(lambda: theirs.countersign(payments.public, head)) == "CT-1308"
        assert list(theirs.entries()) == []

        good = theirs.countersign(lender.public, head)
        assert code_of(lambda: ours.record_countersignature(mallory.public, good)) == "CT-1308"
        changed = good.model_copy(update={"time": "2020-01-01T00:00:00Z"})
        assert code_of(lambda: ours.record_countersignature(payments.public, changed)) == "CT-1308"
        assert code_of(lambda: theirs.record_countersignature(payments.public, good)) == "CT-1308"


def test_a_peer_whose_ledger_went_back_is_noticed(
    tmp_path: Path, lender: Identity, payments: Identity
) -> None:
    with Ledger(tmp_path / "payments", payments) as theirs:
        with Ledger(tmp_path / "one", lender) as ours:
            early = ours.head()
            fill(ours)
            theirs.countersign(lender.public, ours.head())
            theirs.countersign(lender.public, early)  # came late, and is of the same ledger
            theirs.countersign(lender.public, ours.head())
        with Ledger(tmp_path / "two", lender) as remade:
            for number in range(9):
                remade.append("job", {"made anew": number})
            assert code_of(lambda: theirs.countersign(lender.public, remade.head())) == "CT-1309"
    with Ledger(tmp_path / "payments", payments) as theirs, Ledger(tmp_path / "two", lender) as remade:
        assert code_of(lambda: theirs.countersign(lender.public, remade.head())) == "CT-1309"


def test_entries_of_a_missing_or_damaged_ledger(tmp_path: Path, filled: Path) -> None:
    assert code_of(lambda: list(read_entries(tmp_path))) == "CT-1306"
    assert code_of(lambda: verify(tmp_path)) == "CT-1306"
    path = filled / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"state":"done"', b'"state":"dome"'))
    assert code_of(lambda: list(read_entries(filled))) == "CT-1302"


def test_a_head_that_is_shown_again_is_not_noted_again(
    filled: Path, tmp_path: Path, lender: Identity, payments: Identity
) -> None:
    with Ledger(filled, lender) as ours, Ledger(tmp_path / "theirs", payments) as theirs:
        head = ours.head()
        for _ in range(3):
            assert theirs.countersign(lender.public, head).signed_by(payments.public)
        assert len(list(theirs.entries("head"))) == 1
