"""Seal a table in a home, whether its daemon runs or not."""

from __future__ import annotations

import tempfile
from pathlib import Path

from coterie.crypto import Identity, write_error
from coterie.data import DatasetSpec, Scratch, write_parquet
from coterie.tee import DatasetRecord, KeyStore, seal_file

from .home import Home

__all__ = ["seal_table"]


def seal_table(home: Home, identity: Identity, spec: DatasetSpec, target: Path) -> DatasetRecord:
    """Check a table by its description, and seal its declared columns as Parquet; the key stays in the home.

    :raises CoterieError: what is wrong with the table, CT-1120, CT-1121, CT-2205, CT-2206, CT-2215.
    """
    try:
        # A file without a name: whatever ends this process, nothing stays on the disk in clear.
        with tempfile.TemporaryFile(dir=home.path) as clear:
            found = write_parquet(spec, identity.name, clear, Scratch(home.jobs))
            size = clear.tell()
            clear.seek(0)
            return seal_file(
                clear,
                size,
                target,
                dataset=spec.name,
                identity=identity,
                keys=KeyStore(home.keys),
                columns=found.columns,
                id_rule=found.id_rule,
                rows=found.rows,
                ids=found.ids,
            )
    except OSError as error:
        raise write_error(home.path / "table", error) from error
