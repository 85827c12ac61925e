"""Prepared tables of this node's own datasets: made, and asked by others within the agreement.

They lie in ``home/lookups/own/<table>/``: the seed of the key, what it is for, the table, and while it is
made what is half done. The secret never leaves the node; the table is a file for those who ask.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from coterie.agreement import LOOKUP_NOT_GRANTED, Agreement, LookupTerms, standing
from coterie.crypto import atomic_write, canonical, now, parse_json, write_error
from coterie.data import check_repeats, id_batches, keyed_ids
from coterie.errors import UNEXPECTED, CoterieError
from coterie.psi import TableBinding, TableHead, TableKey, peek_table, prepare

from .agreements import Agreements
from .core import Core
from .datasets import Datasets
from .errors import LOOKUP_MALFORMED, NODE_STOPPED, TABLE_BUSY, TABLE_MISSING, TABLE_OUTDATED
from .failures import error_view, log_unexpected
from .lookup_counts import LookupCounts
from .lookup_views import LookupTableView
from .messages import LookupAnswer, LookupQuestion

__all__ = ["Lookups", "binding_of"]

POINT = 32
MOST_POINTS = 1 << 16

_LARGEST_ABOUT = 64 * 1024


class About(BaseModel):
    """What a table's key is for, beside its seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    binding: TableBinding
    rules: tuple[tuple[str, ...], ...]
    rows: int
    """With an id, those that repeat one too."""


@dataclass
class Making:
    """A table that is being made."""

    agreement: str
    dataset: str
    table: str
    total: int
    done: int = 0
    error: CoterieError | None = None
    stop: threading.Event = field(default_factory=threading.Event)


def binding_of(agreement: Agreement, terms: LookupTerms) -> TableBinding:
    """What a table under these terms is of and for."""
    return TableBinding(agreement=agreement.id, dataset=terms.dataset, lookups=terms.lookups)


class Lookups:
    """The owner's side."""

    def __init__(self, core: Core, agreements: Agreements, datasets: Datasets) -> None:
        self._core = core
        self._agreements = agreements
        self._datasets = datasets
        self.counts = LookupCounts(core)
        self._making: dict[tuple[str, str], Making] = {}
        self._keys: dict[str, tuple[TableKey, TableBinding]] = {}
        # Threads of its own: preparing takes long, and answers must not wait for it.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="preparing")

    @property
    def _folder(self) -> Path:
        return self._core.home.lookups / "own"

    # -- preparing

    async def prepare(self, agreement: str, dataset: str) -> LookupTableView:
        """Begin to make a table of an own dataset, or go on with one that was begun; see :meth:`views`. It
        replaces the present one when it is done.

        :raises CoterieError: CT-5040, CT-5041, CT-1638, CT-162x (not in force), CT-5031, CT-5033, CT-5094,
            and what is wrong with the dataset.
        """
        found = await self._agreements.in_force(agreement)
        terms = self._granted(found, dataset)
        self._in_time(found)
        place = (found.id, dataset)
        if (running := self._making.get(place)) is not None and running.error is None:
            raise TABLE_BUSY(f"{running.done:,} of {running.total:,} ids", party=self._core.name)
        await self._datasets.check_unchanged(dataset)
        view = self._datasets.show(dataset)
        rules = tuple(tuple(rule) for rule in self._datasets.facts(dataset).rules)
        about = About(binding=binding_of(found, terms), rules=rules, rows=view.rows + view.repeated)
        table, key = await asyncio.to_thread(self._begun, about)
        making = Making(found.id, dataset, table, about.rows)
        self._making[place] = making
        self._core.spawn(
            f"preparing {dataset}", self._make(making, about, key, self._agreements.id_key(found))
        )
        return self._view_making(making)

    def _begun(self, about: About) -> tuple[str, TableKey]:
        """The key of a table of this that is not done, or a new one."""
        for folder in self._folders():
            if not (folder / "table").exists() and self._about(folder) == about:
                return folder.name, self._key(folder.name)
        seed = secrets.token_bytes(32)
        key = TableKey(seed, about.binding)
        folder = self._folder / key.table
        try:
            folder.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise write_error(folder, error) from error
        atomic_write(folder / "seed", seed)
        atomic_write(folder / "about.json", canonical(about))
        return key.table, key

    async def _make(self, making: Making, about: About, key: TableKey, id_key: bytes) -> None:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._made, making, about, key, id_key)
        try:
            head = await asyncio.shield(work)
            names = {"agreement": making.agreement, "dataset": making.dataset, "table": making.table}
            await self._core.record("lookup", {"event": "prepared", **names, "entries": head.entries})
            await asyncio.to_thread(self._sweep, head)
            del self._making[making.agreement, making.dataset]
        except CoterieError as error:
            making.error = error.at(party=self._core.name)
        except asyncio.CancelledError:
            making.stop.set()
            await asyncio.wait([work])  # half a second: a node that ends leaves no thread behind
            raise
        except Exception as error:  # noqa: BLE001 - it must not look as if it went on for ever
            log_unexpected(f"preparing {making.dataset}", error)
            making.error = UNEXPECTED(type(error).__name__, party=self._core.name)

    def _made(self, making: Making, about: About, key: TableKey, id_key: bytes) -> TableHead:
        spec, facts = self._datasets.spec(making.dataset), self._datasets.facts(making.dataset)

        def progress(done: int, _total: int, _what: str) -> None:
            making.done = done
            if making.stop.is_set():
                raise NODE_STOPPED("a table was being prepared", party=self._core.name)

        def check(different: int) -> None:
            check_repeats(spec, facts, about.rows, different)

        folder = self._folder / making.table
        return prepare(
            (keyed_ids(ids, id_key) for ids in id_batches(spec)),
            about.rows,
            key,
            about.binding,
            self._core.identity,
            folder / "table",
            folder / "work",
            rules=about.rules,
            check=check,
            progress=progress,
        )

    def _sweep(self, head: TableHead) -> None:
        """Take away other tables of the same."""
        for folder in self._folders():
            about = self._about(folder)
            if folder.name != head.table and about is not None and _same(about.binding, head.binding):
                shutil.rmtree(folder, ignore_errors=True)

    async def remove(self, agreement: str, dataset: str) -> None:
        """Delete a table with its key: nobody gets an answer from it any more.

        :raises CoterieError: CT-5040, CT-5016, CT-5090.
        """
        found = self._agreements.get(agreement)
        making = self._making.pop((found.id, dataset), None)
        if making is not None:
            making.stop.set()
        gone = [folder for folder in self._folders() if self._is_of(folder, found.id, dataset)]
        if not gone and making is None:
            raise TABLE_MISSING(f"{dataset!r} under {found.terms.name!r}", party=self._core.name)
        for folder in gone:
            self._keys.pop(folder.name, None)
            (folder / "seed").unlink(missing_ok=True)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            names = {"agreement": found.id, "dataset": dataset, "table": folder.name}
            await self._core.record("lookup", {"event": "removed", **names, "entries": 0})

    # -- answering

    async def answer(self, peer: str, question: LookupQuestion) -> LookupAnswer:
        """Count the ids, then answer.

        :raises CoterieError: CT-5040, CT-5041, CT-162x (not in force), CT-1638 (not for this party), CT-5090,
            CT-5091 (no such table), CT-5092, CT-2003 (not in the form of a question), CT-1639, CT-1640
            (limits).
        """
        self._agreements.check_names(peer, self._agreements.get(question.agreement))
        found = await self._agreements.in_force(question.agreement)
        terms = self._granted(found, question.dataset, peer)
        self._in_time(found)
        points = _points(question.points, peer)
        key = self._present(question.table, binding_of(found, terms))
        left = await self.counts.take(found.id, terms, peer, len(points))
        answers, proof = await asyncio.to_thread(lambda: key.answer(points, party=peer))
        return LookupAnswer.model_construct(answers=answers.tobytes(), proof=proof, left=left)

    def _present(self, table: str, binding: TableBinding) -> TableKey:
        """The key of that table, if it is the one of this dataset. In memory after the first time."""
        known = self._keys.get(table)
        if known is not None and known[1] == binding and (self._folder / table / "table").exists():
            return known[0]
        ready = [
            folder
            for folder in self._folders()
            if (folder / "table").exists() and self._is_of(folder, binding.agreement, binding.dataset)
        ]
        if not ready:
            raise TABLE_MISSING(repr(binding.dataset), party=self._core.name)
        if table not in {folder.name for folder in ready}:
            raise TABLE_OUTDATED(f"{table[:12]} of {binding.dataset!r}", party=self._core.name)
        return self._key(table)

    def _key(self, table: str) -> TableKey:
        about = self._about(folder := self._folder / table)
        try:
            seed = (folder / "seed").read_bytes()
        except OSError as error:
            raise TABLE_MISSING(f"its key: {error.strerror}", party=self._core.name) from error
        if about is None or (key := TableKey(seed, about.binding)).table != table:
            raise TABLE_MISSING("its key is not of this table", party=self._core.name)
        self._keys[table] = key, about.binding
        return key

    def _granted(self, agreement: Agreement, dataset: str, peer: str | None = None) -> LookupTerms:
        terms = agreement.terms.lookup(self._core.name, dataset)
        if terms is None or (peer is not None and peer not in terms.to):
            raise LOOKUP_NOT_GRANTED(f"{dataset!r} of {self._core.name!r}", party=peer)
        return terms

    def _in_time(self, agreement: Agreement) -> None:
        standing(agreement.terms, now=now(), revocations=self._agreements.revocations(agreement.id)).require()

    # -- what there is

    async def views(self) -> list[LookupTableView]:
        """Own tables, those that are being made first."""
        making = [self._view_making(one) for one in self._making.values()]
        busy = {one.table for one in self._making.values()}
        there = await asyncio.to_thread(self._folders)
        return [
            *making,
            *(view for folder in there if folder.name not in busy for view in self._view(folder)),
        ]

    def _view_making(self, making: Making) -> LookupTableView:
        return LookupTableView(
            agreement=making.agreement,
            dataset=making.dataset,
            owner=self._core.name,
            table=making.table,
            state="preparing" if making.error is None else "failed",
            done=making.done,
            total=making.total,
            error=None if making.error is None else error_view(making.error),
        )

    def _view(self, folder: Path) -> list[LookupTableView]:
        about = self._about(folder)
        if about is None:
            return []
        names = {"agreement": about.binding.agreement, "dataset": about.binding.dataset}
        facts: dict[str, Any] = {**names, "owner": self._core.name, "table": folder.name}
        try:
            terms = self._agreements.get(about.binding.agreement).terms.lookup(
                self._core.name, about.binding.dataset
            )
            if terms is not None:
                asked = self.counts.asked(about.binding.agreement, terms.dataset, terms.to)
                facts |= {"asked": asked, "max_ids": terms.max_ids, "per_minute": terms.per_minute}
            head = peek_table(folder / "table")
        except CoterieError:
            return [LookupTableView(**facts, state="interrupted", total=about.rows)]
        ready = {"entries": head.entries, "size": head.file_size, "created": head.created}
        return [LookupTableView(**facts, **ready, state="ready", path=str(folder / "table"))]

    def _folders(self) -> list[Path]:
        return sorted(self._folder.glob("*/"))

    def _is_of(self, folder: Path, agreement: str, dataset: str) -> bool:
        about = self._about(folder)
        return about is not None and (about.binding.agreement, about.binding.dataset) == (agreement, dataset)

    def _about(self, folder: Path) -> About | None:
        try:
            text = (folder / "about.json").read_bytes()[:_LARGEST_ABOUT]
            return About.model_validate(parse_json(text, limit=_LARGEST_ABOUT))
        except (OSError, CoterieError, ValueError):
            return None


def _same(a: TableBinding, b: TableBinding) -> bool:
    return (a.agreement, a.dataset) == (b.agreement, b.dataset)


def _points(data: bytes, peer: str) -> NDArray[np.uint8]:
    if not 1 <= len(data) <= POINT * MOST_POINTS or len(data) % POINT:
        raise LOOKUP_MALFORMED(f"{len(data)} bytes", party=peer)
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, POINT)
