"""Loading a dataset: checked columns in Arrow memory, and ids in their common form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .checks import Place, checked_values
from .csv_table import place_in_csv, read_csv
from .errors import ROWS_DIFFER, SPEC_INVALID
from .frame import laid
from .ids import checked_ids, keyed_ids
from .parquet_table import opened_parquet, place_in_parquet, read_parquet, table_columns
from .schema import Column, CsvSource, DatasetFacts, DatasetSpec
from .scratch import Scratch
from .yaml_text import parse_yaml

__all__ = ["Dataset", "inspect", "load", "opened", "parse_spec", "source_columns"]


@dataclass(frozen=True)
class Dataset:
    """A loaded table, at its owner's node or where its owner lets it be opened."""

    spec: DatasetSpec | DatasetFacts
    """What its owner declares, or what others are told of that."""
    table: pa.Table
    """(rows, columns asked for), in the order asked for, without the id column."""
    ids: pa.LargeStringArray
    """(rows,): normalised, not null, all different."""

    @property
    def rows(self) -> int:
        return len(self.ids)

    def keyed_ids(self, key: bytes) -> NDArray[np.uint8]:
        """(rows, 32) keyed BLAKE3 hashes of the ids; ``key`` is 32 bytes (CT-1442)."""
        return keyed_ids(self.ids, key)

    def without_columns(self) -> Dataset:
        """The same with its ids alone."""
        return replace(self, table=self.table.select([]))

    def __repr__(self) -> str:
        return f"Dataset({self.spec.name!r}, {self.rows} rows, columns {self.table.column_names})"


def parse_spec(text: str, *, folder: Path) -> DatasetSpec:
    """A dataset description from YAML; a relative path in it starts at ``folder`` (CT-1401, CT-1402)."""
    spec = parse_yaml(text).model(DatasetSpec, SPEC_INVALID)
    path = str(folder / spec.source.path)
    return spec.model_copy(update={"source": spec.source.model_copy(update={"path": path})})


def load(spec: DatasetSpec, columns: Sequence[str] | None = None, scratch: Scratch | None = None) -> Dataset:
    """Read and check the ids and the named columns (all declared ones if None). No other column is read.

    The id may be among the names or not. Raises CT-1410 to CT-1441.

    :param scratch: where a long table lies when it is read; None for memory. Raises CT-1120, CT-1121 then.
    """
    wanted = [column.name for column in spec.columns] if columns is None else list(columns)
    ids, checked = _checked(spec, wanted, scratch)
    return _dataset(spec, wanted, ids, checked, scratch)


def opened(
    facts: DatasetFacts,
    content: pa.Table | pa.Buffer,
    columns: Sequence[str] | None = None,
    scratch: Scratch | None = None,
) -> Dataset:
    """The same of a table that is in memory, away from its owner's files: every rule of :func:`load` holds.

    :param facts: what its owner has told of it.
    :param content: the table with its id column, or a Parquet file; other columns than the declared ones are
        not looked at.

    Raises CT-1413 to CT-1441; CT-1450 where the rows are not as many as the facts say.
    """
    wanted = [column.name for column in facts.columns] if columns is None else list(columns)
    others = [column for column in facts.select(wanted) if column.role != "id"]
    read = opened_parquet if isinstance(content, pa.Buffer) else table_columns
    stored = read(content, f"dataset '{facts.name}' of {facts.owner}", [facts.id, *others])
    ids, checked = _checked_columns(facts, stored, others, place_in_parquet)
    if len(ids) != facts.rows:
        raise ROWS_DIFFER(f"{len(ids)} in dataset '{facts.name}' of {facts.owner}, and not {facts.rows}")
    return _dataset(facts, wanted, ids, checked, scratch)


def _dataset(
    spec: DatasetSpec | DatasetFacts,
    wanted: Sequence[str],
    ids: pa.LargeStringArray,
    checked: Iterator[tuple[str, pa.ChunkedArray]],
    scratch: Scratch | None,
) -> Dataset:
    rows, any_columns = len(ids), any(column.role != "id" for column in spec.select(wanted))
    table = laid(checked, rows, scratch) if any_columns else pa.table({"rows": pa.nulls(rows)}).select([])
    pa.default_memory_pool().release_unused()
    return Dataset(spec, table, ids)


def inspect(spec: DatasetSpec, owner: str, scratch: Scratch | None = None) -> DatasetFacts:
    """Read and check everything declared, and say what peers may know. No table is kept.

    Raises as :func:`load`.
    """
    ids, checked = _checked(spec, [column.name for column in spec.columns], scratch)
    for _ in checked:
        pass
    return DatasetFacts(
        name=spec.name, owner=owner, columns=spec.columns, id_rule=spec.id_rule, rows=len(ids)
    )


def _checked(
    spec: DatasetSpec, wanted: Sequence[str], scratch: Scratch | None
) -> tuple[pa.LargeStringArray, Iterator[tuple[str, pa.ChunkedArray]]]:
    """Ids, and the other wanted columns one after another."""
    others = [column for column in spec.select(wanted) if column.role != "id"]
    stored, place = source_columns(spec, [spec.id, *others], scratch)
    return _checked_columns(spec, stored, others, place)


def _checked_columns(
    spec: DatasetSpec | DatasetFacts,
    stored: Iterator[tuple[str, pa.ChunkedArray]],
    others: Sequence[Column],
    place: Place,
) -> tuple[pa.LargeStringArray, Iterator[tuple[str, pa.ChunkedArray]]]:
    ids = checked_ids(next(stored)[1], spec.id.name, spec.id_rule, place)
    checked = (
        (name, checked_values(values, column, place))
        for (name, values), column in zip(stored, others, strict=True)
    )
    return ids, checked


def source_columns(
    spec: DatasetSpec, columns: Sequence[Column], scratch: Scratch | None
) -> tuple[Iterator[tuple[str, pa.ChunkedArray]], Place]:
    """Names and values of the columns in their order, one after another, and where a row is in the file."""
    path = Path(spec.source.path)
    if isinstance(spec.source, CsvSource):
        table = read_csv(spec.source, path, columns, scratch)
        return ((column.name, table[column.name]) for column in columns), place_in_csv(spec.source, path)
    return read_parquet(path, columns), place_in_parquet
