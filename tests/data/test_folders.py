"""Folders of files as one table: their order, what their names tell, and what they may not be."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from coterie.data import Column, CsvSource, DatasetSpec, ParquetSource, draft_spec, inspect, load, parse_spec
from coterie.data import write_parquet as exported
from coterie.data.parts import stamp_of

from .conftest import refusal

ID = Column(name="id", type="text", role="id")
AGE = Column(name="age", type="int")
YEAR = Column(name="year", type="int")
CITY = Column(name="city", type="category", nullable=True)

PLACES = ["year=2023/city=K%C3%B6ln", "year=2023/city=__HIVE_DEFAULT_PARTITION__", "year=2024/city=Bonn"]


def csv(path: Path, content: Mapping[str, list[Any]]) -> None:
    lines = [",".join(content), *(",".join(map(str, row)) for row in zip(*content.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")


def parquet(path: Path, content: Mapping[str, list[Any]]) -> None:
    pq.write_table(pa.table(dict(content)), path)


Write = Callable[[Path, Mapping[str, list[Any]]], None]
KINDS = pytest.mark.parametrize(("kind", "write"), [("csv", csv), ("parquet", parquet)])


def spec_of(folder: Path, kind: str, columns: tuple[Column, ...] = (ID, AGE)) -> DatasetSpec:
    source = CsvSource(path=str(folder)) if kind == "csv" else ParquetSource(path=str(folder))
    return DatasetSpec(name="people", source=source, columns=columns)


def partitioned(folder: Path, kind: str, write: Write) -> Path:
    for number, place in enumerate(PLACES):
        (folder / place).mkdir(parents=True)
        for half in (1, 0):  # not in the order of their names
            rows = range(4 * number + 2 * half, 4 * number + 2 * half + 2)
            content = {"id": [f"C{row}" for row in rows], "age": [20 + row for row in rows]}
            write(folder / place / f"part-{half}.{kind}", content)
    return folder


@KINDS
def test_a_partitioned_folder(tmp_path: Path, kind: str, write: Write) -> None:
    folder = partitioned(tmp_path / "t", kind, write)
    (folder / "_SUCCESS").touch()
    (folder / ".hidden").mkdir()
    write(folder / ".hidden" / "x", {"id": ["C0"], "age": [1]})
    dataset = load(spec_of(folder, kind, (ID, AGE, YEAR, CITY)))
    assert dataset.ids.to_pylist() == [f"C{row}" for row in range(12)]
    assert dataset.table.to_pydict() == {
        "age": [20 + row for row in range(12)],
        "year": [2023] * 8 + [2024] * 4,
        "city": ["Köln"] * 4 + [None] * 4 + ["Bonn"] * 4,
    }
    # What is not declared is not there.
    assert load(spec_of(folder, kind)).table.column_names == ["age"]
    facts = inspect(spec_of(folder, kind, (ID, AGE, YEAR)), "lender")
    assert facts.rows == 12


def test_rows_come_as_arrows_own_reader_of_folders_gives_them(tmp_path: Path) -> None:
    folder = partitioned(tmp_path / "t", "parquet", parquet)
    theirs = pads.dataset(folder, partitioning="hive").to_table().sort_by("age")
    ours = load(spec_of(folder, "parquet", (ID, AGE, YEAR, CITY)))
    assert ours.ids.to_pylist() == theirs["id"].to_pylist()
    assert ours.table.to_pylist() == theirs.select(["age", "year", "city"]).to_pylist()


@KINDS
def test_a_sealed_folder_is_its_table(tmp_path: Path, kind: str, write: Write) -> None:
    spec = spec_of(partitioned(tmp_path / "t", kind, write), kind, (YEAR, ID, AGE))
    with (tmp_path / "t.parquet").open("wb") as file:
        facts = exported(spec, "lender", file)
    again = spec_of(tmp_path / "t.parquet", "parquet", (YEAR, ID, AGE))
    assert load(again).table.equals(load(spec).table)
    assert facts == inspect(again, "lender")


@KINDS
def test_a_draft_of_a_folder(tmp_path: Path, kind: str, write: Write) -> None:
    folder = partitioned(tmp_path / "t", kind, write)
    drafted = parse_spec(draft_spec(folder, "people"), folder=tmp_path)
    assert {column.name: column.type for column in drafted.columns} == {
        "id": "text",
        "age": "int",
        "year": "int",
        "city": "category",
    }
    assert drafted.column("city").nullable
    assert load(drafted).rows == 12


@KINDS
def test_errors_name_the_file_and_no_folder(tmp_path: Path, kind: str, write: Write) -> None:
    folder = partitioned(tmp_path / "t", kind, write)
    write(folder / PLACES[1] / f"part-0.{kind}", {"id": ["C4", "C3"], "age": [1, 2]})
    found = refusal(spec_of(folder, kind))
    assert found.code == "CT-1440"
    rows = ("line 3", "line 3") if kind == "csv" else ("row 2", "row 2")
    assert found.detail == (
        f"column 'id', {rows[0]} of part-1.{kind} (file 2 of 6) and {rows[1]} of part-0.{kind} (file 3 of 6)"
        ", compared by the id rule"
    )
    write(folder / PLACES[1] / f"part-0.{kind}", {"id": ["C4", "C5"], "age": [1, 2.5]})
    found = refusal(spec_of(folder, kind))
    expected = "CT-1430" if kind == "csv" else "CT-1425"  # which has another type for the whole file
    assert found.code == expected
    assert f"part-0.{kind} (file 3 of 6)" in found.detail
    assert "2023" not in found.detail


@KINDS
def test_files_of_different_columns(tmp_path: Path, kind: str, write: Write) -> None:
    folder = partitioned(tmp_path / "t", kind, write)
    write(folder / PLACES[2] / f"part-1.{kind}", {"id": ["C9"], "edad": [1]})
    assert refusal(spec_of(folder, kind)).detail == f"'age' of part-1.{kind} (file 6 of 6)"
    write(folder / PLACES[2] / f"part-1.{kind}", {"id": ["C9"], "age": [1], "year": [2]})
    assert refusal(spec_of(folder, kind, (ID, YEAR))).code == "CT-1421"
    if kind == "csv":
        assert refusal(spec_of(folder, kind)).code == "CT-1425"
    (folder / PLACES[2] / f"part-1.{kind}").write_bytes(b"\xff\xfe")
    assert refusal(spec_of(folder, kind)).code == ("CT-1414" if kind == "csv" else "CT-1413")


@KINDS
def test_what_folders_names_tell_must_fit(tmp_path: Path, kind: str, write: Write) -> None:
    folder = partitioned(tmp_path / "t", kind, write)
    found = refusal(spec_of(folder, kind, (ID, Column(name="city", type="int"))))
    assert (found.code, "Bonn" in found.detail) == ("CT-1430", False)
    assert refusal(spec_of(folder, kind, (ID, Column(name="city", type="text")))).code == "CT-1431"
    write(folder / f"part-9.{kind}", {"id": ["C99"], "age": [1]})
    assert refusal(spec_of(folder, kind)).code == "CT-1419"


@KINDS
def test_files_without_rows(tmp_path: Path, kind: str, write: Write) -> None:
    assert refusal(spec_of(tmp_path, kind)).code == "CT-1410"
    nothing: dict[str, list[Any]] = {"id": pa.array([], pa.string()), "age": pa.array([], pa.int64())}
    write(tmp_path / f"a.{kind}", nothing)
    assert refusal(spec_of(tmp_path, kind)).code == "CT-1416"
    write(tmp_path / f"b.{kind}", {"id": ["C1"], "age": [1]})
    assert load(spec_of(tmp_path, kind)).table.to_pydict() == {"age": [1]}


def test_links(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    (folder / "..data").mkdir(parents=True)
    parquet(folder / "..data" / "a.parquet", {"id": ["C1"], "age": [1]})
    parquet(tmp_path / "other.parquet", {"id": ["C2"], "age": [1]})
    (folder / "a.parquet").symlink_to("..data/a.parquet")
    (tmp_path / "named").symlink_to(folder)
    assert load(spec_of(tmp_path / "named", "parquet")).rows == 1
    for name, target in (("b", "../other.parquet"), ("c", "..data"), ("d", "d"), ("e", "nowhere")):
        (folder / name).symlink_to(target)
        assert refusal(spec_of(folder, "parquet")).code == "CT-1419"
        (folder / name).unlink()
    os.mkfifo(folder / "pipe")
    assert refusal(spec_of(folder, "parquet")).code == "CT-1411"


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        parquet(tmp_path / str(number), {"id": [f"C{number}"], "age": [1]})
    monkeypatch.setattr("coterie.data.parquet_table.MOST_OPEN", 2)
    assert load(spec_of(tmp_path, "parquet")).table.num_rows == 4
    monkeypatch.setattr("coterie.data.parts.MOST_FILES", 3)
    assert refusal(spec_of(tmp_path, "parquet")).code == "CT-1419"
    deep = tmp_path / "deep" / Path(*["x"] * 20)
    deep.mkdir(parents=True)
    monkeypatch.undo()
    assert refusal(spec_of(tmp_path / "deep", "parquet")).code == "CT-1419"


def test_a_stamp_tells_that_something_was_written(tmp_path: Path) -> None:
    folder = partitioned(tmp_path / "t", "csv", csv)
    seen = [stamp_of(folder)]
    assert stamp_of(folder) == seen[0]
    (folder / "_SUCCESS").touch()
    assert stamp_of(folder) == seen[0]
    csv(folder / PLACES[0] / "part-2.csv", {"id": ["C99"], "age": [1]})
    seen.append(stamp_of(folder))
    (folder / PLACES[0] / "part-2.csv").rename(folder / PLACES[0] / "part-3.csv")
    seen += [
        stamp_of(folder),
        stamp_of(folder / PLACES[0] / "part-3.csv"),
        stamp_of(tmp_path / "no"),
    ]
    assert len(set(seen)) == 5
    assert seen[-1] == "absent"
