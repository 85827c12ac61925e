"""Prepared tables of others, taken in at this node, and questions to their owners."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coterie.agreement import LOOKUP_NOT_GRANTED, Agreement, LookupTerms, standing
from coterie.crypto import now, write_error
from coterie.data import asked_ids, keyed_ids
from coterie.errors import CoterieError
from coterie.psi import PreparedTable, Question, TableHead, peek_table, take_table

from .agreements import Agreements
from .core import Core
from .errors import ASKED_WRONG, LOOKUP_MALFORMED, TABLE_MISSING
from .lookup_views import LookupTableView, LookupView
from .lookups import binding_of
from .messages import LookupAnswer, LookupQuestion
from .network import Network

__all__ = ["Looking"]

AT_ONCE = 1 << 14
"""Ids of one question: half a megabyte, and a fraction of a second at its owner."""


class Looking:
    """The side that asks."""

    def __init__(self, core: Core, network: Network, agreements: Agreements) -> None:
        self._core = core
        self._network = network
        self._agreements = agreements
        self._open: dict[Path, PreparedTable] = {}

    @property
    def _folder(self) -> Path:
        return self._core.home.lookups / "taken"

    async def add(self, path: Path) -> LookupTableView:
        """Check a table and take a copy of it in. It replaces one of the same dataset and agreement.

        :raises CoterieError: CT-1122, CT-2030 to CT-2033 (the file), CT-5040, CT-5041 (its agreement),
            CT-1638 (not for this party), CT-1120, CT-1121 (disk).
        """
        head = await asyncio.to_thread(peek_table, path)
        agreement = await self._agreements.in_force(head.agreement)
        terms = self._granted(agreement, head.owner.name, head.dataset)
        owner, target = self._core.public(head.owner.name), self._place(head)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(self._folder, error) from error
        head = await asyncio.to_thread(take_table, path, target, binding_of(agreement, terms), owner)
        for place, other in self._heads():
            if place != target and (other.agreement, other.dataset, other.owner) == _of(head):
                self._forget(place)
        names = {"agreement": head.agreement, "dataset": head.dataset, "table": head.table}
        await self._core.record("lookup", {"event": "taken", **names, "entries": head.entries})
        return self._view(head)

    async def ask(
        self, agreement: str, dataset: str, ids: Sequence[Sequence[str]], owner: str | None = None
    ) -> LookupView:
        """Which of these ids the owner of a dataset has, by its table here and one question for each 16384 of
        them, all sent at once.

        :param ids: of each its parts, as people write them; the table says how they are brought into one
            form. Of what nothing is left then the owner has none, and it is not asked.
        :param owner: of the dataset, where several parties have one of this name.

        :raises CoterieError: CT-5040, CT-5041, CT-162x (not in force), CT-1638, CT-5090 (no table here),
            CT-5093 (other ids than the table's), CT-2034 (the owner used another key), those of
            :meth:`Network.ask_soon`, and the owner's: CT-1639, CT-1640, CT-5091.
        """
        found = await self._agreements.in_force(agreement)
        standing(found.terms, now=now(), revocations=self._agreements.revocations(found.id)).require()
        terms = self._granted(found, owner, dataset)
        table = self._table(found, terms)
        hashes, there = await asyncio.to_thread(self._hashes, table.head, ids, self._agreements.id_key(found))
        held = np.zeros(len(ids), dtype=np.bool_)
        spans = [slice(start, start + AT_ONCE) for start in range(0, len(hashes), AT_ONCE)]
        asking = [self._one(table, terms.owner, hashes[span]) for span in spans]
        answers = await asyncio.gather(*asking)
        if answers:
            held[there] = np.concatenate([one for one, _ in answers])
        left = min((one for _, one in answers), default=None)
        return LookupView(held=tuple(held.tolist()), left=left)

    async def _one(
        self, table: PreparedTable, owner: str, hashes: NDArray[np.uint8]
    ) -> tuple[NDArray[np.bool_], int]:
        """One question: a round trip."""
        head = table.head
        question = await asyncio.to_thread(Question.of, hashes)
        message = LookupQuestion.model_construct(
            agreement=head.agreement, dataset=head.dataset, table=head.table, points=question.points.tobytes()
        )
        answer = await self._network.ask_soon(owner, message, LookupAnswer)

        def found() -> NDArray[np.bool_]:
            if len(answer.answers) != question.points.nbytes:
                raise LOOKUP_MALFORMED(f"{len(answer.answers)} bytes of answers", party=owner)
            points = np.frombuffer(answer.answers, dtype=np.uint8).reshape(-1, 32)
            values = question.values(head.table, points, answer.proof, head.width, party=owner)
            return table.holds(values)

        return await asyncio.to_thread(found), answer.left

    def _hashes(
        self, head: TableHead, ids: Sequence[Sequence[str]], key: bytes
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Hashes of the ids of which something is left, and which these are."""
        try:
            texts = asked_ids(ids, head.rules)
        except (ValueError, KeyError) as error:
            raise ASKED_WRONG(f"the id of {head.dataset!r} has {len(head.rules)} parts") from error
        there = np.flatnonzero(np.asarray(texts.is_valid()))
        return keyed_ids(texts.drop_null(), key), there

    def _table(self, agreement: Agreement, terms: LookupTerms) -> PreparedTable:
        for place, head in self._heads():
            if (head.agreement, head.dataset, head.owner.name) == (agreement.id, terms.dataset, terms.owner):
                if place not in self._open:
                    self._open[place] = PreparedTable.open(place)
                return self._open[place]
        raise TABLE_MISSING(f"{terms.dataset!r} of {terms.owner!r}", party=self._core.name)

    def _granted(self, agreement: Agreement, owner: str | None, dataset: str) -> LookupTerms:
        fitting = [
            one
            for one in agreement.terms.lookups
            if one.dataset == dataset and owner in (None, one.owner) and self._core.name in one.to
        ]
        if len(fitting) != 1:
            several = f", name one owner of {', '.join(one.owner for one in fitting)}" if fitting else ""
            raise LOOKUP_NOT_GRANTED(f"{dataset!r}{several}", party=self._core.name)
        return fitting[0]

    def remove(self, agreement: str, dataset: str) -> bool:
        """Delete the tables of a dataset that were taken in; whether there were any."""
        found = self._agreements.get(agreement)
        gone = [
            place for place, head in self._heads() if (head.agreement, head.dataset) == (found.id, dataset)
        ]
        for place in gone:
            self._forget(place)
        return bool(gone)

    def views(self) -> list[LookupTableView]:
        """Tables that were taken in."""
        return [self._view(head) for _, head in self._heads()]

    def _view(self, head: TableHead) -> LookupTableView:
        terms = None
        with contextlib.suppress(CoterieError):  # an agreement is never forgotten, but files stay longer
            terms = self._agreements.get(head.agreement).terms.lookup(head.owner.name, head.dataset)
        return LookupTableView(
            agreement=head.agreement,
            dataset=head.dataset,
            owner=head.owner.name,
            table=head.table,
            state="ready",
            entries=head.entries,
            size=head.file_size,
            created=head.created,
            max_ids=0 if terms is None else terms.max_ids,
            per_minute=0 if terms is None else terms.per_minute,
        )

    def _place(self, head: TableHead) -> Path:
        return self._folder / f"{head.table}.table"

    def _heads(self) -> list[tuple[Path, TableHead]]:
        found = []
        for place in sorted(self._folder.glob("*.table")):
            try:
                found.append((place, self._open[place].head if place in self._open else peek_table(place)))
            except CoterieError:  # it was exchanged or removed between two looks
                continue
        return found

    def _forget(self, place: Path) -> None:
        # Lookups that are under way keep the mapping until they are done.
        self._open.pop(place, None)
        place.unlink(missing_ok=True)


def _of(head: TableHead) -> tuple[object, ...]:
    return head.agreement, head.dataset, head.owner
