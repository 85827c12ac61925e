"""What the work is lent of opened data, and what is left of it after that."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from coterie.tee.container.memory import private_memory
from coterie.tee.runner.inputs import OpenedDataset

TABLE = pa.table({"id": [f"C{row}" for row in range(1000)], "x": [float(row) for row in range(1000)]})


def opened() -> tuple[OpenedDataset, memoryview]:
    file = io.BytesIO()
    pq.write_table(TABLE, file)
    content = private_memory(file.tell())
    content[:] = file.getvalue()
    return OpenedDataset(
        cast(Any, SimpleNamespace(dataset="lender/loans")), cast(Any, None), content
    ), content


def test_a_file_is_gone_when_it_was_read() -> None:
    dataset, content = opened()
    read = dataset.lend(lambda file: pq.read_table(pa.BufferReader(file)))
    assert read.equals(TABLE)
    assert bytes(content) == bytes(len(content))


def test_what_somebody_still_looks_at_stays_until_all_is_wiped() -> None:
    dataset, content = opened()
    file = dataset.lend(lambda file: file)
    assert pq.read_table(pa.BufferReader(file)).equals(TABLE)
    dataset.wipe()
    assert bytes(content) == bytes(len(content))
