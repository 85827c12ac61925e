"""Sealed data at this node, own and others', and how it ends: by word of its owner, or with its agreement.

An owner's word destroys the key at once, and so whatever copies there are; the host then deletes the
container too, and its signed entry of that goes into the owner's ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from coterie.agreement import standing
from coterie.crypto import now
from coterie.errors import CoterieError
from coterie.jobs import Holding, holdings
from coterie.ledger import Entry
from coterie.tee import DatasetRecord, Receiver, Sender, read_record, require_tee

from .agreements import Agreements
from .core import Core
from .errors import DATASET_NOT_FOR_PEER, NOT_FOUND, NOT_HOST, PROOF_REFUSED, SEALED_IN_USE
from .jobbook import JobBook
from .messages import Ok, SealedDrop, SealedDropped
from .outbox import Outbox
from .sealings import Sealings
from .views import SealedView

__all__ = ["Holdings"]

log = logging.getLogger("coterie.node")

SWEEP_SECONDS = 3600.0
"""Between two looks whether agreements have ended."""


class Holdings:
    """Lists and deletes. What is deleted is in the ledger."""

    def __init__(
        self, core: Core, outbox: Outbox, agreements: Agreements, book: JobBook, sealings: Sealings
    ) -> None:
        self._core, self._outbox, self._agreements = core, outbox, agreements
        self._book, self._sealings = book, sealings
        self._store = core.home.tee / "sealed"

    async def views(self) -> list[SealedView]:
        """Own sealed data first, then that of others."""
        own = await asyncio.to_thread(self._sealings.all)
        held = await asyncio.to_thread(lambda: list(holdings(self._store)))
        views = [_view(agreement, record, "own") for agreement, record in own.values()]
        return views + [_view(one.agreement, one.record, "held") for one in held]

    async def remove(self, file: str, reason: str) -> None:
        """Destroy the key of own data, and have its host delete it; or delete what is held of others.

        :raises CoterieError: CT-5015; CT-5080 where a job that is not over needs what is held.
        """
        own = (await asyncio.to_thread(self._sealings.all)).get(file)
        if own is not None:
            await self._withdraw(*own, reason)
            return
        held = await self._held(file)
        if held is None:
            raise NOT_FOUND(f"sealed file {file[:40]!r}")
        if self._book.uses_record(held.record.digest):
            raise SEALED_IN_USE(held.record.dataset)
        await self._delete(held, reason)

    async def add(self, agreement: str, container: Path, record: Path) -> SealedView:
        """At a host: take in an owner's sealed data, as an owner sends it that is online.

        :param container: and its record, on this machine.

        :raises CoterieError: CT-5040, CT-5041, CT-5084; CT-5032 for data that the agreement does not list;
            CT-1122, CT-2201 to CT-2203, CT-2205, CT-2207, CT-2208, CT-1101, CT-1120, CT-1121.
        """
        found = await self._agreements.in_force(agreement)
        terms = found.terms
        if require_tee(terms).host != self._core.name:
            raise NOT_HOST(terms.name, party=self._core.name)
        given = await asyncio.to_thread(read_record, record)
        owner, _, name = given.dataset.partition("/")
        if terms.dataset(owner, name) is None or terms.parties.get(owner) != given.owner.key:
            raise DATASET_NOT_FOR_PEER(f"{given.dataset} under {terms.name!r}", party=owner)
        held = Holding(agreement=found.id, record=given)
        await asyncio.to_thread(self._take, held, container)
        body = {"event": "held", "agreement": found.id, "dataset": given.dataset, "file": given.file}
        await self._core.record("sealed", {**body, "root": given.root})
        return _view(found.id, given, "held")

    def _take(self, held: Holding, container: Path) -> None:
        limit = self._core.home.settings.tee.upload
        folder, record = held.path(self._store).parent, held.record
        with (
            Receiver(folder, record, record.owner, limit=limit) as receiver,
            Sender(container, record) as sender,
        ):
            held.keep(self._store)
            while not receiver.whole:
                for piece in sender.pieces(receiver.missing()):
                    receiver.put(piece)
            receiver.finish()

    async def _withdraw(self, agreement: str, record: DatasetRecord, reason: str) -> None:
        dataset = record.dataset.partition("/")[2]
        await self._sealings.withdraw(agreement, dataset, reason)
        tee = self._agreements.get(agreement).terms.tee
        if tee is not None and tee.host != self._core.name:
            drop = SealedDrop(file=record.file, reason=reason)
            await self._outbox.send([tee.host], f"drop {record.file}", drop)

    async def _held(self, file: str) -> Holding | None:
        found = await asyncio.to_thread(lambda: list(holdings(self._store)))
        return next((one for one in found if one.record.file == file), None)

    async def _delete(self, held: Holding, reason: str) -> None:
        """Delete, write it down, and tell the owner."""
        await asyncio.to_thread(held.remove, self._store)
        record = held.record
        body: dict[str, Any] = {"event": "deleted", "agreement": held.agreement, "owner": record.owner.name}
        body |= {"dataset": record.dataset, "file": record.file, "root": record.root, "reason": reason}
        entry = await self._core.record("sealed", body)
        owner = record.owner.name
        if self._core.keys().get(owner) == record.owner.key and owner != self._core.name:
            await self._outbox.send([owner], f"dropped {record.file}", SealedDropped(entry=entry))

    async def receive_drop(self, peer: str, message: SealedDrop) -> Ok:
        """An owner wants its data deleted. A job that needs it cannot go on: it has no key any more."""
        held = await self._held(message.file)
        if held is not None and held.record.owner.key == self._core.peer(peer).key:
            await self._delete(held, f"{peer}: {message.reason}"[:500])
        return Ok()

    async def receive_dropped(self, peer: str, message: SealedDropped) -> Ok:
        """A host says that it has deleted own data. Its entry is kept in the own ledger.

        :raises CoterieError: CT-5081 for an entry that does not say so, or is not the host's.
        """
        entry, body = message.entry, message.entry.body
        named = (entry.kind, body.get("event"), body.get("owner"))
        if named != ("sealed", "deleted", self._core.name) or not entry.hash_fits():
            raise PROOF_REFUSED("it is no entry of a deletion of data of this party", party=peer)
        if not entry.signed_by(self._core.peer(peer)):
            raise PROOF_REFUSED("its signature is not the sender's", party=peer)
        self._core.allowance.take(peer)
        before = await asyncio.to_thread(lambda: list(self._core.ledger.entries("sealed")))
        same = [one.body for one in before if one.body.get("file") == body.get("file")]
        if not any(
            one.get("event") == "sealed" and self._is_host(peer, one.get("agreement")) for one in same
        ):
            raise PROOF_REFUSED("this party has sealed no such data for the sender", party=peer)
        if any(_proves(one, entry) for one in same):
            return Ok()  # messages may come twice
        proof = entry.model_dump(mode="json")
        told = {"file": body.get("file"), "root": body.get("root"), "dataset": body.get("dataset")}
        await self._core.record("sealed", {"event": "deletion proven", "host": peer, **told, "entry": proof})
        return Ok()

    def _is_host(self, peer: str, agreement: object) -> bool:
        try:
            tee = self._agreements.get(str(agreement)).terms.tee
        except CoterieError:
            return False
        return tee is not None and tee.host == peer

    async def agreement_ended(self, agreement: str, reason: str) -> None:
        """Nothing of what was sealed under an agreement stays when it has ended."""
        for known, record in (await asyncio.to_thread(self._sealings.all)).values():
            if known == agreement:
                await self._withdraw(known, record, reason)
        for held in await asyncio.to_thread(lambda: list(holdings(self._store))):
            if held.agreement == agreement:
                await self._delete(held, reason)

    async def sweep(self) -> None:
        """Delete what agreements that have ended left, now and from time to time."""
        while True:
            try:
                async for agreement, reason in self._ended():
                    await self.agreement_ended(agreement, reason)
            except CoterieError as error:
                log.error("sealed data of an agreement that has ended stays: %s", error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _ended(self) -> AsyncIterator[tuple[str, str]]:
        for agreement in {view.agreement for view in await self.views()}:
            try:
                terms = self._agreements.get(agreement).terms
                standing(terms, now=now(), revocations=self._agreements.revocations(agreement)).require()
            except CoterieError as error:
                if not any(row.agreement == agreement for row in self._book.active()):
                    yield agreement, error.title


def _proves(body: Mapping[str, Any], entry: Entry) -> bool:
    """Whether an own entry already holds this entry of the host's."""
    held = body.get("entry")
    return (
        body.get("event") == "deletion proven" and isinstance(held, dict) and held.get("hash") == entry.hash
    )


def _view(agreement: str, record: DatasetRecord, whose: Any) -> SealedView:
    return SealedView(
        file=record.file,
        dataset=record.dataset,
        whose=whose,
        agreement=agreement,
        root=record.root,
        size=record.preamble.file_size,
        rows=record.rows,
        created=record.created,
    )
