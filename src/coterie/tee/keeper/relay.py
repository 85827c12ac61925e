"""The way to owners of whom some are offline: for these a keeper answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coterie.tee.documents.exchange import Challenge, Release, ReleaseRequest
from coterie.tee.keeper.questions import KeeperQuestions
from coterie.tee.release.case import Case
from coterie.tee.runner.session import Relay


@dataclass(frozen=True)
class KeptKey:
    """One owner's deposit with a keeper."""

    keeper: KeeperQuestions
    deposit: str
    """The key of its log."""


class KeptRelay:
    """A :class:`Relay` for one case: deposits answer for their owners, ``others`` for the rest."""

    def __init__(self, case: Case, kept: Mapping[str, KeptKey], others: Relay) -> None:
        """The case is admitted by the keepers of all deposits.

        :param kept: by owner.

        Errors: those of :meth:`KeeperQuestions.admit`.
        """
        self._job, self._kept, self._others = case.job, dict(kept), others
        for one in self._kept.values():
            one.keeper.admit(one.deposit, case)

    def challenge(self, owner: str) -> Challenge:
        """As :meth:`Relay.challenge`. Errors: those of :meth:`KeeperQuestions.challenge`."""
        one = self._kept.get(owner)
        if one is None:
            return self._others.challenge(owner)
        return one.keeper.challenge(one.deposit, self._job)

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        """As :meth:`Relay.release`. Errors: those of :meth:`KeeperQuestions.release`."""
        one = self._kept.get(owner)
        if one is None:
            return self._others.release(owner, request)
        return one.keeper.release(one.deposit, request)
