"""The tables that this party has registered, and who may know what of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import delete, select, update

from coterie.agreement import Agreement
from coterie.crypto import now, timestamp
from coterie.data import DatasetFacts, DatasetSpec, Inspected, Scratch, id_names, inspected, parse_spec
from coterie.errors import UNEXPECTED, CoterieError

from .core import Core
from .errors import DATASET_CHANGED, DATASET_EXISTS, DATASET_NOT_FOR_PEER, DATASET_UNKNOWN, HUB_HOLDS_NO_DATA
from .failures import log_unexpected
from .store import DatasetRow, LeftOutRow
from .views import ColumnView, DatasetView

__all__ = ["Datasets"]


class Datasets:
    """Descriptions and public facts. No row is ever kept here."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def add(self, text: str, folder: Path | None) -> DatasetView:
        """Register a table after reading all of it.

        :raises CoterieError: CT-5030, CT-5034, and what is wrong with the description or the table.
        """
        if self._core.is_hub:
            raise HUB_HOLDS_NO_DATA(self._core.name)
        spec = parse_spec(text, folder=folder or self._core.home.path)
        with self._core.store.session() as session:
            if session.get(DatasetRow, spec.name) is not None:
                raise DATASET_EXISTS(repr(spec.name))
        stamp = await asyncio.to_thread(_stamp, spec)
        found = await self._inspect(spec)
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
        return _view(row, left_out)

    async def _inspect(self, spec: DatasetSpec) -> Inspected:
        try:
            return await asyncio.to_thread(inspected, spec, self._core.name, Scratch(self._core.home.jobs))
        except CoterieError:
            raise
        except Exception as error:
            log_unexpected(f"reading dataset {spec.name}", error)
            raise UNEXPECTED(f"{type(error).__name__} while reading dataset {spec.name!r}") from error

    def views(self) -> list[DatasetView]:
        with self._core.store.session() as session:
            rows = session.scalars(select(DatasetRow).order_by(DatasetRow.name))
            return [_view(row, session.get(LeftOutRow, row.name)) for row in rows]

    def show(self, name: str) -> DatasetView:
        """:raises CoterieError: CT-5031."""
        row = self._row(name)
        with self._core.store.session() as session:
            return _view(row, session.get(LeftOutRow, name))

    def remove(self, name: str) -> None:
        """:raises CoterieError: CT-5031."""
        with self._core.store.session() as session:
            session.delete(self._row(name))
            session.execute(delete(LeftOutRow).where(LeftOutRow.name == name))

    def spec(self, name: str) -> DatasetSpec:
        """The description, for the own worker. :raises CoterieError: CT-5031."""
        return DatasetSpec.model_validate_json(self._row(name).spec)

    def stamp(self, name: str) -> str:
        """Of the table's file as it was last read. :raises CoterieError: CT-5031."""
        return self._row(name).stamp

    def facts(self, name: str) -> DatasetFacts:
        """:raises CoterieError: CT-5031."""
        return DatasetFacts.model_validate_json(self._row(name).facts)

    async def check_unchanged(self, name: str) -> None:
        """Read the table again, before a job is planned with it, if its file is not the one of last time.

        :raises CoterieError: CT-5033, and what is wrong with the table now.
        """
        known, spec, stamp = self.facts(name), self.spec(name), self._row(name).stamp
        present = await asyncio.to_thread(_stamp, spec)
        if present == stamp:
            return
        read = await self._inspect(spec)
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

    def _row(self, name: str) -> DatasetRow:
        with self._core.store.session() as session:
            row = session.get(DatasetRow, name)
        if row is None:
            raise DATASET_UNKNOWN(repr(name[:60]), party=self._core.name)
        return row


def _stamp(spec: DatasetSpec) -> str:
    """Size and time of change of the table's file; "absent" where reading it will fail."""
    try:
        status = Path(spec.source.path).stat()
    except OSError:
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


def _left_out(found: Inspected) -> LeftOutRow:
    return LeftOutRow(name=found.facts.name, without_id=found.without_id, repeated=found.repeated)


def _view(row: DatasetRow, left_out: LeftOutRow | None) -> DatasetView:
    facts = DatasetFacts.model_validate_json(row.facts)
    source = DatasetSpec.model_validate_json(row.spec).source
    return DatasetView(
        name=row.name,
        owner=facts.owner,
        rows=facts.rows,
        ids=facts.distinct,
        without_id=0 if left_out is None else left_out.without_id,
        repeated=0 if left_out is None else left_out.repeated,
        columns=tuple(ColumnView(**column.model_dump()) for column in facts.columns),
        source=f"{source.kind} {source.path}",
        added=row.added,
    )
