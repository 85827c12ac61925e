"""A table written as Parquet has the declared columns, the same values, and passes the same checks."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from coterie.data import Column, CsvSource, DatasetSpec, Scratch, inspect, load, write_parquet
from coterie.errors import CoterieError
from tests.data.conftest import COLUMNS, parquet_spec

ROWS = "a1,30,1.5,true,Wien,0\n A2 ,31,NA,,,1\nb3,32,2.5,false,Linz,0\n"

People = Callable[[str | bytes], DatasetSpec]


def written(spec: DatasetSpec, scratch: Scratch | None = None) -> bytes:
    file = io.BytesIO()
    assert write_parquet(spec, "lender", file, scratch) == inspect(spec, "lender")
    return file.getvalue()


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_table_comes_back(people: People, tmp_path: Path, on_disk: bool) -> None:
    spec = people(ROWS)
    scratch = Scratch(tmp_path / "scratch", rows=1) if on_disk else None
    path = tmp_path / "people.parquet"
    path.write_bytes(written(spec, scratch))
    again = parquet_spec(path)
    before, after = load(spec), load(again)
    assert before.table.equals(after.table)
    assert before.ids.equals(after.ids)
    assert inspect(again, "lender") == inspect(spec, "lender")
    assert list(tmp_path.glob("scratch/*")) == []


def test_ids_are_as_they_are_in_the_source(people: People) -> None:
    table = pq.read_table(io.BytesIO(written(people(ROWS))))
    assert table["id"].to_pylist() == ["a1", " A2 ", "b3"]
    assert table.column_names == [column.name for column in COLUMNS]


def test_what_is_not_declared_stays_out(people: People, tmp_path: Path) -> None:
    spec = people(ROWS)
    fewer = spec.model_copy(update={"columns": (COLUMNS[1], COLUMNS[0])})
    data = written(fewer)
    assert pq.read_table(io.BytesIO(data)).column_names == ["age", "id"]
    assert b"income" not in data


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("a,1,1,true,x,0\na,2,1,true,x,0\n", "CT-1440"),
        (",1,1,true,x,0\n", "CT-1441"),
        ("a,x,,,,\n", "CT-1430"),
        ("a,,1,true,x,0\n", "CT-1431"),
        ("a,1,inf,true,x,0\n", "CT-1432"),
        ("", "CT-1416"),
    ],
)
def test_what_cannot_be_used_is_not_written(people: People, rows: str, code: str) -> None:
    file = io.BytesIO()
    with pytest.raises(CoterieError, match=code):
        write_parquet(people(rows), "lender", file)
    assert file.getvalue() == b""


def test_a_table_of_ids_alone(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_text("id\n7\n8\n")
    spec = DatasetSpec(
        name="ids", source=CsvSource(path=str(path)), columns=(Column(name="id", type="int", role="id"),)
    )
    assert pq.read_table(io.BytesIO(written(spec)))["id"].to_pylist() == [7, 8]
