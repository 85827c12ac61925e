"""What it takes an owner to prepare a table for lookups, from the file of ids to the table:
``python -m bench.psi.preparing ROWS [csv|parquet]``.

As a node does it: ids in batches, hashed under an agreement's key, their tags sorted, merged, signed.
With a third word, ``register``, what it takes to register the dataset.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv
from pyarrow import parquet as pq

from bench.meter import Meter
from coterie import psi
from coterie.crypto import Identity
from coterie.data import (
    Column,
    CsvSource,
    DatasetSpec,
    ParquetSource,
    Scratch,
    id_batches,
    inspect,
    keyed_ids,
)

CHUNK = 1 << 20
FIRST, SPREAD = 10**17, 7_919
"""Ids of 18 digits, none twice."""
MIB = 1 << 20


def write(path: Path, rows: int) -> None:
    """A file of ids in no order."""
    schema = pa.schema([("id", pa.string())])
    parquet = path.suffix == ".parquet"
    with pq.ParquetWriter(path, schema) if parquet else csv.CSVWriter(path, schema) as writer:
        for start in range(0, rows, CHUNK):
            numbers = np.arange(start, min(start + CHUNK, rows), dtype=np.int64)
            np.random.default_rng(start).shuffle(numbers)
            ids = pa.array(FIRST + SPREAD * numbers).cast(pa.string())
            writer.write_table(pa.table({"id": ids}))


def spec_of(path: Path) -> DatasetSpec:
    source = (ParquetSource if path.suffix == ".parquet" else CsvSource)(path=str(path))
    return DatasetSpec(name="customers", source=source, columns=(Column(name="id", type="text", role="id"),))


def register(path: Path) -> None:
    """Look at the whole table; print what it took."""
    meter = Meter()
    rows = inspect(spec_of(path), "owner", Scratch(path.parent / "scratch")).rows
    show(meter.end() | {"ids": rows})


def show(found: dict[str, Any]) -> None:
    print(json.dumps(found | {"memory_mib": found["memory"] / MIB}))


def prepare(path: Path, rows: int) -> None:
    """Make the table in a folder of its own; print what it took."""
    binding = psi.TableBinding(agreement="sha256:" + "00" * 32, dataset="customers", lookups=1_000_000)
    key, target, work = psi.TableKey(secrets.token_bytes(32), binding), path.parent / "t", path.parent / "w"
    meter = Meter()
    ids = (keyed_ids(batch, bytes(32)) for batch in id_batches(spec_of(path)))
    head = psi.prepare(ids, rows, key, binding, Identity.in_memory("owner"), target, work)
    found = meter.end()
    show(found | {"ids": head.entries, "us_per_id": 1e6 * found["seconds"] / rows, "file": head.file_size})


def main() -> None:
    rows, suffix, *step = int(sys.argv[1]), *(sys.argv[2:] or ["csv"])
    if suffix not in ("csv", "parquet"):  # the file itself: what has written it is another process
        if step:
            register(Path(suffix))
        else:
            prepare(Path(suffix), rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"ids.{suffix}"
        write(path, rows)
        subprocess.run([sys.executable, "-m", __spec__.name, str(rows), str(path), *step], check=True)


if __name__ == "__main__":
    main()
