"""Owners that are offline: a key keeper at the host has their keys, and the host has their sealed data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from coterie.agreement import Revocation
from coterie.data import DatasetFacts
from coterie.errors import CoterieError
from coterie.jobs.attested.holdings import place
from coterie.jobs.errors import KEPT_NO_DATA, KEPT_NO_DEPOSIT, SEALED_DIFFERS
from coterie.tee import (
    Case,
    Challenge,
    DatasetRecord,
    Deposit,
    KeeperAt,
    KeeperStore,
    KeptKey,
    Release,
    ReleaseRequest,
)

SOCKET: Final = "socket"
"""Of the keeper, in its folder."""


class Deposits:
    """What was deposited with the key keeper of this host."""

    def __init__(self, folder: Path, store: Path) -> None:
        """:param folder: of the keeper.
        :param store: of the owners' sealed data.
        """
        self._folder, self._store = folder, store
        self.keeper = KeeperAt(folder / SOCKET)

    def find(self, agreement: str, dataset: str, record: str | None = None) -> Deposit:
        """The newest deposit for a data set under an agreement whose key the keeper has now.

        :param dataset: ``owner/name``.
        :param record: digest of the record that it must be for; None for any.

        Errors: CT-4042 where there was none; CT-4043 without the sealed data; where there was one and the key
        is gone, why: CT-2325, CT-2328, CT-4042.
        """
        owner = dataset.partition("/")[0]
        gone: CoterieError | None = None
        for deposit in self._all(agreement, dataset, record):
            try:
                if self.keeper.holds(deposit.binding.log_pk):
                    self.container(deposit.record)
                    return deposit
                gone = gone or KEPT_NO_DEPOSIT(f"{dataset}: the deposit has ended", party=owner)
            except CoterieError as error:
                gone = gone or error
        raise (gone or KEPT_NO_DEPOSIT(dataset)).at(party=owner)

    def container(self, record: DatasetRecord) -> Path:
        """The sealed data itself. Errors: CT-4043."""
        path = place(self._store, record)
        if not path.exists():
            raise KEPT_NO_DATA(f"{record.dataset}, file {record.file}", party=record.owner.name)
        return path

    def revoke(self, agreement: str, revocations: Iterable[Revocation]) -> None:
        """Have the keeper wipe every key that was deposited under an agreement; what it does not have any
        more, it has wiped.
        """
        told = tuple(revocations)
        for deposit in KeeperStore(self._folder).deposits() if told and self._folder.exists() else ():
            if deposit.agreement.id == agreement:
                with contextlib.suppress(CoterieError):
                    self.keeper.revoke(deposit.binding.log_pk, told[0])

    def _all(self, agreement: str, dataset: str, record: str | None) -> Iterator[Deposit]:
        if not self._folder.exists():
            return
        for deposit in KeeperStore(self._folder).deposits():
            same = (deposit.agreement.id, deposit.record.dataset) == (agreement, dataset)
            if same and record in (None, deposit.record.digest):
                yield deposit


class Kept:
    """An owner whose key the keeper has, as :class:`coterie.jobs.attested.owner.There` is one at a link."""

    def __init__(self, key: KeptKey, job: str) -> None:
        """:param job: digest of the manifest."""
        self._key, self._job = key, job

    def admit(self, case: Case) -> None:
        """Errors: those of :meth:`coterie.tee.KeeperQuestions.admit`."""
        self._key.keeper.admit(self._key.deposit, case)

    def ask_challenge(self) -> None:
        """Nothing to do ahead."""

    def challenge(self) -> Challenge:
        """Errors: those of :meth:`coterie.tee.KeeperQuestions.challenge`."""
        return self._key.keeper.challenge(self._key.deposit, self._job)

    def release(self, request: ReleaseRequest) -> Release:
        """Errors: those of :meth:`coterie.tee.KeeperQuestions.release`."""
        return self._key.keeper.release(self._key.deposit, request)

    def end(self) -> None:
        """Nothing to do."""


def facts_of(record: DatasetRecord) -> DatasetFacts:
    """What an owner would tell of its data, from what it has signed of it. Errors: CT-4031 where it is no
    table.
    """
    if record.rows is None:
        raise SEALED_DIFFERS(f"{record.dataset} is no table", party=record.owner.name)
    return DatasetFacts(
        name=record.dataset.removeprefix(f"{record.owner.name}/"),
        owner=record.owner.name,
        columns=record.columns,
        id_rule=record.id_rule,
        rows=record.rows,
        ids=record.ids,
    )
