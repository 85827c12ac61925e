"""The benchmark of set intersection: files, the look at results, sides, records, pictures."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

import bench.psi
from bench import page, run
from bench.meter import Meter
from bench.psi import ours, unbalanced
from bench.psi.order import ascending
from bench.psi.pictures import points
from bench.psi.records import records_of
from bench.psi.side import Run, told
from bench.psi.wide import IDS, WIDE, WIDE_CSV, widened
from bench.psi.work import (
    ECDH,
    KKRT,
    OPRF,
    PARTIES,
    RR22,
    WORKS,
    Data,
    Work,
    check,
    generate,
    ids,
    read_ids,
    write_ids,
)

SMALL = Work("small", 60, 40, (OPRF, RR22, KKRT), once=(KKRT,))
MACHINE = {"processor": "P", "load before": "0.1"}


def measured(side: str, seconds: float, **more: object) -> Run:
    parts = {party: {"reading": seconds / 4, "intersecting": seconds / 2} for party in PARTIES}
    memory, sent = round(seconds * 2**30), {"left": 600, "right": 200}
    return replace(Run(side, seconds, 2 * seconds, memory, sent, parts), **more)


def test_files_have_the_common_ids_that_are_told(tmp_path: Path) -> None:
    data = generate(SMALL, tmp_path)
    left, right = (read_ids(data.path(party)).tolist() for party in PARTIES)
    assert (len(left), len(right)) == (60, 40)
    assert len({*left}) == 60
    assert {*left} & {*right} == {*data.truth.tolist()}
    assert data.truth.tolist() == sorted({*left} & {*right})
    assert len(data.truth) == SMALL.common == 20
    assert left != sorted(left)
    assert {len(line) for line in data.path("left").read_text().splitlines()[1:]} == {18}
    kept = data.path("left").stat().st_mtime_ns
    assert np.array_equal(generate(replace(SMALL, name="other"), tmp_path).truth, data.truth)
    assert data.path("left").stat().st_mtime_ns == kept
    (data.folder / "files.json").write_text("{}")
    assert np.array_equal(read_ids(generate(SMALL, tmp_path).path("left")), left)


def test_wide_files_have_the_same_ids_beside_more_columns(tmp_path: Path) -> None:
    data = widened(SMALL, tmp_path, 3)
    table = pq.read_table(replace(data, suffix=WIDE).path("left"))
    assert table.column_names == ["id", "x0", "x1", "x2"]
    assert table.schema.field("x2").type == pa.float64()
    alone = read_ids(data.path("left"))
    assert np.array_equal(table["id"].cast(pa.int64()).to_numpy(), alone)
    assert np.array_equal(read_ids(replace(data, suffix=WIDE_CSV).path("left")), alone)
    assert pq.read_schema(replace(data, suffix=IDS).path("right")).names == ["id"]
    kept = replace(data, suffix=WIDE).path("right").stat().st_mtime_ns
    widened(SMALL, tmp_path, 3)
    assert replace(data, suffix=WIDE).path("right").stat().st_mtime_ns == kept


def test_ids_are_all_different() -> None:
    values = ids(0, 100_000)
    assert len(np.unique(values)) == 100_000
    assert np.array_equal(ids(70, 80), values[70:80])


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([1, 2, 3], "1 common ids are missing, 0 are not common"),
        ([1, 2, 3, 4, 9], "0 common ids are missing, 1 are not common"),
        ([1, 3, 2, 4], "not sorted$"),
        ([1, 2, 3, 4, 4], "some are there twice"),
    ],
)
def test_a_wrong_result_is_refused(found: list[int], why: str, tmp_path: Path) -> None:
    truth, path = np.array([1, 2, 3, 4]), tmp_path / "result.csv"
    write_ids(path, pa.array(found))
    with pytest.raises(RuntimeError, match=why):
        check("side", "left", path, truth)
    write_ids(path, pa.array(["1", "2", "3", "4"]))
    check("side", "left", path, truth)
    path.write_text('"id"\n"1"\n"2"\n"3"\n"4"\n')
    check("side", "left", path, truth)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=3), st.text("ab\0", max_size=12)), max_size=30), st.data())
def test_ids_in_ascending_order(texts: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.permutations(range(len(texts))))[: len(texts) // 2 + 1]
    found = ascending(pa.array(["cut", *texts], pa.large_string())[1:], np.array(rows, dtype=np.int64))
    assert found.to_pylist() == sorted((texts[row] for row in rows), key=str.encode)


def test_ours_from_file_to_file(tmp_path: Path) -> None:
    """With columns beside the ids, gathered."""
    data = widened(SMALL, tmp_path, 3)
    one = ours.measure(SMALL, replace(data, suffix=WIDE), OPRF, columns=3, gather=True)
    assert {*one.parts["right"]} == {"reading", "intersecting", "gathering", "writing"}
    assert one.sent["left"] > 1000
    assert 0.0 < one.parts["left"]["intersecting"] < one.seconds
    assert one.memory > 2**20
    assert one.processor_s > 0.0
    assert one.rounds
    assert one.rounds >= 3


def test_ours_asks_for_a_few_of_many(tmp_path: Path) -> None:
    work = Work("some", 20, 50, unbalanced.SIDES)
    prepared, few, all_of_them = unbalanced.ours(work, generate(work, tmp_path), (5, 20))
    assert [run.phase for run in (prepared, few, all_of_them)] == ["prepare", "ask_5", "ask_20"]
    # Points there and back; the more are asked for, the more is sent.
    assert all_of_them.bytes > 20 * 64
    assert few.bytes < all_of_them.bytes
    assert few.rounds == 2


def test_what_a_side_has_written_is_looked_at(tmp_path: Path) -> None:
    data = generate(SMALL, tmp_path)
    tells = {"seconds": 1.0, "processor_s": 0.5, "memory": 7, "sent": 100, "parts": {}}
    results = {"left": tells, "right": tells | {"seconds": 2.0, "sent": 50, "rounds": 3}}
    write_ids(data.folder / "good.csv", pa.array(data.truth))
    write_ids(data.folder / "bad.csv", pa.array(data.truth[1:]))
    one = told(OPRF, results, data, [("left", data.folder / "good.csv")])
    assert (one.seconds, one.processor_s, one.bytes, one.rounds) == (2.0, 1.0, 150, 3)
    with pytest.raises(RuntimeError, match="coterie oprf at right, 19 of 20 ids: 1 common ids are missing"):
        told(OPRF, results, data, [("left", data.folder / "good.csv"), ("right", data.folder / "bad.csv")])


def test_the_meter_counts_what_tcp_carries() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        near.sendall(b"before")
        assert far.recv(6, socket.MSG_WAITALL) == b"before"
        meter = Meter()
        near.sendall(b"x" * 1000)
        far.recv(1000, socket.MSG_WAITALL)
        far.sendall(b"y" * 10)
        near.recv(10, socket.MSG_WAITALL)
        meter.part("talking")
        found = meter.end()
        # The last bytes may still be unconfirmed.
        assert 1000 <= meter.sent() <= 1010
    assert 0.0 <= found["parts"]["talking"] <= found["seconds"]
    assert found["memory"] > 2**20


def test_sides_that_take_minutes_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []

    def measure(work: Work, data: Data, side: str) -> Run:
        assert data.folder.is_dir()
        calls.append((work.name, side))
        return measured(side, 1.0)

    monkeypatch.setattr(bench.psi, "RESULTS", tmp_path)
    monkeypatch.setattr(bench.psi, "WORKS", (SMALL,))
    monkeypatch.setattr(bench.psi, "OTHERS", {})
    monkeypatch.setattr(bench.psi, "MEASURES", {"coterie": measure, "spu": measure})
    monkeypatch.setattr(ours, "measure", measure)
    records, runs = bench.psi.benchmark(turns=2, works=["small"], without=frozenset())
    assert [side for _, side in calls] == [OPRF, RR22, KKRT, OPRF, RR22]
    assert [record.peer for record in records] == [RR22, KKRT, RR22, RR22]
    assert {run["work"] for run in runs} == {"small"}
    del calls[:]
    assert bench.psi.benchmark(turns=1, works=["other"], without=frozenset()) == ([], [])
    bench.psi.benchmark(turns=1, works=None, without=frozenset({"ours", KKRT}))
    assert [side for _, side in calls] == [RR22]
    monkeypatch.setattr(bench.psi, "WORKS", (replace(SMALL, beside=10),))
    records, _ = bench.psi.benchmark(turns=1, works=None, without=frozenset({"spu"}))
    assert [record.work for record in records] == ["small", "small/row"]


def test_records_tell_ratios_and_bytes_by_row() -> None:
    runs = [
        measured(OPRF, 0.5),
        measured(RR22, 2.0),
        measured(KKRT, 3.0),
        measured(OPRF, 0.5),
        measured(RR22, 4.0),
    ]
    work = replace(SMALL, beside=10)
    runs += [measured(work.smaller_name, 0.1)]
    first, second, processor, memory, growth = records_of(work, runs, None)
    assert (first.ours_s, first.peer_s, first.ratio, first.ours_bytes) == (0.5, 3.0, 6.0, 800)
    assert first.note
    assert "ours sent bytes for each own row: 10.0 at left, 5.0 at right" in first.note
    assert (second.peer, second.ratio) == (KKRT, 6.0)
    assert (processor.ours_s, processor.peer_s) == (1.0, 6.0)
    assert (memory.ours_bytes, memory.peer_bytes) == (2**29, 4 * 2**30)
    assert growth.ratio == pytest.approx((0.1 / 10) / (0.5 / 60))
    assert records_of(SMALL, [measured(OPRF, 1.0)], "no registry")[-1].note == "no registry"


def test_works_name_sides_and_pictures_show_them(tmp_path: Path) -> None:
    names = [*(work.name for work in WORKS), "unbalanced", "wide"]
    assert bench.psi.works() == names
    assert len({*names}) == len(names)
    for work in WORKS:
        assert {side.partition(" ")[0] for side in work.sides} <= {*bench.psi.MEASURES}
        assert {*work.once} <= {*work.sides}
    at = {work.name: work for work in WORKS}
    assert at["psi_2e20"].rows == dict.fromkeys(PARTIES, 2**20)
    records = [
        record
        for name, seconds in (("psi_1e4", 0.1), ("psi_1e6", 1.0), ("psi_wan", 9.0), ("psi_lan", 2.0))
        for record in records_of(
            at[name], [measured(OPRF, seconds), measured(RR22, 4 * seconds), measured(ECDH, 9.0)], None
        )
    ]
    conditions = {one: {"environment": MACHINE, "turns": 3} for one in names}
    run.write("psi", records, [], conditions, tmp_path)
    text = page.page(tmp_path, tmp_path / "pictures")
    for name in ("speed-psi-rows.svg", "speed-psi-network.svg"):
        assert f"![psi](pictures/{name})" in text
        picture = (tmp_path / "pictures" / name).read_text(encoding="utf-8")
        assert "Coterie" in picture
        assert ECDH in picture
    lines = points([asdict(one) for one in records], {"psi_1e4": 1e4, "psi_1e6": 1e6})
    assert lines == {
        "": [(1e4, 0.1), (1e6, 1.0)],
        RR22: [(1e4, 0.4), (1e6, 4.0)],
        ECDH: [(1e4, 9.0), (1e6, 9.0)],
    }
    assert bench.psi.pictures([asdict(one) for one in records[:0]], tmp_path) == []
    assert json.loads((tmp_path / "psi.json").read_text())[0]["ratio"] == 4.0
