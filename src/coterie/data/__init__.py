"""Datasets: sources, typed schemas, checked tables, ids compared only by keyed hash, frames over parties."""

from .dataset import Dataset, draft_spec, inspect, keyed_ids, load, parse_spec
from .frame import VerticalFrame
from .schema import (
    Column,
    ColumnName,
    ColumnRole,
    ColumnType,
    CsvSource,
    DatasetFacts,
    DatasetName,
    DatasetSpec,
    IdRule,
    Many,
    ParquetSource,
    Schema,
)

__all__ = [
    "Column",
    "ColumnName",
    "ColumnRole",
    "ColumnType",
    "CsvSource",
    "Dataset",
    "DatasetFacts",
    "DatasetName",
    "DatasetSpec",
    "IdRule",
    "Many",
    "ParquetSource",
    "Schema",
    "VerticalFrame",
    "draft_spec",
    "inspect",
    "keyed_ids",
    "load",
    "parse_spec",
]
