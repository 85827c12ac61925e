"""Loading a dataset: ids in their common form, and columns that are read when the rows are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .errors import ROWS_DIFFER, SPEC_INVALID
from .id_stream import counted
from .ids import Groups, Ids, Policy, decomposed, keyed_ids, read_ids
from .parquet_table import StoredParquet, StoredTable
from .parts import Part, parts_of
from .schema import DatasetFacts, DatasetSpec, SqlSource
from .scratch import Scratch
from .sources import source_of
from .stored import Stored, Unread, gathered, no_columns
from .yaml_text import parse_yaml

__all__ = ["Dataset", "Inspected", "inspect", "inspected", "load", "opened", "parse_spec"]

LONG_LIST = 64 << 20
"""Bytes from which on the ids of a source that has nothing else are counted without having them in memory."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """A table at its owner's node, or where its owner lets it be opened: ids, and where its columns are."""

    spec: DatasetSpec | DatasetFacts
    """What its owner declares, or what others are told of that."""
    columns: pa.Table | Unread
    """(rows of the source, columns asked for), in the order asked for, without the id column."""
    ids: pa.LargeStringArray
    """(ids,): normalised, not null, all different; parts of a composite id as one text. What is hashed,
    intersected and counted for it."""
    kept: NDArray[np.int64] | None = None
    """(rows,): which rows of the source are rows here, ascending; None for all of them. Rows without an id
    and, with ``duplicates: first``, those that repeat one, are not."""
    groups: Groups | None = None
    """With ``duplicates: all``, where some ids have several rows: the rows of each id. None elsewhere: row
    ``i`` is that of id ``i``. Who takes rows by the places of ids must go by ``groups.of(places)``, which
    gives the row numbers for :meth:`gather`, id after id, and how many each id has."""
    scratch: Scratch | None = None
    """Where the whole of a long table lies, if it is asked for; None for memory."""

    @property
    def rows(self) -> int:
        """As many as ids, but where ids have several rows."""
        return len(self.ids) if self.groups is None else len(self.groups.rows)

    @property
    def column_names(self) -> list[str]:
        names: list[str] = self.columns.column_names
        return names

    @cached_property
    def table(self) -> pa.Table:
        """(rows, columns): all rows, for who needs more than :meth:`gather` gives. Errors: as there."""
        return gathered(self.columns, self.kept, self.scratch)

    def gather(
        self,
        indices: NDArray[np.int64],
        scratch: Scratch | None = None,
        names: Sequence[str] | None = None,
    ) -> pa.Table:
        """(len(indices), columns): the rows of those numbers, in that order. Each column is read once.

        :param indices: row numbers; a negative one stands for a row that is not here, without values.
        :param names: of the columns; all that are here if None.
        :param scratch: where a long table lies; None for memory.

        Raises CT-1413, CT-1414, CT-1417, CT-1430 to CT-1432 for a column of a Parquet file, whichever rows
        are asked for; CT-1451 where the file is not the one any more that the ids are of; CT-1120, CT-1121.
        """
        columns = self.columns if names is None else self.columns.select(list(names))
        if self.kept is not None:
            indices = np.where(indices < 0, -1, self.kept[indices])
        return gathered(columns, indices, scratch)

    def keyed_ids(self, key: bytes) -> NDArray[np.uint8]:
        """(ids, 32) keyed BLAKE3 hashes of the ids; ``key`` is 32 bytes (CT-1442)."""
        return keyed_ids(self.ids, key)

    def id_table(self, ids: NDArray[np.int64] | pa.Array) -> pa.Table:
        """(len(ids), id columns): the ids at these places, normalised, in the columns that they are of."""
        parts = decomposed(self.ids.take(pa.array(ids)), len(self.spec.id_columns))
        return pa.table({c.name: part for c, part in zip(self.spec.id_columns, parts, strict=True)})

    def without_columns(self) -> Dataset:
        """The same with its ids alone."""
        return replace(self, columns=no_columns(self.columns.num_rows))

    def __repr__(self) -> str:
        return f"Dataset({self.spec.name!r}, {self.rows} rows, columns {self.column_names})"


def parse_spec(text: str, *, folder: Path) -> DatasetSpec:
    """A dataset description from YAML; a relative path in it starts at ``folder`` (CT-1401, CT-1402)."""
    spec = parse_yaml(text).model(DatasetSpec, SPEC_INVALID)
    source = spec.source
    if isinstance(source, SqlSource):
        kind, _, name = source.connection.partition(":")
        change = {"connection": f"file:{folder / name}"} if kind == "file" else {}
    else:
        change = {"path": str(folder / source.path)}
    return spec.model_copy(update={"source": source.model_copy(update=change)})


def load(spec: DatasetSpec, columns: Sequence[str] | None = None, scratch: Scratch | None = None) -> Dataset:
    """Read and check the ids, and see that the named columns (all declared ones if None) are there and of
    types that may fit. Columns of Parquet are read when they are gathered; those of CSV, whose cells come row
    by row, are converted and checked at once and lie beside. No other column is converted.

    The id may be among the names or not. Raises CT-1410 to CT-1425, CT-1430, CT-1440, CT-1441, and for CSV
    CT-1431, CT-1432.

    :param scratch: where long columns lie that are read; None for memory. Raises CT-1120, CT-1121 then.
    """
    wanted = [column.name for column in spec.columns] if columns is None else list(columns)
    others = [column for column in spec.select(wanted) if column.role != "id"]
    stored = source_of(spec.source, [*spec.id_columns, *others], scratch)
    ids = ids_of(spec, stored)
    stored.settle(others)
    pa.default_memory_pool().release_unused()
    return Dataset(spec, Unread(stored, tuple(others)), ids.values, ids.kept, ids.groups, scratch)


def opened(
    facts: DatasetFacts,
    content: pa.Table | pa.Buffer,
    columns: Sequence[str] | None = None,
    scratch: Scratch | None = None,
) -> Dataset:
    """The same of a table that is in memory, away from its owner's files, and may be gone after this: all
    that is asked for is read and checked at once.

    :param facts: what its owner has told of it.
    :param content: the table with its id column, or a Parquet file; other columns than the declared ones are
        not looked at.

    Raises CT-1413 to CT-1441; CT-1450 where the rows are not as many as the facts say.
    """
    wanted = [column.name for column in facts.columns] if columns is None else list(columns)
    others = [column for column in facts.select(wanted) if column.role != "id"]
    name = f"dataset '{facts.name}' of {facts.owner}"
    stored: Stored
    if isinstance(content, pa.Buffer):
        stored = StoredParquet([Part(Path(name), name, {})], [*facts.id_columns, *others], content)
    else:
        stored = StoredTable(content, name, [*facts.id_columns, *others])
    ids = ids_of(facts, stored)
    if (ids.rows, len(ids.values)) != (facts.rows, facts.distinct):
        raise ROWS_DIFFER(_differ(name, ids, facts))
    table = gathered(Unread(stored, tuple(others)), ids.kept, scratch)
    return Dataset(facts, table, ids.values, groups=ids.groups)


def _differ(name: str, ids: Ids, facts: DatasetFacts) -> str:
    if ids.rows != facts.rows:
        return f"{ids.rows} in {name}, and not {facts.rows}"
    return f"{len(ids.values)} different ids in {name}, and not {facts.distinct}"


class Inspected(NamedTuple):
    """What a table's owner is told of it, and of that what peers may know."""

    facts: DatasetFacts
    without_id: int
    """Rows left out for want of an id."""
    repeated: int
    """Rows left out because one before them has their id."""


def inspected(spec: DatasetSpec, owner: str, scratch: Scratch | None = None) -> Inspected:
    """Read and check everything declared. No table is kept.

    Raises as :func:`load` and :meth:`Dataset.gather`.
    """
    if _is_long_list(spec) and (found := counted(spec)) is not None:
        # Nothing repeats: the answer is the same, without all ids in memory.
        facts = DatasetFacts(
            name=spec.name, owner=owner, columns=spec.columns, id_rule=spec.id_rule, rows=found.rows
        )
        return Inspected(facts, found.without_id, 0)
    stored = source_of(spec.source, spec.columns, scratch)
    ids = ids_of(spec, stored)
    for _ in Unread(stored, tuple(column for column in spec.columns if column.role != "id")).values():
        pass
    return Inspected(facts_of(spec, owner, ids), ids.skipped, ids.repeated)


def _is_long_list(spec: DatasetSpec) -> bool:
    """Whether it is a large source of ids and of nothing else."""
    if isinstance(spec.source, SqlSource) or len(spec.id_columns) < len(spec.columns):
        return False
    return sum(part.path.stat().st_size for part in parts_of(Path(spec.source.path))) >= LONG_LIST


def inspect(spec: DatasetSpec, owner: str, scratch: Scratch | None = None) -> DatasetFacts:
    """What peers may know of a table. Raises as :func:`inspected`."""
    return inspected(spec, owner, scratch).facts


def facts_of(spec: DatasetSpec, owner: str, ids: Ids) -> DatasetFacts:
    """What peers may know of a table with these ids: nothing of rows that are left out."""
    distinct = len(ids.values) if ids.groups is not None else None
    return DatasetFacts(
        name=spec.name, owner=owner, columns=spec.columns, id_rule=spec.id_rule, rows=ids.rows, ids=distinct
    )


def ids_of(schema: DatasetSpec | DatasetFacts, stored: Stored) -> Ids:
    """The ids of an opened source, as its owner has declared them or told of them. Raises CT-1423, CT-1440,
    CT-1441, CT-1444."""
    policy = Policy.of(schema)
    if isinstance(schema, DatasetFacts) and schema.ids is not None:
        # What others are told of, and have, is without the rows that are left out.
        policy = replace(policy, duplicates="all")
    return read_ids([stored.raw(column) for column in schema.id_columns], policy, stored.place)
