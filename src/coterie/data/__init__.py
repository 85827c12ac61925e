"""Datasets: sources, typed schemas, checked tables, ids compared only by keyed hash, frames over parties."""

from .asked_ids import asked_ids
from .dataset import Dataset, Inspected, inspect, inspected, load, opened, parse_spec
from .draft import draft_spec
from .errors import ID_COLUMNS_DIFFER, NOT_NUMERIC, ROWS_NOT_TAKEN
from .export import write_parquet
from .frame import HiddenRows, VerticalFrame
from .id_stream import check_repeats, id_batches
from .ids import Groups, keyed_ids
from .schema import (
    Column,
    ColumnName,
    ColumnRole,
    ColumnType,
    CsvSource,
    DatasetFacts,
    DatasetName,
    DatasetSpec,
    IdNames,
    IdRule,
    Many,
    ParquetSource,
    Schema,
    Source,
    SqlSource,
    id_names,
)
from .scratch import Scratch, table_needs
from .sources import source_stamp
from .sql import take_rows
from .stored import laid, taken
from .yaml_text import YamlText, parse_yaml

__all__ = [
    "ID_COLUMNS_DIFFER",
    "NOT_NUMERIC",
    "ROWS_NOT_TAKEN",
    "Column",
    "ColumnName",
    "ColumnRole",
    "ColumnType",
    "CsvSource",
    "Dataset",
    "DatasetFacts",
    "DatasetName",
    "DatasetSpec",
    "Groups",
    "HiddenRows",
    "IdNames",
    "IdRule",
    "Inspected",
    "Many",
    "ParquetSource",
    "Schema",
    "Scratch",
    "Source",
    "SqlSource",
    "VerticalFrame",
    "YamlText",
    "asked_ids",
    "check_repeats",
    "draft_spec",
    "id_batches",
    "id_names",
    "inspect",
    "inspected",
    "keyed_ids",
    "laid",
    "load",
    "opened",
    "parse_spec",
    "parse_yaml",
    "source_stamp",
    "table_needs",
    "take_rows",
    "taken",
    "write_parquet",
]
