"""Logs without a disk, and the copies that others keep of them: verified like any other ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity, canonical
from coterie.errors import CoterieError
from coterie.ledger import Entry, MemoryLedger, Mirror, SignedHead, read_entries, verify
from coterie.ledger import memory as memory_module

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def code_of(action: Callable[[], Any]) -> str:
    with pytest.raises(CoterieError) as caught:
        action()
    return caught.value.code


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Sink:
    """Where entries go; it fails when told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[Entry, SignedHead]] = []
        self.full = False

    def __call__(self, entry: Entry, head: SignedHead) -> None:
        if self.full:
            raise OSError("no space")
        self.taken.append((entry, head))


@pytest.fixture
def signer() -> Identity:
    return Identity.in_memory("keeper")


def made(signer: Identity, count: int) -> Sink:
    sink = Sink()
    ledger = MemoryLedger(signer, sink, Clock())
    for number in range(count):
        ledger.append("release", {"job": "a" * 32, "run": number})
    return sink


def test_an_identity_in_memory_signs_and_has_no_files(signer: Identity) -> None:
    signer.public.verify("coterie/test", b"word", signer.sign("coterie/test", b"word"))
    assert signer.public != Identity.in_memory("keeper").public
    assert not signer.key_path.exists()
    assert code_of(lambda: Identity.in_memory("No name")) == "CT-1106"


def test_entries_are_handed_out_before_append_returns(signer: Identity) -> None:
    sink, clock = Sink(), Clock()
    ledger = MemoryLedger(signer, sink, clock)
    first = ledger.append("grant", {"job": "a" * 32})
    clock.now -= timedelta(days=1)
    second = ledger.append("release", {"job": "b" * 32})
    assert [entry for entry, _ in sink.taken] == [first, second]
    assert [(head.seq, head.hash) for _, head in sink.taken] == [(1, first.hash), (2, second.hash)]
    assert second.time == first.time  # never before
    assert list(ledger.entries("release")) == list(ledger.entries(job="b" * 32)) == [second]
    assert ledger.holds(sink.taken[0][1])
    assert ledger.holds(ledger.head())
    other = MemoryLedger(signer, Sink(), clock)
    other.append("grant", {})
    assert not ledger.holds(other.head())
    assert not ledger.holds(MemoryLedger(signer, sink, clock).head())
    assert code_of(lambda: ledger.append("job", {"x": object()})) == "CT-1304"
    assert code_of(lambda: ledger.append("job", {"x": "y" * (1 << 20)})) == "CT-1304"
    assert len(sink.taken) == 2


def test_an_entry_that_was_not_taken_stays_and_comes_first(signer: Identity) -> None:
    sink = Sink()
    ledger = MemoryLedger(signer, sink, Clock())
    sink.full = True
    with pytest.raises(OSError, match="space"):
        ledger.append("release", {"run": 1})
    with pytest.raises(OSError, match="space"):
        ledger.append("release", {"run": 2})
    assert [entry.body["run"] for entry in ledger.entries()] == [1]
    sink.full = False
    ledger.append("release", {"run": 3})
    assert [entry.body["run"] for entry, _ in sink.taken] == [1, 3]
    assert [entry.seq for entry, _ in sink.taken] == [1, 2]


def test_memory_has_an_end(signer: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "MOST_ENTRIES", 2)
    ledger = MemoryLedger(signer, Sink(), Clock())
    ledger.append("job", {})
    ledger.append("job", {})
    assert code_of(lambda: ledger.append("job", {})) == "CT-1303"
    monkeypatch.setattr(memory_module, "MOST_ENTRIES", 9)
    monkeypatch.setattr(memory_module, "MOST_BYTES", 1500)
    assert code_of(lambda: ledger.append("job", {"x": "y" * 1000})) == "CT-1303"


def test_a_copy_is_a_ledger_that_verifies(tmp_path: Path, signer: Identity) -> None:
    sink = made(signer, 5)
    mirror = Mirror(tmp_path / "copy", signer.public)
    for entry, head in sink.taken[:3]:
        mirror.add((entry,), head)
    again = Mirror(tmp_path / "copy", signer.public)
    assert again.seq == 3
    again.add([entry for entry, _ in sink.taken], sink.taken[-1][1])  # with some that are here already
    report = verify(tmp_path / "copy", fingerprint=signer.public.fingerprint)
    assert (report.ok, report.entries, report.party) == (True, 5, "keeper")
    assert list(read_entries(tmp_path / "copy")) == [entry for entry, _ in sink.taken]


def test_a_copy_takes_nothing_that_does_not_follow(tmp_path: Path, signer: Identity) -> None:
    sink, mirror = made(signer, 3), Mirror(tmp_path / "copy", signer.public)
    (first, one), (second, two), (third, three) = sink.taken
    edited = first.model_copy(update={"body": {"run": 9}})
    forged = Entry.make(Identity.in_memory("keeper"), 1, first.prev, first.time, "job", {})
    cases: list[tuple[list[Entry], SignedHead, str]] = [
        ([edited], one, "CT-1308"),
        ([forged], one, "CT-1308"),
        ([second], two, "CT-1309"),
        ([first, third], three, "CT-1309"),
        ([first], two, "CT-1309"),
        ([first, second], one, "CT-1309"),
        ([first], one.model_copy(update={"seq": 2}), "CT-1308"),
        ([], one, "CT-1309"),
    ]
    for entries, head, code in cases:
        assert code_of(lambda entries=entries, head=head: mirror.add(entries, head)) == code  # type: ignore[misc]
        assert mirror.seq == 0
    assert (tmp_path / "copy" / "ledger.jsonl").read_bytes() == b""
    mirror.add([first], one)
    mirror.add([second, third], three)
    assert mirror.seq == 3


def test_a_piece_of_a_line_is_cut_off_and_anothers_folder_refused(tmp_path: Path, signer: Identity) -> None:
    sink = made(signer, 2)
    mirror = Mirror(tmp_path / "copy", signer.public)
    mirror.add((sink.taken[0][0],), sink.taken[0][1])
    path = tmp_path / "copy" / "ledger.jsonl"
    path.write_bytes(path.read_bytes() + canonical(sink.taken[1][0])[:100])
    again = Mirror(tmp_path / "copy", signer.public)
    assert again.seq == 1
    again.add((sink.taken[1][0],), sink.taken[1][1])
    assert verify(tmp_path / "copy").ok
    stranger = Identity.in_memory("keeper").public
    assert code_of(lambda: Mirror(tmp_path / "copy", stranger)) == "CT-1305"
    (tmp_path / "copy" / "party.json").write_text(json.dumps({"name": "keeper"}))
    assert code_of(lambda: Mirror(tmp_path / "copy", signer.public)) == "CT-1302"
    (tmp_path / "file").write_bytes(b"")
    assert code_of(lambda: Mirror(tmp_path / "file" / "copy", signer.public)) == "CT-1121"


def test_what_cannot_be_written_is_not_in_the_copy(tmp_path: Path, signer: Identity) -> None:
    sink = made(signer, 1)
    mirror = Mirror(tmp_path / "copy", signer.public)
    head = tmp_path / "copy" / "head.json"
    head.mkdir()
    assert code_of(lambda: mirror.add((sink.taken[0][0],), sink.taken[0][1])) == "CT-1121"
    assert (mirror.seq, (tmp_path / "copy" / "ledger.jsonl").read_bytes()) == (0, b"")
    head.rmdir()
    mirror.add((sink.taken[0][0],), sink.taken[0][1])
    assert verify(tmp_path / "copy").ok
