"""Who of this institution's people said yes to what, where a yes may take two of them."""

from __future__ import annotations

from sqlalchemy import select

from coterie.crypto import now, timestamp
from coterie.node.core import Core
from coterie.node.store import ConsentRow

from .errors import CONSENT_REPEATED, OWN_JOB, PERSON_UNKNOWN
from .roles import Permission, Principal
from .users import Users

__all__ = ["Consents"]


class Consents:
    """Names stay at this node, in its store and its ledger; peers are told how many said yes."""

    def __init__(self, core: Core, users: Users) -> None:
        self._core, self._users = core, users

    def asked_by(self, matter: str, by: Principal) -> None:
        """Who asks for a consent can give none of several."""
        if by.user is not None:
            self._keep(matter, by.user, asked=True)

    async def give(self, matter: str, by: Principal, permission: Permission, needed: int) -> int:
        """One person's yes.

        :param matter: what it is for, e.g. ``job 6f…``.
        :param permission: what a person must still be permitted for an earlier yes to count.
        :param needed: people that it takes.
        :returns: how many have said yes now.
        :raises CoterieError: CT-5127, CT-5128, CT-5129.
        """
        if needed < 2:
            if by.user is not None:
                await self._record(matter, by, needed)
            return 1
        if by.user is None:
            raise PERSON_UNKNOWN(f"{needed} people must say yes; this is {by.label}")
        known = self._asked(matter, by.user)
        if known:
            raise OWN_JOB(by.user)
        if known is None:
            await self._record(matter, by, needed)
            self._keep(matter, by.user)
        count = len(self.given(matter, permission))
        if known is not None and count < needed:
            raise CONSENT_REPEATED(by.user)
        return count

    def given(self, matter: str, permission: Permission) -> list[str]:
        """Names of those who said yes, and might still."""
        with self._core.store.session() as session:
            found = select(ConsentRow.user).where(ConsentRow.matter == matter, ConsentRow.asked.is_(False))
            names = list(session.scalars(found.order_by(ConsentRow.time, ConsentRow.user)))
        return [name for name in names if self._users.may(name, permission)]

    def _asked(self, matter: str, user: str) -> bool | None:
        """Whether a person asked for it; None where there is no word of the person's."""
        with self._core.store.session() as session:
            row = session.get(ConsentRow, (matter, user))
            return None if row is None else row.asked

    async def _record(self, matter: str, by: Principal, needed: int) -> None:
        await self._core.record("consent", {"matter": matter, "by": by.label, "of": needed})

    def _keep(self, matter: str, user: str, *, asked: bool = False) -> None:
        with self._core.store.session() as session:
            if session.get(ConsentRow, (matter, user)) is None:
                session.add(ConsentRow(matter=matter, user=user, asked=asked, time=timestamp(now())))
