"""Where a dataset's columns come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .csv_table import StoredCsv
from .errors import ROWS_NOT_TAKEN
from .parquet_table import StoredParquet
from .parts import parts_of, stamp_of
from .schema import Column, CsvSource, Source, SqlSource
from .scratch import Scratch
from .stored import Stored

__all__ = ["source_of", "source_stamp"]


def source_of(source: Source, columns: Sequence[Column], scratch: Scratch | None) -> Stored:
    """The source opened for these columns.

    Raises CT-1410 to CT-1425, CT-1430; CT-1481 for a query, whose rows lie in a file of their own; CT-1120
    and CT-1121 from ``scratch``.
    """
    if isinstance(source, SqlSource):
        raise ROWS_NOT_TAKEN("a query is no file")
    parts = parts_of(Path(source.path))
    if isinstance(source, CsvSource):
        return StoredCsv(source, parts, columns, scratch)
    return StoredParquet(parts, columns)


def source_stamp(source: Source) -> str:
    """What a source's files are by size and time of change: another one where something has been written;
    "absent" where reading them will fail.
    """
    return "absent" if isinstance(source, SqlSource) else stamp_of(Path(source.path))
