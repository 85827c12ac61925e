"""Rows of queries, as they were taken: a file for each such dataset, in the node's own folder.

They are taken when the dataset is added, and anew when it is refreshed; they are removed with the dataset.
Whatever reads the dataset reads them. A job that has begun goes on with those it has begun with.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from coterie.crypto import timestamp, write_error
from coterie.data import ROWS_NOT_TAKEN, DatasetSpec, ParquetSource, SqlSource, take_rows

from .home import Home

__all__ = ["forget_rows", "new_rows", "read_spec", "require_rows", "source_words"]


def _place(home: Home, name: str) -> Path:
    return home.rows / f"{name}.parquet"


def read_spec(home: Home, spec: DatasetSpec) -> DatasetSpec:
    """The description as it is read: of a query, with the file of its rows for its source."""
    if not isinstance(spec.source, SqlSource):
        return spec
    return _reading(spec, _place(home, spec.name))


@contextlib.contextmanager
def new_rows(home: Home, spec: DatasetSpec) -> Iterator[DatasetSpec]:
    """The description to read while a dataset is added or refreshed. Of a query the rows are taken now; they
    take the place of those before at the end, if all went well.

    :raises CoterieError: what is wrong with the query, see :func:`coterie.data.take_rows`; CT-1120, CT-1121.
    """
    if not isinstance(spec.source, SqlSource):
        yield spec
        return
    place = _place(home, spec.name)
    new = place.with_name(f".{spec.name}.{os.urandom(8).hex()}.new")
    try:
        try:
            place.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise write_error(place, error) from error
        take_rows(spec, new)
        yield _reading(spec, new)
        try:
            new.replace(place)
        except OSError as error:
            raise write_error(place, error) from error
    finally:
        new.unlink(missing_ok=True)


def forget_rows(home: Home, name: str) -> None:
    """Remove the rows of a query, if there are any. Whoever has them open can still read them."""
    _place(home, name).unlink(missing_ok=True)


def require_rows(home: Home, spec: DatasetSpec) -> None:
    """:raises CoterieError: CT-1481."""
    if isinstance(spec.source, SqlSource) and not _place(home, spec.name).is_file():
        raise ROWS_NOT_TAKEN(repr(spec.name))


def source_words(home: Home, spec: DatasetSpec) -> str:
    """Where a dataset's rows come from. Of a secret it has the name."""
    source = spec.source
    if not isinstance(source, SqlSource):
        return f"{source.kind} {source.path}"
    try:
        taken = timestamp(datetime.fromtimestamp(_place(home, spec.name).stat().st_mtime, UTC))
    except OSError:
        return f"sql {source.connection}, rows not taken"
    return f"sql {source.connection}, rows taken {taken}"


def _reading(spec: DatasetSpec, place: Path) -> DatasetSpec:
    return spec.model_copy(update={"source": ParquetSource(path=str(place))})
