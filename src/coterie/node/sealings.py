"""The sealed form of this party's datasets: what an agreement grants of them, under a key that stays here.

::

    home/sealed/<first 16 digits of the agreement's id>/<dataset>.sealed
    …                                                  <dataset>.sealed.record
    …                                                  <dataset>.stamp     agreement, and state of the table

A dataset is sealed for an agreement when a job of engine tee is first planned with it, and again when its
file has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from coterie.agreement import Agreement, DatasetTerms
from coterie.crypto import atomic_write, write_error
from coterie.data import DatasetSpec, id_names
from coterie.errors import UNEXPECTED, CoterieError
from coterie.tee import KEY_MISSING, DatasetRecord, KeyStore, peek, read_record, record_path

from .core import Core
from .datasets import Datasets
from .errors import DATASET_NOT_FOR_PEER
from .failures import log_unexpected
from .sealing import seal_table

__all__ = ["Sealings"]

PATIENCE = 20.0
"""Seconds after which a peer is told that its question is still being worked on."""


class Sealings:
    """Sealed data of this party. What is sealed is in the ledger, and so is that a key was destroyed."""

    def __init__(self, core: Core, datasets: Datasets, in_use: Callable[[str], bool]) -> None:
        """:param in_use: whether a job that is not over uses the record of that digest."""
        self._core, self._datasets, self._in_use = core, datasets, in_use
        self._keys = KeyStore(core.home.keys)
        self._making: dict[Path, asyncio.Task[DatasetRecord]] = {}

    def container(self, agreement: str, dataset: str) -> Path:
        """Where the sealed form of a dataset lies."""
        return self._core.home.sealed / agreement.removeprefix("sha256:")[:16] / f"{dataset}.sealed"

    async def record(self, agreement: Agreement, dataset: str) -> DatasetRecord | None:
        """The record of a dataset that is sealed for an agreement; None while it is being sealed: ask again.

        :raises CoterieError: CT-5031, CT-5032, what is wrong with the table, CT-1120, CT-1121.
        """
        granted = _granted(agreement, self._core.name, dataset)
        place = self.container(agreement.id, dataset)
        task = self._making.get(place)
        if task is not None and task.done():  # who asked has not come back
            del self._making[place]
            task = None
        if task is None:
            work = self._sealed(agreement, granted, place)
            task = asyncio.get_running_loop().create_task(work, name=f"sealing {dataset}")
            task.add_done_callback(lambda over: over.cancelled() or over.exception())
            self._making[place] = task
        done, _ = await asyncio.wait([task], timeout=PATIENCE)
        return task.result() if done else None

    async def _sealed(self, agreement: Agreement, granted: DatasetTerms, place: Path) -> DatasetRecord:
        spec = self._datasets.spec(granted.name)
        shown = {*id_names(spec.id_names), granted.label, *granted.columns}
        spec = spec.model_copy(update={"columns": tuple(one for one in spec.columns if one.name in shown)})
        stamp = self._datasets.stamp(granted.name)
        known = await asyncio.to_thread(self._known, spec, stamp, place)
        if known is not None:
            return known
        old = await asyncio.to_thread(_old, place)
        made = await self._seal(spec, f"{agreement.id}\n{stamp}", place)
        body = {"event": "sealed", "agreement": agreement.id, "dataset": made.dataset, "file": made.file}
        await self._core.record("sealed", {**body, "record": made.digest, "root": made.root})
        if old is not None and not self._in_use(old.digest):
            await self._destroy(old, "sealed again")
        return made

    def _known(self, spec: DatasetSpec, stamp: str, place: Path) -> DatasetRecord | None:
        """What lies there, if it is what is asked for."""
        try:
            record, preamble = read_record(record_path(place)), peek(place)
            record.verify(self._core.identity.public)
            record.require(preamble)
            self._keys.key(preamble)
            same = place.with_suffix(".stamp").read_text(encoding="utf-8").partition("\n")[2] == stamp
        except (CoterieError, OSError, UnicodeDecodeError):
            return None
        return record if same and (record.columns, record.id_rule) == (spec.columns, spec.id_rule) else None

    async def _seal(self, spec: DatasetSpec, stamp: str, place: Path) -> DatasetRecord:
        def work() -> DatasetRecord:
            _unlink(place)
            record = seal_table(self._core.home, self._core.identity, spec, place)
            atomic_write(place.with_suffix(".stamp"), stamp.encode())
            return record

        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return await asyncio.to_thread(work)
        except CoterieError as error:
            raise error.at(party=self._core.name) from None
        except OSError as error:
            raise write_error(place, error) from error
        except Exception as error:
            log_unexpected(f"sealing {spec.name}", error)
            raise UNEXPECTED(f"{type(error).__name__} while sealing {spec.name!r}") from error

    def all(self) -> dict[str, tuple[str, DatasetRecord]]:
        """Everything that is sealed here, by file: the agreement that it is sealed for, and its record."""
        found: dict[str, tuple[str, DatasetRecord]] = {}
        for stamp in sorted(self._core.home.sealed.glob("*/*.stamp")):
            record = _old(stamp.with_suffix(".sealed"))
            with contextlib.suppress(OSError, UnicodeDecodeError):  # it is being sealed again, or damaged
                agreement = stamp.read_text(encoding="utf-8").partition("\n")[0]
                if record is not None:
                    found[record.file] = (agreement, record)
        return found

    async def withdraw(self, agreement: str, dataset: str, reason: str) -> DatasetRecord | None:
        """Destroy the key of what was sealed for an agreement, wherever its copies lie; its record, if there
        was one. What runs now and has the key goes on.

        :raises CoterieError: CT-1121.
        """
        place = self.container(agreement, dataset)
        old = await asyncio.to_thread(_old, place)
        if old is not None:
            await self._destroy(
                old, reason
            )  # first: while it is not done, the record says what is to be done
        try:
            _unlink(place)
        except OSError as error:
            raise write_error(place, error) from error
        return old

    async def _destroy(self, record: DatasetRecord, reason: str) -> None:
        try:
            await asyncio.to_thread(self._keys.remove, bytes.fromhex(record.file))
        except CoterieError as error:
            if error.code != KEY_MISSING.code:  # gone is gone; what is still there is not called destroyed
                raise
        body = {"event": "key destroyed", "dataset": record.dataset, "file": record.file, "root": record.root}
        await self._core.record("sealed", {**body, "record": record.digest, "reason": reason})


def _granted(agreement: Agreement, owner: str, dataset: str) -> DatasetTerms:
    """:raises CoterieError: CT-5032."""
    found = agreement.terms.dataset(owner, dataset)
    if found is None:
        raise DATASET_NOT_FOR_PEER(f"{dataset!r} under {agreement.terms.name!r}", party=owner)
    return found


def _unlink(place: Path) -> None:
    """The container and what lies beside it. Raises OSError."""
    for path in (place, record_path(place), place.with_suffix(".stamp")):
        path.unlink(missing_ok=True)


def _old(place: Path) -> DatasetRecord | None:
    try:
        return read_record(record_path(place))
    except CoterieError:
        return None
