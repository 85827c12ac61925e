"""The search of a soak finds what is planted, in each encoding, wherever it is cut; and nothing else."""

from __future__ import annotations

import base64
import os
import random
import struct
from pathlib import Path

import pytest

from soak import capture, data
from soak.records import Record
from soak.scan import PIECE, Scanner
from soak.search import Capture, Disks

MADE = data.generate(2**40 + 11)
"""Of a seed that no soak of a person has: a soak beside this test is not to find these."""
EVERYTHING = dict(data.patterns(MADE.canaries))


def noise(size: int) -> bytes:
    return random.Random(3).randbytes(size)


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(EVERYTHING)


def test_every_pattern_is_found_where_it_lies(scanner: Scanner) -> None:
    parts, wanted, at = [], set(), 0
    for name, raw in EVERYTHING.items():
        between = noise(random.Random(name).randrange(1, 99))
        parts += [between, raw]
        wanted.add((at + len(between), name))
        at += len(between) + len(raw)
    assert wanted <= set(scanner.find(b"".join(parts)))
    assert scanner.find(noise(3_000_000)) == []
    assert scanner.find(b"") == scanner.find(b"zq") == []


def test_the_owners_table_is_found_as_it_may_lie_anywhere(scanner: Scanner, tmp_path: Path) -> None:
    """By other means than the patterns were made: a CSV file, columns in memory, whole ids."""
    table = MADE.tables["alpha", "customers"]
    data.write(table, tmp_path / "table.csv")
    ids = table["person"][0].encode()
    for content, encodings in (
        ((tmp_path / "table.csv").read_bytes(), {"decimal", "text, lower"}),
        (struct.pack("<300d", *table["amount"]), {"float64"}),
        (struct.pack("<300q", *table["account"]), {"int64"}),
        (struct.pack("<300d", *table["account"]), {"float64"}),
        (struct.pack("<300q", *(round(one * 2**18) for one in table["amount"])), {"ring"}),
        (b"?" + base64.b64encode(b"a" + ids), {"base64 1, lower"}),
        (b"?" + base64.b64encode(b"ab" + ids + b"c"), {"base64 2, lower"}),
        (base64.b64encode(ids.upper() + b"cd"), {"base64 0, upper"}),
        (ids.hex().encode(), {"hex, lower"}),
    ):
        found = {name.rpartition("(")[2].rstrip(")") for _, name in scanner.find(content)}
        assert encodings <= found, encodings


def test_a_file_is_searched_across_its_pieces(scanner: Scanner, tmp_path: Path) -> None:
    name, raw = next(iter(EVERYTHING.items()))
    path = tmp_path / "large"
    for start in (0, PIECE - len(raw), PIECE - 1, PIECE - len(raw) + 1, PIECE, PIECE + 1, 2 * PIECE - 5):
        content = bytearray(noise(64)) * (PIECE // 32)
        content[start : start + len(raw)] = raw
        path.write_bytes(content)
        size, found = scanner.file(path)
        assert (size, dict(found)) == (len(content), {name: 1}), start


def test_what_is_too_short_to_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Scanner({"a number": b"1.5"})


def test_disks_know_whose_a_value_is_and_look_into_logs(tmp_path: Path) -> None:
    homes = {name: tmp_path / name for name in ("alpha", "beta", "hub")}
    mine = next(one for one in MADE.canaries if one.owners == {"alpha"})
    shared = next(one for one in MADE.canaries if one.owners == {"alpha", "beta"})
    raw, both = mine.patterns["text, lower"], shared.patterns["text, upper"]
    for home in homes.values():
        (home / "jobs" / "1").mkdir(parents=True)
        (home / "ledger").mkdir()
    disks = Disks(homes, MADE.canaries)
    (homes["alpha"] / "jobs/1/result.json").write_bytes(raw + both)
    (homes["beta"] / "jobs/1/result.json").write_bytes(both)
    (homes["beta"] / "ledger/1").write_bytes(noise(9000))
    disks.search()
    assert disks.found == {}
    bad = {
        "beta/jobs/1/result.json": raw,
        "hub/jobs/1/anything": both,
        "alpha/jobs/1/worker.log": raw,
        "alpha/node.log.2": raw,
        "alpha/ledger/7": raw,
        "beta/store.sqlite-wal": raw,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(noise(500) + content)
    disks.search()
    assert set(disks.found) == {str(tmp_path / name) for name in bad}
    assert disks.told()["files"] == 3 + len(bad) - 1
    assert disks.unread == 0


def test_payloads_of_packets_are_joined_by_their_connection(scanner: Scanner) -> None:
    def packet(source: int, content: bytes) -> bytes:
        tcp = struct.pack(">HHIIBBHHH", source, 7300, 1, 1, 8 << 4, 0, 0, 0, 0) + bytes(12) + content
        ip = struct.pack(">BBHHHBBH4s4s", 69, 0, 20 + len(tcp), 0, 0, 64, 6, 0, bytes(4), bytes(4))
        return bytes(12) + b"\x08\0" + ip + tcp

    streams = capture.Streams(scanner)
    name, raw = next(iter(EVERYTHING.items()))
    for source, part in ((1, raw[:5]), (2, raw[5:]), (1, b""), (2, noise(40)), (1, raw[5:])):
        one = capture.payload(packet(source, part))
        assert (one is None) == (part == b"")
        if one is not None:
            assert one[1] == part
            streams.add(*one)
    streams.flush()
    assert set(streams.found) == {name}, "once or twice: it lies in an overlap"


@pytest.mark.skipif(os.geteuid() != 0, reason="a raw packet socket needs root")
def test_loopback_is_searched_and_says_so(tmp_path: Path) -> None:
    seen = Capture(MADE.canaries, tmp_path)
    told = seen.end()
    assert told["complete"], told
    assert told["found"] == {}
    assert told["bytes"] > 0


def test_counts_and_times_are_told(tmp_path: Path) -> None:
    record = Record(tmp_path)
    for number in range(1, 101):
        record.recovered("worker" if number % 2 else "cut", float(number), kill=bool(number % 2))
    record.killed("worker", job=None)
    record.hurt("cut")
    record.done("mpc", "1", ["alpha: off by 1"], 1.0, 2)
    record.refused("mpc", "CT-1219", "Unavailable", "", None)
    record.refused("mpc", "CT-9000", "Bug", "", None)
    told = record.figures()
    assert told["recovery_s"] == {"p50": 50.0, "p99": 99.0, "count": 100}
    assert told["recovery_after_kills_s"] == {"p50": 49.0, "p99": 99.0, "count": 50}
    assert (told["kills"], told["faults"], told["jobs"], told["wrong_results"]) == (1, 1, 1, 1)
    assert told["jobs_lost"] == 1, "what is refused for no good reason counts as lost"
    record.close()
    assert (tmp_path / "events.jsonl").read_text().count("\n") == 5
