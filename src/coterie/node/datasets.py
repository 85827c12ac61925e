"""The tables that this party has registered, and who may know what of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import delete, select, update

from coterie.agreement import Agreement
from coterie.crypto import now, timestamp
from coterie.data import (
    DatasetFacts,
    DatasetSpec,
    Inspected,
    Scratch,
    id_names,
    inspected,
    parse_spec,
    source_stamp,
)
from coterie.errors import UNEXPECTED, CoterieError

from .core import Core
from .errors import DATASET_CHANGED, DATASET_EXISTS, DATASET_NOT_FOR_PEER, DATASET_UNKNOWN, HUB_HOLDS_NO_DATA
from .failures import log_unexpected
from .home import Home
from .query_rows import forget_rows, new_rows, read_spec, require_rows, source_words
from .store import DatasetRow, LeftOutRow
from .views import ColumnView, DatasetView

__all__ = ["Datasets"]


class Datasets:
    """Descriptions and public facts. No row is kept here but those of queries, in files of their own."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._reading: dict[str, asyncio.Lock] = {}

    async def add(self, text: str, folder: Path | None) -> DatasetView:
        """Register a table after reading all of it.

        :raises CoterieError: CT-5030, CT-5034, and what is wrong with the description or the table.
        """
        if self._core.is_hub:
            raise HUB_HOLDS_NO_DATA(self._core.name)
        spec = parse_spec(text, folder=folder or self._core.home.path)
        async with self._reading.setdefault(spec.name, asyncio.Lock()):
            return await self._add(spec)

    async def _add(self, spec: DatasetSpec) -> DatasetView:
        with self._core.store.session() as session:
            if session.get(DatasetRow, spec.name) is not None:
                raise DATASET_EXISTS(repr(spec.name))
        found, stamp = await self._read_anew(spec)
        row = DatasetRow(
            name=spec.name,
            spec=spec.model_dump_json(),
            facts=found.facts.model_dump_json(),
            stamp=stamp,
            added=timestamp(now()),
        )
        with self._core.store.session() as session:
            if session.get(DatasetRow, spec.name) is not None:
                raise DATASET_EXISTS(repr(spec.name))
            session.add(row)
            left_out = session.merge(_left_out(found))
        return self._view(row, left_out)

    async def refresh(self, name: str) -> DatasetView:
        """Read a table again, of a query ask its database again, and tell from now on what is found: its rows
        may be others. Columns and rules stay those of the description.

        :raises CoterieError: CT-5031, and what is wrong with the table now: it stays known as it was.
        """
        spec = DatasetSpec.model_validate_json(self._row(name).spec)
        async with self._reading.setdefault(name, asyncio.Lock()):
            found, stamp = await self._read_anew(spec)
            with self._core.store.session() as session:
                row = session.get(DatasetRow, name)
                if row is not None:
                    row.facts, row.stamp = found.facts.model_dump_json(), stamp
                    session.merge(_left_out(found))
            if row is None:  # removed meanwhile
                forget_rows(self._core.home, name)
        return self.show(name)

    async def _read_anew(self, spec: DatasetSpec) -> tuple[Inspected, str]:
        """What is in the table now, and the stamp of what was read."""

        def work() -> tuple[Inspected, str]:
            with new_rows(self._core.home, spec) as reading:
                stamp = source_stamp(reading.source)
                return self._inspected(reading), stamp

        return await asyncio.to_thread(work)

    def _inspected(self, spec: DatasetSpec) -> Inspected:
        try:
            return inspected(spec, self._core.name, Scratch(self._core.home.jobs))
        except CoterieError:
            raise
        except Exception as error:
            log_unexpected(f"reading dataset {spec.name}", error)
            raise UNEXPECTED(f"{type(error).__name__} while reading dataset {spec.name!r}") from error

    def views(self) -> list[DatasetView]:
        with self._core.store.session() as session:
            rows = session.scalars(select(DatasetRow).order_by(DatasetRow.name))
            return [self._view(row, session.get(LeftOutRow, row.name)) for row in rows]

    def show(self, name: str) -> DatasetView:
        """:raises CoterieError: CT-5031."""
        row = self._row(name)
        with self._core.store.session() as session:
            return self._view(row, session.get(LeftOutRow, name))

    def remove(self, name: str) -> None:
        """:raises CoterieError: CT-5031."""
        with self._core.store.session() as session:
            session.delete(self._row(name))
            session.execute(delete(LeftOutRow).where(LeftOutRow.name == name))
        forget_rows(self._core.home, name)

    def spec(self, name: str) -> DatasetSpec:
        """The description as it is read, for the own worker. :raises CoterieError: CT-5031."""
        return read_spec(self._core.home, DatasetSpec.model_validate_json(self._row(name).spec))

    def stamp(self, name: str) -> str:
        """Of the table's file as it was last read. :raises CoterieError: CT-5031."""
        return self._row(name).stamp

    def facts(self, name: str) -> DatasetFacts:
        """:raises CoterieError: CT-5031."""
        return DatasetFacts.model_validate_json(self._row(name).facts)

    async def check_unchanged(self, name: str) -> None:
        """Read the table again, before a job is planned with it, if its file is not the one of last time.

        :raises CoterieError: CT-5033, CT-1481, and what is wrong with the table now.
        """
        known, spec, stamp = self.facts(name), self.spec(name), self._row(name).stamp
        present = await asyncio.to_thread(source_stamp, spec.source)
        if present == stamp:
            return
        require_rows(self._core.home, DatasetSpec.model_validate_json(self._row(name).spec))
        read = await asyncio.to_thread(self._inspected, spec)
        found = read.facts
        if found != known:
            what = (
                f"{found.rows} rows, {known.rows} when it was registered"
                if found.rows != known.rows
                else "columns"
            )
            raise DATASET_CHANGED(f"{name!r}: {what}", party=self._core.name)
        with self._core.store.session() as session:
            session.execute(update(DatasetRow).where(DatasetRow.name == name).values(stamp=present))
            session.merge(_left_out(read))

    def facts_for(self, peer: str, agreement: Agreement, name: str) -> DatasetFacts:
        """What ``peer`` may know: facts of a dataset that an agreement with it names.

        :raises CoterieError: CT-5032, CT-5031.
        """
        terms = agreement.terms
        granted = next(
            (one for one in terms.datasets if (one.name, one.owner) == (name, self._core.name)), None
        )
        if granted is None or peer not in {*terms.parties, *terms.services}:
            raise DATASET_NOT_FOR_PEER(f"{name!r} under {terms.name!r}", party=self._core.name)
        facts = self.facts(name)
        # All parts of the id, whatever is granted: with a part of them alone, ids would be other ones.
        shown = {*id_names(facts.id_names), granted.label, *granted.columns}
        columns = tuple(column for column in facts.columns if column.name in shown)
        return facts.model_copy(update={"columns": columns})

    def _view(self, row: DatasetRow, left_out: LeftOutRow | None) -> DatasetView:
        return _view(self._core.home, row, left_out)

    def _row(self, name: str) -> DatasetRow:
        with self._core.store.session() as session:
            row = session.get(DatasetRow, name)
        if row is None:
            raise DATASET_UNKNOWN(repr(name[:60]), party=self._core.name)
        return row


def _left_out(found: Inspected) -> LeftOutRow:
    return LeftOutRow(name=found.facts.name, without_id=found.without_id, repeated=found.repeated)


def _view(home: Home, row: DatasetRow, left_out: LeftOutRow | None) -> DatasetView:
    facts = DatasetFacts.model_validate_json(row.facts)
    return DatasetView(
        name=row.name,
        owner=facts.owner,
        rows=facts.rows,
        ids=facts.distinct,
        without_id=0 if left_out is None else left_out.without_id,
        repeated=0 if left_out is None else left_out.repeated,
        columns=tuple(ColumnView(**column.model_dump()) for column in facts.columns),
        source=source_words(home, DatasetSpec.model_validate_json(row.spec)),
        added=row.added,
    )
