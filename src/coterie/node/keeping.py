"""This party's keys with key keepers: deposits for when it is offline, and their end.

What goes to a keeper and comes from it are documents, handed to its host as files. The log of a deposit is
collected into ``home/tee/deposits/<key of the log>``, see :class:`coterie.tee.Collection`.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from coterie.agreement import RUNS_USED_UP, Agreement
from coterie.crypto import canonical, now
from coterie.jobs import assurance_of, default_parameters
from coterie.tee import (
    Collection,
    DatasetRecord,
    Depositor,
    EndorsementStore,
    KeeperOffer,
    ReferenceValues,
    grant_within,
    record_path,
    require_tee,
)

from .agreements import Agreements
from .attested import Attested
from .core import Core
from .errors import DEPOSIT_UNKNOWN, NO_KEEPERS
from .sealings import Sealings
from .views import DepositView, DocumentView

__all__ = ["Keeping"]


class Keeping:
    """Deposits of this party."""

    def __init__(self, core: Core, agreements: Agreements, sealings: Sealings, attested: Attested) -> None:
        self._core, self._agreements = core, agreements
        self._sealings, self._attested = sealings, attested
        self._known: Depositor | None = None
        self._counting = asyncio.Lock()

    async def challenge(self, agreement: str, dataset: str) -> DocumentView:
        """A challenge for a keeper. The dataset is sealed first: a nonce does not wait for that.

        :raises CoterieError: CT-5040, CT-5041, CT-1637, CT-5082, CT-2246; those of sealing.
        """
        found = await self._agreements.in_force(agreement)
        tee = require_tee(found.terms)
        depositor = await self._depositor(found)
        await self._record(found, dataset)
        return DocumentView(document=canonical(depositor.challenge(assurance_of(tee))).decode())

    async def deposit(self, agreement: str, dataset: str, offer: str, runs: int, days: int) -> DepositView:
        """The data key, for the keeper that made the offer, for jobs within the agreement.

        :param runs: how many of the agreement's; they are used up here.
        :param days: after which the keeper has the key no more; with the agreement at the latest.

        :raises CoterieError: CT-5040, CT-5041, CT-1637, CT-5082; CT-1625 for more runs than are left; those
            of :func:`grant_within` and :meth:`Depositor.deposit`.
        """
        given = KeeperOffer.parse(offer.encode())
        found = await self._agreements.in_force(agreement)
        require_tee(found.terms)
        depositor = await self._depositor(found)
        record = await self._record(found, dataset)
        async with self._counting:
            await self._check_runs(found, runs)
            return await self._deposit(depositor, found, record, given, runs, days)

    async def _deposit(
        self,
        depositor: Depositor,
        found: Agreement,
        record: DatasetRecord,
        given: KeeperOffer,
        runs: int,
        days: int,
    ) -> DepositView:
        tee = require_tee(found.terms)
        defaults = {one.name: default_parameters(one.name) for one in found.terms.components}
        grant = grant_within(
            found.terms,
            record,
            self._core.identity,
            assurance_of(tee),
            defaults,
            now=now(),
            max_runs=runs,
        )
        until = now() + timedelta(days=days)
        made = await asyncio.to_thread(depositor.deposit, given, grant, record, until)
        await asyncio.to_thread(Collection, self._folder(given.binding.log_pk), given.log)
        place = self._sealings.container(found.id, record.dataset.removeprefix(f"{self._core.name}/"))
        return DepositView(
            deposit=given.binding.log_pk,
            dataset=record.dataset,
            agreement=found.id,
            runs=grant.max_runs,
            expires=made.expires,
            document=made.to_bytes().decode(),
            container=str(place),
            record=str(record_path(place)),
        )

    async def withdraw(self, deposit: str) -> DocumentView:
        """The word that ends a deposit. :raises CoterieError: CT-5083, CT-5082, CT-1303."""
        if deposit not in {path.name for path in self._folder("").glob("*")}:
            raise DEPOSIT_UNKNOWN(repr(deposit[:80]))
        depositor = await self._depositor(None)
        made = await asyncio.to_thread(depositor.withdraw, deposit)
        return DocumentView(document=made.to_bytes().decode())

    def _folder(self, deposit: str) -> Path:
        return self._core.home.tee / "deposits" / deposit

    async def _depositor(self, agreement: Agreement | None) -> Depositor:
        """One for as long as the node runs: it remembers nonces."""
        releaser = await self._attested.releaser_for(agreement)
        if self._known is None:
            file = self._core.home.settings.keepers
            if file is None:
                raise NO_KEEPERS(self._core.name)
            keepers = await asyncio.to_thread(ReferenceValues.load, file)
            marks = EndorsementStore(self._core.home.tee / "endorsements")
            self._known = self._known or Depositor(releaser, self._core.identity, marks, keepers)
        return self._known

    async def _record(self, agreement: Agreement, dataset: str) -> DatasetRecord:
        while (record := await self._sealings.record(agreement, dataset)) is None:
            pass  # it has waited: a large table takes a while
        return record

    async def _check_runs(self, agreement: Agreement, runs: int) -> None:
        """The agreement's runs are those of jobs here and those that keepers have."""

        def deposited() -> int:
            entries = self._core.ledger.entries("deposit")
            return sum(
                int(str(one.body.get("runs"))) for one in entries if one.body.get("agreement") == agreement.id
            )

        used = self._agreements.runs_used(agreement.id) + await asyncio.to_thread(deposited)
        if used + runs > agreement.terms.max_runs:
            told = f"{used} of {agreement.terms.max_runs} are used or deposited, and {runs} are asked for"
            raise RUNS_USED_UP(told, party=self._core.name)
