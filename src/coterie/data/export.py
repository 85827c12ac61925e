"""A registered table as Parquet: exactly its declared columns, checked, and nothing else of the file."""

from __future__ import annotations

import itertools
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from .dataset import facts_of, ids_of
from .schema import DatasetFacts, DatasetSpec
from .scratch import Scratch
from .sources import source_of
from .stored import Unread, laid

__all__ = ["write_parquet"]

ROW_GROUP = 1 << 17


def write_parquet(
    spec: DatasetSpec, owner: str, file: BinaryIO, scratch: Scratch | None = None
) -> DatasetFacts:
    """Read and check everything declared, as :func:`inspect` does, and write it as Parquet.

    Columns are those of the description, in its order and of its types; ids are written as they are in the
    source: the id rule comes with the description and is applied by who loads the table. Rows without an id
    are left out where that is declared, and so are those that repeat one. Columns that are not declared are
    not read.

    :param scratch: where a long table lies on its way; None for memory.

    Raises CT-1410 to CT-1441; CT-1120, CT-1121 from ``scratch``. Errors of ``file`` are its own.
    """
    stored = source_of(spec.source, spec.columns, scratch)
    ids = ids_of(spec, stored)
    own = ((column.name, stored.raw(column)) for column in spec.id_columns)
    others = Unread(stored, tuple(column for column in spec.columns if column.role != "id"))
    stored.settle(others.columns)
    kept = None if ids.kept is None else pa.array(ids.kept)
    columns = (
        (name, values if kept is None else values.take(kept))
        for name, values in itertools.chain(own, others.values())
    )
    table = laid(columns, ids.rows, scratch).select([column.name for column in spec.columns])
    texts = [column.name for column in spec.columns if column.type == "category"]
    pq.write_table(table, file, row_group_size=ROW_GROUP, compression="zstd", use_dictionary=texts)
    pa.default_memory_pool().release_unused()
    return facts_of(spec, owner, ids)
