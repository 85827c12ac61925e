"""Parquet files."""

from __future__ import annotations

import contextlib
import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coterie.data import Column, load
from coterie.errors import BadInput

from .conftest import COLUMNS, parquet_spec, refusal

GOOD = {
    "id": ["a", " b "],
    "age": [1, 2],
    "income": [1.5, None],
    "owner": [True, None],
    "city": ["Bonn", None],
    "default": [0, 1],
}


def written(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


def test_values_types_and_nulls(tmp_path: Path) -> None:
    dataset = load(parquet_spec(written(tmp_path / "p.parquet", pa.table(GOOD | {"more": [b"x", b"y"]}))))
    assert dataset.table.to_pydict() == {name: values for name, values in GOOD.items() if name != "id"}
    assert dataset.ids.to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("age", pa.array([1, 2], pa.uint8())),
        ("age", pa.array([1.0, 2.0])),
        ("age", pa.array([Decimal(1), Decimal(2)])),
        ("income", pa.array([1, 2], pa.int16())),
        ("income", pa.array([1.5, float("nan")], pa.float32())),
        ("income", pa.nulls(2)),
        ("city", pa.array(["x", "x"]).dictionary_encode()),
        ("city", pa.array(["x", "x"], pa.string_view())),
    ],
)
def test_other_types_that_hold_the_same_values(tmp_path: Path, name: str, values: pa.Array) -> None:
    table = load(parquet_spec(written(tmp_path / "p.parquet", pa.table(GOOD | {name: values})))).table
    expected = [None if v != v else v for v in values.to_pylist()]  # NaN is read as null
    assert table[name].to_pylist() == expected


@pytest.mark.parametrize(
    ("name", "values", "code", "words"),
    [
        ("age", pa.array(["1", "2"]), "CT-1430", ["'age'", "string"]),
        ("age", pa.array([1.0, 2.5]), "CT-1430", ["'age'", "row 2"]),
        ("age", pa.array([1.0, float("nan")]), "CT-1431", ["'age'", "row 2"]),
        ("age", pa.array([1, 2**63], pa.uint64()), "CT-1430", ["'age'", "row 2"]),
        ("age", pa.array([True, False]), "CT-1430", ["'age'", "bool"]),
        ("age", pa.array([datetime.date(2026, 1, 1)] * 2), "CT-1430", ["'age'", "date"]),
        ("age", pa.array([{"x": 1}, {"x": 2}]), "CT-1430", ["'age'", "struct"]),
        ("income", pa.array([2**60 + 1, 1]), "CT-1430", ["'income'", "row 1"]),
        ("income", pa.array([1.0, float("-inf")]), "CT-1432", ["'income'", "row 2"]),
        ("owner", pa.array([0, 1]), "CT-1430", ["'owner'", "int64"]),
        ("city", pa.array([b"x", b"y"]), "CT-1430", ["'city'", "binary"]),
        ("city", pa.array([b"x", b"\xff"]).view(pa.string()), "CT-1414", ["'city'"]),
        ("id", pa.array(["a", None]), "CT-1441", ["'id'", "row 2"]),
        ("id", pa.array(["a", "a "]), "CT-1440", ["'id'", "row 1 and row 2"]),
        ("id", pa.array([1.5, 2.5]), "CT-1430", ["'id'"]),
    ],
)
def test_values_that_do_not_fit(
    tmp_path: Path, name: str, values: pa.Array, code: str, words: list[str]
) -> None:
    error = refusal(parquet_spec(written(tmp_path / "p.parquet", pa.table(GOOD | {name: values}))))
    assert error.code == code, error.detail
    for word in words:
        assert word in error.detail


def test_missing_repeated_and_no_columns_or_rows(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    table = pa.table(GOOD)
    assert refusal(parquet_spec(written(path, table.drop_columns(["age"])))).code == "CT-1420"
    assert refusal(parquet_spec(written(path, table.append_column("age", [[1, 2]])))).code == "CT-1421"
    assert refusal(parquet_spec(written(path, table.slice(0, 0)))).code == "CT-1416"


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    spec = parquet_spec(written(tmp_path / "p.parquet", pa.table(GOOD | {"age": ["x", "y"]})))
    assert load(spec, ["city", "default"]).table.column_names == ["city", "default"]
    assert load(spec, []).rows == 2


def test_paths_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    assert refusal(parquet_spec(path)).code == "CT-1410"
    assert refusal(parquet_spec(tmp_path)).code == "CT-1410"
    content = written(path, pa.table(GOOD)).read_bytes()
    for damaged in (b"", b"PAR1", content[:-1], content[: len(content) // 2], b"x" * 100):
        path.write_bytes(damaged)
        assert refusal(parquet_spec(path)).code == "CT-1413"


def test_every_damaged_byte_is_an_error_or_harmless(tmp_path: Path) -> None:
    """No byte of a foreign file may end in anything but a table or a coded error of the giver's fault."""
    path = tmp_path / "p.parquet"
    content = written(path, pa.table({"id": ["a", "b"], "age": [1, 2]})).read_bytes()
    columns = (COLUMNS[0], Column(name="age", type="int"))
    for position in range(0, len(content), 3):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        with contextlib.suppress(BadInput):
            load(parquet_spec(path, columns))
