"""Datasets from text, and the one way in which every refusal is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coterie.data import Column, CsvSource, DatasetSpec, ParquetSource, load
from coterie.errors import CoterieError

COLUMNS = (
    Column(name="id", type="text", role="id"),
    Column(name="age", type="int"),
    Column(name="income", type="float", nullable=True),
    Column(name="owner", type="bool", nullable=True),
    Column(name="city", type="category", nullable=True),
    Column(name="default", type="int", role="label"),
)
HEADER = "id,age,income,owner,city,default\n"


def csv_spec(path: Path, columns: tuple[Column, ...] = COLUMNS, **more: object) -> DatasetSpec:
    source = CsvSource.model_validate({"path": str(path), **more})
    return DatasetSpec(name="people", source=source, columns=columns)


def parquet_spec(path: Path, columns: tuple[Column, ...] = COLUMNS) -> DatasetSpec:
    return DatasetSpec(name="people", source=ParquetSource(path=str(path)), columns=columns)


@pytest.fixture
def people(tmp_path: Path) -> Callable[[str | bytes], DatasetSpec]:
    """A dataset of the columns above from CSV text without its header."""

    def make(rows: str | bytes) -> DatasetSpec:
        path = tmp_path / "people.csv"
        path.write_bytes(HEADER.encode() + (rows.encode() if isinstance(rows, str) else rows))
        return csv_spec(path)

    return make


def refusal(spec: DatasetSpec, columns: tuple[str, ...] | None = None) -> CoterieError:
    """The error of loading, after a check that nothing else hangs on it that could carry values to a log."""
    with pytest.raises(CoterieError) as caught:
        assert load(spec, columns).table is None
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value
