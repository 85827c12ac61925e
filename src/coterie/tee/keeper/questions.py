"""What a keeper can be asked, by whoever reaches it: its host, or another process of the host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from coterie.agreement import Revocation
from coterie.crypto import random_key
from coterie.tee.documents.base import DOCUMENT_LIMIT, read
from coterie.tee.documents.exchange import Challenge, Release, ReleaseRequest
from coterie.tee.keeper.deposit import Deposit
from coterie.tee.keeper.documents import (
    Collect,
    Collected,
    KeeperChallenge,
    KeeperOffer,
    KeeperStatement,
    Withdrawal,
)
from coterie.tee.keeper.errors import KEEPER_MESSAGE_INVALID
from coterie.tee.release.case import Case
from coterie.tee.runner.documents import parts_of
from coterie.tee.runner.records import Kind

LAST: Final = 2**53 - 1
"""No log has an entry after this one."""


class KeeperQuestions(ABC):
    """The way to a keeper. Deposits are named by the keys of their logs."""

    @abstractmethod
    def put(self, kind: Kind, *parts: bytes) -> bytes:
        """A question as a record, and the answer. Errors: the keeper's; CT-2325."""

    def offer(self, challenge: KeeperChallenge) -> KeeperOffer:
        """Evidence for a provider, and keys for its deposit. Errors: CT-2332, CT-2333, CT-2325."""
        return KeeperOffer.parse(self._ask("offer", "", challenge.to_bytes()))

    def deposit(self, deposit: Deposit) -> KeeperStatement:
        """Hand a deposit over. Gives the keeper's word that it holds the key. Errors: those of
        :meth:`Custody.accept`, CT-2328, CT-2325.
        """
        data = self._ask("deposit", deposit.binding.log_pk, deposit.to_bytes())
        return read(KeeperStatement, data, DOCUMENT_LIMIT, KEEPER_MESSAGE_INVALID)

    def admit(self, deposit: str, case: Case) -> str:
        """As :meth:`Releaser.admit`. Errors: its own; CT-2328 to CT-2331, CT-2325."""
        return self.put(Kind.ADMIT, deposit.encode(), *parts_of(case, b"")).decode()

    def challenge(self, deposit: str, job: str) -> Challenge:
        """As :meth:`Releaser.challenge`. Errors: its own; CT-2328 to CT-2331, CT-2325."""
        return Challenge.parse(self._ask("challenge", deposit, job.encode()))

    def release(self, deposit: str, request: ReleaseRequest) -> Release:
        """As :meth:`Releaser.release`. Errors: its own; CT-2328 to CT-2331, CT-2325."""
        return Release.parse(self._ask("release", deposit, request.to_bytes()))

    def collect(self, question: Collect) -> Collected:
        """What has happened with a deposit. Errors: CT-2328, CT-2325."""
        return Collected.parse(self._ask("collect", question.deposit, question.to_bytes()))

    def holds(self, deposit: str) -> bool:
        """Whether the key of a deposit is there now, as the keeper says. Errors: CT-2328, CT-2325."""
        question = Collect(deposit=deposit, nonce=random_key().hex(), after=LAST)
        return self.collect(question).statement.holds

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """The key is wiped when this returns. Errors: CT-2327, CT-2328, CT-2331, CT-1101, CT-2325."""
        self._ask("withdraw", withdrawal.deposit, withdrawal.to_bytes())

    def revoke(self, deposit: str, revocation: Revocation) -> None:
        """A party has revoked the agreement: the key is wiped when this returns. Errors: CT-1606, CT-2328,
        CT-2329, CT-2331, CT-2325.
        """
        self._ask("revoke", deposit, revocation.to_bytes())

    def alive(self) -> None:
        """Whether it answers at all. Errors: CT-2325."""
        self._ask("alive", "", b"")

    def _ask(self, question: str, deposit: str, data: bytes) -> bytes:
        return self.put(Kind.ASK, question.encode(), deposit.encode(), data)
