"""Columns are read when the rows are known: once, all of them the same as the file's own reader gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from coterie.data import Column, CsvSource, Dataset, DatasetSpec, ParquetSource, Scratch, load
from coterie.errors import CoterieError

ROWS = 5000
COLUMNS = (
    Column(name="id", type="text", role="id"),
    *(Column(name=f"x{number}", type="float", nullable=True) for number in range(7)),
    Column(name="n", type="int", nullable=True),
    Column(name="flag", type="bool", nullable=True),
    Column(name="city", type="category", nullable=True),
)


def table() -> pa.Table:
    random = np.random.default_rng(3)

    def gaps() -> np.ndarray:
        return random.random(ROWS) < 0.1

    return pa.table(
        {
            "id": [f"C{number}" for number in random.permutation(ROWS)],
            **{f"x{number}": pa.array(random.normal(size=ROWS), mask=gaps()) for number in range(7)},
            "n": pa.array(random.integers(-5, 5, ROWS), mask=gaps()),
            "flag": pa.array(random.random(ROWS) < 0.5, mask=gaps()),
            "city": pa.array(random.choice(["Köln", "上海", ""], ROWS), pa.large_string(), mask=gaps()),
        }
    )


def stored(folder: Path, kind: str, given: pa.Table) -> DatasetSpec:
    path = folder / f"t.{kind}"
    if kind == "csv":
        pacsv.write_csv(given, path)
        source: CsvSource | ParquetSource = CsvSource(path=str(path), nulls=("NA",))
    else:
        pq.write_table(given, path, row_group_size=700)
        source = ParquetSource(path=str(path))
    return DatasetSpec(name="t", source=source, columns=COLUMNS)


@pytest.mark.parametrize("disk", [False, True])
def test_rows_are_those_that_pandas_takes(tmp_path: Path, *, disk: bool) -> None:
    given = table()
    scratch = Scratch(tmp_path / "work", rows=1) if disk else None
    dataset = load(stored(tmp_path, "parquet", given), scratch=scratch)
    rows = np.random.default_rng(5).integers(0, ROWS, 3000)
    found = dataset.gather(rows, scratch)
    expected = given.to_pandas().drop(columns="id").take(rows).reset_index(drop=True)
    pd.testing.assert_frame_equal(found.to_pandas(), expected, check_dtype=False)
    assert found.column_names == [column.name for column in COLUMNS[1:]]
    assert dataset.table.equals(given.drop(["id"]))
    assert dataset.gather(rows, scratch, ["city", "x3"]).equals(found.select(["city", "x3"]))
    assert dataset.without_columns().gather(rows).shape == (3000, 0)


def test_one_column_after_the_other_where_there_is_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, rows = load(stored(tmp_path, "parquet", table())), np.arange(0, ROWS, 3)
    expected = dataset.gather(rows)
    monkeypatch.setattr("coterie.data.stored._AT_ONCE", 0)
    monkeypatch.setattr("coterie.data.stored._TOGETHER", 0)
    assert dataset.gather(rows).equals(expected)


def test_csv_gives_the_same_as_parquet(tmp_path: Path) -> None:
    given = table().set_column(10, "city", pa.array(["Köln", "上海"] * (ROWS // 2), pa.large_string()))
    given = given.set_column(9, "flag", pa.array([True, False] * (ROWS // 2)))
    for number in range(8):
        given = given.set_column(1 + number, given.column_names[1 + number], given[1 + number].fill_null(1))
    rows = np.random.default_rng(5).permutation(ROWS)[:100]
    csv, parquet = (load(stored(tmp_path, kind, given)).gather(rows) for kind in ("csv", "parquet"))
    assert csv.equals(parquet)


def test_a_row_that_is_not_here_has_no_values(tmp_path: Path) -> None:
    dataset = load(stored(tmp_path, "parquet", table()))
    found = dataset.gather(np.array([4, -1, 9, -1]))
    assert all(found[name].is_valid().to_pylist()[1::2] == [False, False] for name in found.column_names)
    assert found.take([0, 2]).equals(dataset.gather(np.array([4, 9])))


def test_rows_of_a_table_of_which_some_are_left_out(tmp_path: Path) -> None:
    whole = load(stored(tmp_path, "parquet", table()))
    kept = np.arange(1, ROWS, 2)
    part = replace(whole, ids=whole.ids.take(pa.array(kept)), kept=kept)
    assert part.gather(np.array([0, 3, -1])).equals(whole.gather(np.array([1, 7, -1])))
    assert part.table.equals(whole.table.take(kept))


def damaged(spec: DatasetSpec, column: str) -> None:
    """Alter the pages of one column, and nothing else of the file."""
    path = Path(spec.source.path)
    content = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(2)
    chunk = next(
        group.column(at) for at in range(group.num_columns) if group.column(at).path_in_schema == column
    )
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    for at in range(start, start + chunk.total_compressed_size):
        content[at] ^= 0xFF
    path.write_bytes(content)


def test_no_other_column_is_touched(tmp_path: Path) -> None:
    spec, rows = stored(tmp_path, "parquet", table()), np.arange(50)
    whole = load(spec).table
    damaged(spec, "x5")
    dataset = load(spec)
    assert dataset.rows == ROWS
    assert dataset.gather(rows, names=["x0", "city"]).equals(whole.select(["x0", "city"]).take(rows))
    assert load(spec, ["x0", "city"]).table.equals(whole.select(["x0", "city"]))
    with pytest.raises(CoterieError, match="CT-1413"):
        dataset.gather(rows)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(("value", "code"), [(np.inf, "CT-1432"), (None, "CT-1431")])
def test_what_is_wrong_does_not_hang_on_the_rows(
    tmp_path: Path, kind: str, value: float | None, code: str
) -> None:
    """Errors are told to the other parties, who must not learn of them which rows they have in common."""
    columns = (COLUMNS[0], Column(name="x", type="float"))
    values = [1.0] * 40
    given = pa.table(
        {"id": [f"C{row}" for row in range(40)], "x": pa.array([*values[:29], value, *values[:10]])}
    )
    spec = stored(tmp_path, kind, given).model_copy(update={"columns": columns})
    if kind == "csv":
        spec = spec.model_copy(update={"source": CsvSource(path=spec.source.path)})
    told = set()
    for rows in ([29, 3], [3], []):
        with pytest.raises(CoterieError, match=code) as caught:
            load(spec).gather(np.array(rows, np.int64))
        told.add((caught.value.code, caught.value.detail))
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert told == {(code, f"column 'x', {'line 31' if kind == 'csv' else 'row 30'}")}


def opened(folder: Path) -> tuple[DatasetSpec, Dataset, pa.Table]:
    spec = stored(folder, "parquet", table())
    return spec, load(spec), load(spec).gather(np.arange(10))


def test_a_file_that_takes_the_place_of_another_is_not_mixed_with_it(tmp_path: Path) -> None:
    spec, dataset, expected = opened(tmp_path)
    new = tmp_path / "new"
    pq.write_table(table().set_column(1, "x0", pa.array(np.zeros(ROWS))), new)
    new.rename(spec.source.path)
    assert dataset.gather(np.arange(10)).equals(expected)
    Path(spec.source.path).unlink()
    assert dataset.gather(np.arange(10)).equals(expected)


@pytest.mark.parametrize("keep", [True, False])
def test_a_file_that_is_written_over_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep: bool
) -> None:
    if not keep:
        monkeypatch.setattr("coterie.data.parquet_table.MOST_OPEN", 0)
    spec, dataset, expected = opened(tmp_path)
    assert dataset.gather(np.arange(10)).equals(expected)
    pq.write_table(table().set_column(1, "x0", pa.array(np.zeros(ROWS))), spec.source.path)
    with pytest.raises(CoterieError, match="CT-1451"):
        dataset.gather(np.arange(10))
    assert load(spec).gather(np.arange(10))["x0"].to_pylist() == [0.0] * 10
