"""A registered table as Parquet: exactly its declared columns, checked, and nothing else of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from .checks import checked_values
from .dataset import source_columns
from .frame import laid
from .ids import checked_ids
from .schema import DatasetFacts, DatasetSpec
from .scratch import Scratch

__all__ = ["write_parquet"]

ROW_GROUP = 1 << 17


def write_parquet(
    spec: DatasetSpec, owner: str, file: BinaryIO, scratch: Scratch | None = None
) -> DatasetFacts:
    """Read and check everything declared, as :func:`inspect` does, and write it as Parquet.

    Columns are those of the description, in its order and of its types; ids are written as they are in the
    source: the id rule comes with the description and is applied by who loads the table. Columns that are not
    declared are not read.

    :param scratch: where a long table lies on its way; None for memory.

    Raises CT-1410 to CT-1441; CT-1120, CT-1121 from ``scratch``. Errors of ``file`` are its own.
    """
    ordered = [spec.id, *(column for column in spec.columns if column.role != "id")]
    stored, place = source_columns(spec, ordered, scratch)
    name, ids = next(stored)
    rows = len(checked_ids(ids, name, spec.id_rule, place))

    def columns() -> Iterator[tuple[str, pa.ChunkedArray]]:
        yield name, ids
        for (other, values), column in zip(stored, ordered[1:], strict=True):
            yield other, checked_values(values, column, place)

    table = laid(columns(), rows, scratch).select([column.name for column in spec.columns])
    texts = [column.name for column in spec.columns if column.type == "category"]
    pq.write_table(table, file, row_group_size=ROW_GROUP, compression="zstd", use_dictionary=texts)
    pa.default_memory_pool().release_unused()
    return DatasetFacts(name=spec.name, owner=owner, columns=spec.columns, id_rule=spec.id_rule, rows=rows)
