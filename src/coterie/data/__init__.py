"""Datasets: sources, typed schemas, checked tables, ids compared only by keyed hash, frames over parties."""

from .dataset import Dataset, inspect, load, opened, parse_spec
from .draft import draft_spec
from .export import write_parquet
from .frame import VerticalFrame, laid, taken
from .ids import keyed_ids
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
    Source,
)
from .scratch import Scratch, table_needs
from .yaml_text import YamlText, parse_yaml

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
    "Scratch",
    "Source",
    "VerticalFrame",
    "YamlText",
    "draft_spec",
    "inspect",
    "keyed_ids",
    "laid",
    "load",
    "opened",
    "parse_spec",
    "parse_yaml",
    "table_needs",
    "taken",
    "write_parquet",
]
