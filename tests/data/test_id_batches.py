"""Ids some at a time: the same ids, and the same refusals, as a table that is loaded whole has."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.data import (
    Column,
    CsvSource,
    DatasetSpec,
    ParquetSource,
    SqlSource,
    check_repeats,
    dataset,
    id_batches,
    inspect,
    inspected,
    load,
)
from coterie.data.files import CheckedText
from coterie.errors import CoterieError

ID = Column(name="id", type="text", role="id")
NUMBER = Column(name="id", type="int", role="id")
BORN = Column(name="born", type="text", role="id")
Rows = list[dict[str, Any]]
KINDS = pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])


def write(path: Path, columns: dict[str, list[Any]], group: int = 1000) -> None:
    """The columns with another one beside; None is an empty cell of CSV."""
    count = len(next(iter(columns.values())))
    columns = {**columns, "other": ["x"] * count}
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path, row_group_size=group)
        return
    rows = [
        ",".join("" if cell is None else f'"{cell}"' for cell in row)
        for row in zip(*columns.values(), strict=True)
    ]
    text = "\n".join([",".join(columns), *rows]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def spec_of(path: Path, columns: tuple[Column, ...] = (ID,), kind: str = "", **more: object) -> DatasetSpec:
    source = (ParquetSource if "parquet" in (kind or path.name) else CsvSource)(path=str(path))
    return DatasetSpec.model_validate({"name": "people", "source": source, "columns": columns, **more})


def found(spec: DatasetSpec, rows: int = 7) -> list[str]:
    batches = list(id_batches(spec, rows=rows))
    assert all(1 <= len(batch) <= rows for batch in batches)
    return [one for batch in batches for one in batch.to_pylist()]


def codes(spec: DatasetSpec) -> tuple[str, str]:
    """Of loading, and of taking batches; nothing hangs on the errors that could carry values to a log."""
    errors: list[CoterieError] = []
    for read in (lambda: load(spec, []), lambda: found(spec)):
        with pytest.raises(CoterieError) as caught:
            read()
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        errors.append(caught.value)
    return str(errors[0]), str(errors[1])


@KINDS
@pytest.mark.parametrize("group", [3, 100])
def test_batches_are_the_ids_of_the_table(tmp_path: Path, kind: str, group: int) -> None:
    path = tmp_path / f"t.{kind}"
    write(path, {"id": [f" Ｃ{row} " for row in range(50)]}, group)
    spec = spec_of(path, id_rule=("nfkc", "trim", "lower"))
    assert found(spec) == [f"c{row}" for row in range(50)]
    assert found(spec, 1) == found(spec, 1000) == load(spec, []).ids.to_pylist()


@KINDS
def test_composite_ids_of_two_types(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    write(path, {"id": list(range(30)), "born": [f"{row % 3}:x" for row in range(30)]})
    spec = spec_of(path, (NUMBER, BORN))
    assert found(spec) == load(spec, []).ids.to_pylist()


@settings(max_examples=30, deadline=None)
@given(
    ids=st.lists(st.sampled_from(["a", " a", "A", "b", "", "  ", "c", None]), min_size=1, max_size=20),
    suffix=st.sampled_from(["csv", "parquet"]),
    rows=st.integers(1, 5),
    duplicates=st.sampled_from(["first", "all"]),
)
def test_what_is_left_out_is_left_out(
    tmp_path_factory: pytest.TempPathFactory,
    ids: list[str | None],
    suffix: str,
    rows: int,
    duplicates: str,
) -> None:
    """Rows without an id; those that repeat one come again, and are counted once by who asks."""
    path = tmp_path_factory.mktemp("t") / f"t.{suffix}"
    write(path, {"id": ids}, 4)
    spec = spec_of(path, missing_ids="skip", duplicates=duplicates)
    if not any(one and one.strip() for one in ids):
        assert [text[:7] for text in codes(spec)] == ["CT-1444"] * 2
        return
    batches = found(spec, rows)
    assert batches == [one.strip() for one in ids if one and one.strip()]
    assert list(dict.fromkeys(batches)) == load(spec, []).ids.to_pylist()
    check_repeats(spec, inspect(spec, "bank"), len(batches), len(set(batches)))


@KINDS
@pytest.mark.parametrize("row", [0, 13, 29])
@pytest.mark.parametrize("cell", [None, "", " "])
def test_a_row_without_an_id_is_named_as_by_loading(
    tmp_path: Path, kind: str, row: int, cell: str | None
) -> None:
    path = tmp_path / f"t.{kind}"
    ids: list[str | None] = [f"c{number}" for number in range(30)]
    ids[row] = cell
    write(path, {"id": ids}, 8)
    loaded, taken = codes(spec_of(path))
    assert loaded == taken
    assert taken.startswith("CT-1441")
    assert (f"row {row + 1}" if kind == "parquet" else f"line {row + 2}") in taken


def header_again(folder: Path) -> DatasetSpec:
    write(folder / "t.csv", {"id": [*map(str, range(20)), "id"]})
    return spec_of(folder / "t.csv")


def no_number(folder: Path) -> DatasetSpec:
    write(folder / "t.csv", {"id": [*range(20), "x1"]})
    return spec_of(folder / "t.csv", (NUMBER,))


def a_part_of_a_number(folder: Path) -> DatasetSpec:
    write(folder / "t.parquet", {"id": [*map(float, range(20)), 0.5]}, 8)
    return spec_of(folder / "t.parquet", (NUMBER,))


def a_cell_too_many(folder: Path) -> DatasetSpec:
    (folder / "t.csv").write_text("id,other\n" + "a,b\n" * 20 + "a,b,c\n")
    return spec_of(folder / "t.csv")


def an_open_quote(folder: Path) -> DatasetSpec:
    (folder / "t.csv").write_text('id,other\na,b\n"c,d\n')
    return spec_of(folder / "t.csv")


def no_text(folder: Path) -> DatasetSpec:
    (folder / "t.csv").write_bytes(b"id,other\na,\xff\n")
    return spec_of(folder / "t.csv")


def no_rows(folder: Path) -> DatasetSpec:
    (folder / "t.csv").write_text("id,other\n")
    return spec_of(folder / "t.csv")


def no_rows_of_parquet(folder: Path) -> DatasetSpec:
    write(folder / "t.parquet", {"id": []})
    return spec_of(folder / "t.parquet", (NUMBER,))


def no_column(folder: Path) -> DatasetSpec:
    write(folder / "t.parquet", {"name": ["a"]})
    return spec_of(folder / "t.parquet")


def damaged(folder: Path) -> DatasetSpec:
    write(folder / "t.parquet", {"id": ["a", "b"]})
    whole = bytearray((folder / "t.parquet").read_bytes())
    whole[4:60] = bytes(56)
    (folder / "t.parquet").write_bytes(whole)
    return spec_of(folder / "t.parquet")


def nothing(folder: Path) -> DatasetSpec:
    return spec_of(folder / "t.csv")


def other_columns(folder: Path) -> DatasetSpec:
    write(folder / "1.csv", {"id": ["a"]})
    write(folder / "2.csv", {"id": ["b"], "more": ["c"]})
    return spec_of(folder)


def a_query(_folder: Path) -> DatasetSpec:
    source = SqlSource(connection="env:DB", query="select 1")
    return DatasetSpec(name="people", source=source, columns=(ID,))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (header_again, "CT-1423"),
        (no_number, "CT-1430"),
        (a_part_of_a_number, "CT-1430"),
        (a_cell_too_many, "CT-1415"),
        (an_open_quote, "CT-1415"),
        (no_text, "CT-1414"),
        (no_rows, "CT-1416"),
        (no_rows_of_parquet, "CT-1416"),
        (no_column, "CT-1420"),
        (damaged, "CT-1413"),
        (nothing, "CT-1410"),
        (other_columns, "CT-1425"),
        (a_query, "CT-1481"),
    ],
)
def test_refusals_are_those_of_loading(
    tmp_path: Path, make: Callable[[Path], DatasetSpec], code: str
) -> None:
    loaded, taken = codes(make(tmp_path))
    assert loaded == taken
    assert taken.startswith(f"{code} ")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_folders_and_what_their_names_tell(tmp_path: Path, kind: str) -> None:
    for number, place in enumerate(["year=2023", "year=2024"]):
        (tmp_path / place).mkdir()
        for half in (0, 1):
            first = 20 * number + 10 * half
            content = {"id": [f"c{row}" for row in range(first, first + 10)]}
            write(tmp_path / place / f"{half}.{kind}", content)
    year = Column(name="year", type="int", role="id")
    for columns in ((ID,), (ID, year), (year, ID)):
        spec = spec_of(tmp_path, columns, kind)
        assert found(spec, 4) == load(spec, []).ids.to_pylist()
    spec = spec_of(tmp_path, (year,), kind, duplicates="all")
    assert found(spec, 4) == ["2023"] * 20 + ["2024"] * 20
    write(tmp_path / "year=2024" / f"0.{kind}", {"id": ["c20", None, "c22"]})
    loaded, taken = codes(spec_of(tmp_path, (ID,), kind))
    assert loaded == taken
    assert f"of 0.{kind} (file 3 of 4)" in taken


def test_a_folder_with_an_empty_part(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", {"id": ["a"]})
    write(tmp_path / "2.csv", {"id": []})
    write(tmp_path / "3.csv", {"id": ["b"]})
    assert found(spec_of(tmp_path)) == load(spec_of(tmp_path), []).ids.to_pylist() == ["a", "b"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    write(path, {"id": [f"c{row}" for row in range(30)]}, 8)
    batches = id_batches(spec_of(path), rows=5)
    assert next(batches).to_pylist() == [f"c{row}" for row in range(5)]
    write(tmp_path / f"new.{kind}", {"id": [f"d{row}" for row in range(30)]}, 8)
    (tmp_path / f"new.{kind}").replace(path)
    with pytest.raises(CoterieError, match=r"^CT-1451 "):
        list(batches)


def test_long_csv_comes_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut anywhere in rows, cells and characters; who stops early leaves no file open."""
    monkeypatch.setattr("coterie.data.id_stream.BLOCK", 1 << 10)
    path = tmp_path / "t.csv"
    ids = [f"größe {row}\n{'ü' * (row % 40)}." for row in range(3000)]
    write(path, {"id": ids})
    assert found(spec_of(path), 64) == ids
    ids[2900] = ""
    write(path, {"id": ids})
    loaded, taken = codes(spec_of(path))
    assert loaded == taken
    batches = id_batches(spec_of(path), rows=64)
    next(batches)
    batches.close()  # type: ignore[attr-defined]


def test_long_row_groups_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row group, dictionary-encoded and not, read some kilobytes at a time."""
    monkeypatch.setattr("coterie.data.parquet_table.PIECE", 1 << 12)
    ids = [f"customer {row}" for row in range(30_000)]
    for number, options in enumerate(({}, {"use_dictionary": False}, {"data_page_size": 1 << 10})):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"id": ids}), path, row_group_size=len(ids), **options)
        assert found(spec_of(path), 999) == ids
    pq.write_table(pa.table({"id": pa.array(ids).dictionary_encode()}), path)
    assert found(spec_of(path), 999) == ids


def test_csv_is_read_as_batches_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block, read = 1 << 10, 0
    real = CheckedText.read

    def counted(text: CheckedText, size: int = -1) -> bytes:
        nonlocal read
        read += len(data := real(text, size))
        return data

    write(path := tmp_path / "t.csv", {"id": [f"customer {row:06}" for row in range(20_000)]})
    batches = id_batches(spec_of(path), rows=10)
    monkeypatch.setattr("coterie.data.id_stream.BLOCK", block)
    monkeypatch.setattr("coterie.data.csv_table.HEADER_LIMIT", block)
    monkeypatch.setattr(CheckedText, "read", counted)
    for _ in range(100):
        next(batches)
    time.sleep(0.05)  # Arrow's thread reads ahead, and would go on
    assert read < path.stat().st_size / 4
    batches.close()  # type: ignore[attr-defined]


def test_parquet_is_read_as_batches_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.data.parquet_table.PIECE", 1 << 12)
    ids = pa.array([f"customer {row:06}" for row in range(100_000)])
    path = tmp_path / "t.parquet"
    options = {"row_group_size": len(ids), "data_page_size": 1 << 12, "use_dictionary": False}
    pq.write_table(pa.table({"id": ids}), path, compression="none", **options)
    before = pa.total_allocated_bytes()
    batches = id_batches(spec_of(path), rows=100)
    for _ in range(10):
        next(batches)
        assert pa.total_allocated_bytes() - before < ids.nbytes / 4
    batches.close()  # type: ignore[attr-defined]


def test_ids_that_must_not_repeat(tmp_path: Path) -> None:
    """The numbers alone tell: tags of ids are compared elsewhere, where rows are not known any more."""
    write(path := tmp_path / "t.csv", {"id": ["a", "b", "A"]})
    spec = spec_of(path)
    facts = inspect(spec, "bank")
    check_repeats(spec, facts, 3, 3)
    lower = spec_of(path, id_rule=("lower",))
    with pytest.raises(CoterieError, match=r"^CT-1440 .*column 'id', 1 of 3 rows"):
        check_repeats(lower, facts, 3, 2)
    with pytest.raises(CoterieError, match=r"^CT-1450 .*2 different ids in 'people', and not 3"):
        check_repeats(spec_of(path, duplicates="first"), facts, 3, 2)


@KINDS
@pytest.mark.parametrize("ids", [["a", "b", " c"], ["a", None, "b"], ["a", "b", "a", None]])
@pytest.mark.parametrize("duplicates", ["refuse", "first", "all"])
def test_a_long_list_of_ids_is_told_of_as_any_table(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    ids: list[str | None],
    duplicates: str,
) -> None:
    path = tmp_path / f"t.{kind}"
    write(path, {"id": ids})
    spec = spec_of(path, duplicates=duplicates, missing_ids="skip")
    told: list[object] = []
    for least in (1 << 40, 0):
        monkeypatch.setattr(dataset, "LONG_LIST", least)
        try:
            told.append(inspected(spec, "bank"))
        except CoterieError as error:
            told.append(str(error))
    assert told[0] == told[1]


def test_a_long_list_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path := tmp_path / "t.csv", {"id": ["a", "b", "c"]})
    monkeypatch.setattr(dataset, "LONG_LIST", 0)
    monkeypatch.delattr(dataset, "source_of")
    assert inspect(spec_of(path), "bank").rows == 3
