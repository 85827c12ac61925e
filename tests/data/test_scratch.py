"""Tables on disk: the same as in memory, out of memory at will, nothing left behind."""

from __future__ import annotations

import gc
import resource
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from coterie.data import Column, CsvSource, DatasetSpec, Scratch, VerticalFrame, csv_table, load, taken
from coterie.errors import CoterieError

ROWS = 1000


def table(rows: int = ROWS) -> pa.Table:
    """Every kind of column, with gaps, in two chunks."""
    random = np.random.default_rng(4)

    def part(count: int) -> pa.Table:
        gaps = random.random(count) < 0.2
        return pa.table(
            {
                "number": pa.array(np.where(gaps, np.nan, random.normal(size=count)), from_pandas=True),
                "count": pa.array(random.integers(-9, 9, count), pa.int64(), mask=gaps),
                "flag": pa.array(random.random(count) < 0.5, pa.bool_(), mask=gaps),
                "text": pa.array(random.choice(["a", "", "Ü"], count), pa.large_string(), mask=gaps),
            }
        )

    return pa.concat_tables([part(rows // 3), part(rows - rows // 3)])


def pairs(given: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    return ((name, given.column(name)) for name in given.column_names)


def mapped(folder: Path) -> int:
    """Bytes that this process has mapped of files in ``folder``."""
    found = 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        if f" {folder}/" in line:
            first, last = line.split()[0].split("-")
            found += int(last, 16) - int(first, 16)
    return found


def test_a_table_on_disk_is_the_table(tmp_path: Path) -> None:
    scratch, given = Scratch(tmp_path / "work", rows=1), table()
    kept = scratch.table(pairs(given), ROWS)
    assert kept.equals(given)
    assert all(column.num_chunks == 1 for column in kept.columns)
    assert mapped(tmp_path) > given.nbytes
    scratch.release()
    assert kept.equals(given)
    rows = np.random.default_rng(1).permutation(ROWS)[:300]
    assert taken(kept, rows, scratch).equals(given.take(pa.array(rows)))
    assert taken(kept.select([]), rows, scratch).num_columns == 0


def test_its_file_has_no_name_and_is_gone_with_the_table(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "work", rows=1)
    kept = scratch.table(pairs(table()), ROWS)
    assert list((tmp_path / "work").iterdir()) == []
    assert stat.S_IMODE((tmp_path / "work").stat().st_mode) == 0o700
    column = kept.column("text")
    del kept
    gc.collect()
    assert mapped(tmp_path)
    assert column.combine_chunks().is_valid().sum().as_py() > 700
    del column
    gc.collect()
    assert mapped(tmp_path) == 0
    scratch.release()


def test_short_tables_stay_in_memory(tmp_path: Path) -> None:
    given = table()
    kept = Scratch(tmp_path / "work").table(pairs(given), ROWS)
    assert kept.equals(given)
    assert not (tmp_path / "work").exists()


def test_a_table_without_columns(tmp_path: Path) -> None:
    assert Scratch(tmp_path, rows=1).table(iter(()), 5).num_columns == 0


def test_what_is_read_is_let_go(tmp_path: Path) -> None:
    rows = 1 << 20
    scratch = Scratch(tmp_path, rows=1)
    kept = scratch.table(
        ((f"c{i}", pa.chunked_array([np.arange(rows, dtype=np.float64) + i])) for i in range(8)), rows
    )
    frame = VerticalFrame(
        rows=rows,
        columns={"lender": tuple(kept.column_names)},
        label_holder="lender",
        label="y",
        parts={"lender": kept},
        keys=np.zeros((rows, 32), np.uint8),
        scratch=scratch,
    )

    def resident() -> int:
        smaps = Path("/proc/self/smaps").read_text().split("VmFlags")
        return sum(int(one.split("Rss:")[1].split()[0]) * 1024 for one in smaps if f" {tmp_path}/" in one)

    scratch.release()
    assert resident() == 0
    assert (
        sum(int(np.asarray(column).sum()) for column in kept.columns)
        == 8 * rows * (rows - 1) // 2 + 28 * rows
    )
    assert resident() > 32 * 2**20
    assert frame.matrix(["c3"])[7, 0] == 10.0
    assert resident() == 0


def frames(tmp_path: Path) -> tuple[VerticalFrame, VerticalFrame]:
    """The same frame, in memory and on disk."""
    given = table()
    common: dict[str, Any] = {
        "rows": ROWS,
        "columns": {"lender": ("number", "count")},
        "label_holder": "lender",
        "label": "flag",
        "keys": np.zeros((ROWS, 32), np.uint8),
    }
    scratch = Scratch(tmp_path, rows=1)
    return (
        VerticalFrame(parts={"lender": given}, **common),
        VerticalFrame(parts={"lender": scratch.table(pairs(given), ROWS)}, scratch=scratch, **common),
    )


def test_frames_made_of_frames_on_disk_are_the_same_and_on_disk(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).permutation(ROWS)[:400]
    made = []
    for frame in frames(tmp_path):
        part = frame.take(rows).with_columns(
            (name, np.nan_to_num(frame.take(rows).matrix((name,))[:, 0])) for name in ("count", "number")
        )
        made.append(part.replaced([("text", pa.chunked_array([pa.array(["x"] * 400, pa.large_string())]))]))
    memory, disk = made
    assert disk.table.equals(memory.table)
    assert disk.table.column_names == ["number", "count", "flag", "text"]
    np.testing.assert_array_equal(disk.matrix(["number", "flag"]), memory.matrix(["number", "flag"]))
    assert mapped(tmp_path) >= memory.table.nbytes
    with pytest.raises(CoterieError, match="CT-1422"):
        disk.replaced([("spend", disk.table.column(0))])


def csv_file(folder: Path, text: str) -> DatasetSpec:
    (folder / "t.csv").write_text(text)
    return DatasetSpec(
        name="t",
        source=CsvSource(path=str(folder / "t.csv")),
        columns=(
            Column(name="id", type="text", role="id"),
            Column(name="a", type="float", role="feature", nullable=True),
            Column(name="b", type="int", role="feature"),
        ),
    )


ROW = "k{0},{1},{0}\n"
LINES = [ROW.format(row, row / 3 if row % 7 else "") for row in range(ROWS)]


def test_a_large_csv_is_loaded_onto_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = csv_file(tmp_path, "id,a,b\n" + "".join(LINES))
    memory = load(spec)
    monkeypatch.setattr(csv_table, "LARGE", 0)
    monkeypatch.setattr(csv_table, "BLOCK", 1000)
    disk = load(spec, scratch=Scratch(tmp_path / "work", rows=1))
    assert disk.table.equals(memory.table)
    assert all(column.num_chunks == 1 for column in disk.table.columns)
    assert disk.ids.equals(memory.ids)
    assert mapped(tmp_path / "work") >= 16 * ROWS


@pytest.mark.parametrize("wrong", ["k7,1.0,two\n", "k7,1.0\n", "k8,1.0,1\n", 'k7,"1.0,1\n', ",1.0,1\n"])
def test_a_large_csv_that_goes_wrong_is_refused_as_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    spec = csv_file(tmp_path, "id,a,b\n" + "".join([*LINES[:700], wrong, *LINES[700:]]))
    with pytest.raises(CoterieError) as small:
        load(spec)
    monkeypatch.setattr(csv_table, "LARGE", 0)
    monkeypatch.setattr(csv_table, "BLOCK", 1000)
    with pytest.raises(CoterieError) as large:
        load(spec, scratch=Scratch(tmp_path / "work", rows=1))
    assert (large.value.code, large.value.detail) == (small.value.code, small.value.detail)


def test_a_disk_that_is_full_while_a_csv_is_read_is_no_fault_of_the_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = csv_file(tmp_path, "id,a,b\n" + "".join(LINES))
    monkeypatch.setattr(csv_table, "LARGE", 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(CoterieError, match="CT-1120"):
            load(spec, scratch=Scratch(tmp_path / "work", rows=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_error_with_a_code(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(CoterieError, match="CT-1120") as caught:
            Scratch(tmp_path / "work", rows=1).table(pairs(table()), ROWS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.detail == "work/table: File too large"
    (tmp_path / "file").write_text("")
    with pytest.raises(CoterieError, match="CT-1121"):
        Scratch(tmp_path / "file", rows=1).table(pairs(table()), ROWS)
