"""Verification: every kind of damage to a ledger is found, and named by kind and entry."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coterie.crypto import Identity, canonical
from coterie.ledger import Countersignature, Ledger, Report, peer_heads, verify
from coterie.ledger.entry import Entry

from .conftest import fill


def lines_of(directory: Path) -> list[bytes]:
    return (directory / "ledger.jsonl").read_bytes().splitlines(keepends=True)


def found(directory: Path, lines: list[bytes] | None = None, **more: Any) -> set[tuple[str, int | None]]:
    if lines is not None:
        (directory / "ledger.jsonl").write_bytes(b"".join(lines))
    report = verify(directory, **more)
    assert report.ok == (not report.findings)
    return {(finding.kind, finding.entry) for finding in report.findings}


def forged(identity: Identity, like: bytes, **changes: Any) -> bytes:
    """An entry with other content, its hash made right, signed by ``identity``."""
    fields = json.loads(like) | changes
    del fields["hash"], fields["signature"]
    return canonical(Entry.make(identity, **fields)) + b"\n"


def test_a_whole_ledger(filled: Path, lender: Identity) -> None:
    report = verify(filled, fingerprint=lender.public.fingerprint)
    assert report == Report(
        party="lender",
        fingerprint=lender.public.fingerprint,
        entries=9,
        findings=(),
        notes=(),
        countersigned={},
    )
    assert report.ok


def test_an_empty_ledger(tmp_path: Path, lender: Identity) -> None:
    Ledger(tmp_path, lender).close()
    report = verify(tmp_path)
    assert (report.ok, report.entries) == (True, 0)


# Drop, swap, repeat, move


@pytest.mark.parametrize("seq", range(1, 10))
def test_a_dropped_entry(filled: Path, seq: int) -> None:
    lines = lines_of(filled)
    assert found(filled, lines[: seq - 1] + lines[seq:]) == {("dropped", seq)}


@pytest.mark.parametrize(("first", "last"), [(1, 3), (4, 6), (7, 9), (1, 9)])
def test_dropped_entries(filled: Path, first: int, last: int) -> None:
    lines = lines_of(filled)
    assert found(filled, lines[: first - 1] + lines[last:]) == {("dropped", first)}
    (finding,) = verify(filled).findings
    assert f"{first} to {last}" in finding.detail


@pytest.mark.parametrize(("a", "b"), [(1, 2), (4, 5), (8, 9), (2, 7)])
def test_swapped_entries(filled: Path, a: int, b: int) -> None:
    lines = lines_of(filled)
    lines[a - 1], lines[b - 1] = lines[b - 1], lines[a - 1]
    assert found(filled, lines) == {("reordered", seq) for seq in range(a, b)}


def test_an_entry_that_moved_to_the_end(filled: Path) -> None:
    lines = lines_of(filled)
    assert found(filled, [*lines[:2], *lines[3:], lines[2]]) == {("reordered", 3)}


@pytest.mark.parametrize("place", [3, 5, 9])
def test_a_repeated_entry(filled: Path, place: int) -> None:
    lines = lines_of(filled)
    assert found(filled, [*lines[:place], lines[2], *lines[place:]]) == {("repeated", 3)}


# Change


@pytest.mark.parametrize("seq", [1, 5, 9])
@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields | {"body": {"other": 1}},
        lambda fields: fields | {"time": "2020-01-01T00:00:00Z"},
        lambda fields: fields | {"kind": "repair"},
        lambda fields: fields | {"prev": "sha256:" + "0" * 64},
        lambda fields: fields | {"hash": "sha256:" + "0" * 64},
        lambda fields: fields | {"signature": "0" * 128},
        lambda fields: fields | {"seq": fields["seq"] + 1},
        lambda fields: fields | {"seq": 10**9},
        lambda fields: fields | {"more": 1},
        lambda fields: {name: value for name, value in fields.items() if name != "time"},
        lambda fields: [],
    ],
)
def test_a_changed_field(filled: Path, seq: int, change: Callable[[Any], Any]) -> None:
    lines = lines_of(filled)
    lines[seq - 1] = canonical(change(json.loads(lines[seq - 1]))) + b"\n"
    assert found(filled, lines) == {("changed", seq)}


@pytest.mark.parametrize("seq", [1, 5, 9])
def test_a_change_with_its_hash_made_right(filled: Path, mallory: Identity, seq: int) -> None:
    """Without the party's key: with the old signature, and with somebody else's."""
    lines = lines_of(filled)
    whole = json.loads(lines[seq - 1])
    other = forged(mallory, lines[seq - 1], body={"other": 1})
    lines[seq - 1] = other
    assert found(filled, lines) == {("changed", seq)}
    lines[seq - 1] = canonical(json.loads(other) | {"signature": whole["signature"]}) + b"\n"
    assert found(filled, lines) == {("changed", seq)}


def test_a_change_of_form_only(filled: Path) -> None:
    lines = lines_of(filled)
    lines[4] = b" " + lines[4]
    assert found(filled, lines) == {("changed", 5)}
    lines[4] = json.dumps(json.loads(lines[4]), indent=None).encode() + b"\n"
    assert found(filled, lines) == {("changed", 5)}


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_changed_byte_is_found(data: st.DataObject, filled: Path) -> None:
    path = filled / "ledger.jsonl"
    whole = path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != whole[position]))
    seq = whole[:position].count(b"\n") + 1
    try:
        path.write_bytes(whole[:position] + bytes([byte]) + whole[position + 1 :])
        report = verify(filled)
        assert not report.ok
        assert min(finding.entry or 0 for finding in report.findings) == seq
    finally:
        path.write_bytes(whole)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_cut_is_found(data: st.DataObject, filled: Path) -> None:
    path = filled / "ledger.jsonl"
    whole = path.read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))
    try:
        path.write_bytes(whole[:length])
        report = verify(filled)
        first = whole[:length].count(b"\n") + 1
        kind = "dropped" if length == 0 or whole[length - 1 : length] == b"\n" else "cut off"
        assert (report.findings[0].kind, report.findings[0].entry) in ((kind, first), ("cut off", first))
        assert min(finding.entry or 0 for finding in report.findings) == first
    finally:
        path.write_bytes(whole)


# Insert


@pytest.mark.parametrize("place", [0, 1, 5, 9])
def test_an_inserted_entry(filled: Path, mallory: Identity, place: int) -> None:
    lines = lines_of(filled)
    entry = forged(mallory, lines[3], seq=place + 1, body={"made": "up"})
    for own in (entry, b"nonsense\n", b"\n", b"x" * 1_500_000 + b"\n"):
        assert found(filled, [*lines[:place], own, *lines[place:]]) == {("inserted", place + 1)}


def test_an_inserted_and_a_dropped_entry(filled: Path, mallory: Identity) -> None:
    lines = lines_of(filled)
    entry = forged(mallory, lines[3], body={"made": "up"})
    assert found(filled, [*lines[:3], entry, *lines[5:]]) == {("changed", 4), ("dropped", 5)}
    assert found(filled, [*lines[:3], b"x\n", b"x\n", *lines[4:]]) == {("changed", 4), ("inserted", 4)}


def test_several_kinds_of_damage_are_all_told(filled: Path) -> None:
    lines = lines_of(filled)
    lines[1] = lines[1].replace(b"proposed", b"approved")
    damaged = [*lines[:4], lines[5], lines[4], *lines[6:8], lines[2]]
    assert found(filled, damaged) == {("changed", 2), ("reordered", 5), ("repeated", 3), ("dropped", 9)}


# By somebody who has the party's key


def test_entries_signed_again_contradict_the_chain(filled: Path, lender: Identity) -> None:
    lines = lines_of(filled)
    lines[4] = forged(lender, lines[4], body={"other": 1})
    assert found(filled, lines) == {("rewritten", 6)}
    lines[4:5] = [lines_of(filled)[4], forged(lender, lines[3], body={"other": 2})]
    assert ("rewritten", 4) in found(filled, lines)


def test_a_last_entry_signed_again_contradicts_the_head(filled: Path, lender: Identity) -> None:
    lines = lines_of(filled)
    lines[8] = forged(lender, lines[8], body={"other": 1})
    assert found(filled, lines) == {("rewritten", 9)}


def remade(directory: Path, identity: Identity, count: int) -> None:
    """A shorter ledger from the start, right in itself."""
    shutil.rmtree(directory)
    with Ledger(directory, identity) as ledger:
        for number in range(count):
            ledger.append("job", {"made": number})


@pytest.mark.parametrize(
    ("count", "expected"), [(4, ("dropped", 5)), (9, ("rewritten", 9)), (20, ("rewritten", 9))]
)
def test_a_ledger_made_anew_is_found_by_what_a_peer_has_seen(
    tmp_path: Path, filled: Path, lender: Identity, payments: Identity, count: int, expected: tuple[str, int]
) -> None:
    peer = tmp_path / "payments"
    with Ledger(filled, lender) as ours, Ledger(peer, payments) as theirs:
        head = ours.head()
        theirs.countersign(lender.public, head)
    assert found(filled, peers=[peer]) == set()
    remade(filled, lender, count)
    assert found(filled) == set()
    assert found(filled, peers=[peer]) == {expected}
    assert found(filled, heads=[head]) == {expected}
    assert peer_heads(peer, "lender") == (head,)
    assert peer_heads(peer, "nobody") == ()


def test_a_ledger_rolled_back_to_an_old_copy(
    tmp_path: Path, filled: Path, lender: Identity, payments: Identity
) -> None:
    copy = shutil.copytree(filled, tmp_path / "copy")
    peer = tmp_path / "payments"
    with Ledger(filled, lender) as ours, Ledger(peer, payments) as theirs:
        ours.append("job", {})
        theirs.countersign(lender.public, ours.head())
    assert found(copy) == set()
    assert found(copy, peers=[peer]) == {("dropped", 10)}


def test_a_ledger_by_another_key(
    tmp_path: Path, filled: Path, lender: Identity, mallory: Identity, payments: Identity
) -> None:
    peer = tmp_path / "payments"
    with Ledger(filled, lender) as ours, Ledger(peer, payments) as theirs:
        theirs.countersign(lender.public, ours.head())
    remade(filled, mallory, 9)
    assert found(filled) == set()
    assert found(filled, peers=[peer]) == {("identity", None)}
    assert found(filled, fingerprint=lender.public.fingerprint) == {("identity", None)}
    assert found(filled, fingerprint=mallory.public.fingerprint) == set()


def test_a_countersignature_inside_the_ledger_holds_its_past(
    tmp_path: Path, filled: Path, lender: Identity, payments: Identity
) -> None:
    with Ledger(filled, lender) as ours, Ledger(tmp_path / "payments", payments) as theirs:
        made = theirs.countersign(lender.public, ours.head())
        entry = ours.record_countersignature(payments.public, made)
    remade(filled, lender, 9)
    with Ledger(filled, lender) as ours:
        ours.append("countersignature", entry.body)
    assert found(filled) == {("rewritten", 9)}
    with Ledger(filled, lender) as ours:
        ours.append("countersignature", {"countersignature": {}, "peer": {}})
        bad = json.loads(canonical(entry.body))
        bad["countersignature"]["time"] = "2020-01-01T00:00:00Z"
        ours.append("countersignature", bad)
    assert found(filled) == {("rewritten", 9), ("changed", 11), ("changed", 12)}


# The other files


def test_heads(tmp_path: Path, filled: Path, lender: Identity, mallory: Identity) -> None:
    path = filled / "head.json"
    head = path.read_bytes()
    old = json.loads(head)
    for bad in (
        b"",
        b"{}",
        head[:-1],
        head + b"\n",
        canonical(old | {"seq": 8}),
        canonical(old | {"signature": "0" * 128}),
    ):
        path.write_bytes(bad)
        assert found(filled) == {("head", None)}
    path.unlink()
    assert found(filled) == {("head", None)}
    with Ledger(tmp_path / "other", mallory) as ledger:
        fill(ledger)
    shutil.copyfile(tmp_path / "other" / "head.json", path)
    assert found(filled) == {("head", None)}
    with Ledger(tmp_path / "short", lender) as ledger:
        ledger.append("job", {})
    shutil.copyfile(tmp_path / "short" / "head.json", path)
    assert found(filled) == {("rewritten", 1), ("head", 1)}


def test_an_old_head_of_the_same_ledger(tmp_path: Path, lender: Identity) -> None:
    with Ledger(tmp_path, lender) as ledger:
        ledger.append("job", {})
        old = (tmp_path / "head.json").read_bytes()
        ledger.append("job", {})
        ledger.append("job", {})
    (tmp_path / "head.json").write_bytes(old)
    assert found(tmp_path) == {("head", 1)}


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"x" * 100_000])
def test_a_folder_without_its_party(filled: Path, content: bytes) -> None:
    (filled / "party.json").write_bytes(content)
    report = verify(filled)
    assert [(finding.kind, finding.entry) for finding in report.findings] == [("identity", None)]
    assert report.party is None


def test_another_partys_identity_file(tmp_path: Path, filled: Path, payments: Identity) -> None:
    Ledger(tmp_path / "payments", payments).close()
    shutil.copyfile(tmp_path / "payments" / "party.json", filled / "party.json")
    kinds = {kind for kind, _ in found(filled)}
    assert kinds == {"inserted", "head"}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300)
    | st.lists(st.sampled_from([b"\n", b"{}", b"[", b'"seq":1', b"\x00"])).map(b"".join)
)
def test_any_bytes_are_told_without_a_failure(filled: Path, content: bytes) -> None:
    for name in ("ledger.jsonl", "head.json", "party.json"):
        path = filled / name
        whole = path.read_bytes()
        try:
            path.write_bytes(content)
            assert not verify(filled).ok
        finally:
            path.write_bytes(whole)


def test_a_very_large_number_needs_no_memory(tmp_path: Path, lender: Identity) -> None:
    with Ledger(tmp_path, lender) as ledger:
        entry = ledger.append("job", {})
    lines = lines_of(tmp_path)
    lines.append(forged(lender, lines[0], seq=2**53 - 1, prev=entry.hash))
    assert ("dropped", 2) in found(tmp_path, lines)


def test_verification_streams(tmp_path: Path, lender: Identity) -> None:
    """Memory does not grow with the size of entries."""
    with Ledger(tmp_path, lender) as ledger:
        for _ in range(40):
            ledger.append("job", {"text": "x" * 250_000})
    tracemalloc.start()
    assert verify(tmp_path).entries == 40
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_file_of_nothing_but_damage(filled: Path) -> None:
    (filled / "ledger.jsonl").write_bytes(b"\n" * 50_000)
    report = verify(filled)
    assert len(report.findings) == 1000
    assert "more damage" in report.notes[0]


def test_what_a_key_signs_after_it_was_revoked_is_found(
    tmp_path: Path, lender: Identity, payments: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [datetime(2026, 11, 24, 4, 0, tzinfo=UTC)]
    monkeypatch.setattr("coterie.ledger.ledger.now", lambda: moment[0])
    with Ledger(tmp_path / "lender", lender) as ours, Ledger(tmp_path / "payments", payments) as theirs:
        fill(theirs)
        ours.countersign(payments.public, theirs.head())
        revoked = {"event": "peer revoked", "party": "payments", "key": payments.public.key}
        ours.append("key", revoked)
        report = verify(tmp_path / "payments", peers=[tmp_path / "lender"])
        assert (report.ok, report.countersigned) == (True, {"lender": 9})
        assert found(tmp_path / "lender") == set()
        moment[0] += timedelta(hours=1)
        theirs.append("job", {"job": "1" * 32, "state": "done"})
        theirs.append("job", {"job": "2" * 32, "state": "done"})
        assert found(tmp_path / "payments", peers=[tmp_path / "lender"]) == {("identity", 10)}
        ours.countersign(payments.public, theirs.head())
        theirs.countersign(lender.public, ours.head())
        ours.record_countersignature(
            payments.public, Countersignature.make(payments, ours.head(), datetime.now(UTC))
        )
    assert found(tmp_path / "lender") == {("identity", 3), ("identity", 4)}
