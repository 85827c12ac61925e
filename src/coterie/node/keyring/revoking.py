"""A peer's key that is lost or stolen: from one moment on nothing of it counts here."""

from __future__ import annotations

from sqlalchemy import delete

from coterie.agreement import Agreement
from coterie.crypto import now, timestamp
from coterie.node.core import Core
from coterie.node.runs import Runs
from coterie.node.schemas import Schemas
from coterie.node.store import AgreementRow, OutboxRow, PeerRow, RevokedKeyRow

from .errors import KEY_REVOKED

__all__ = ["Revoking"]


class Revoking:
    """Takes a pin away for good."""

    def __init__(self, core: Core, runs: Runs, schemas: Schemas) -> None:
        self._core, self._runs, self._schemas = core, runs, schemas

    async def revoke(self, name: str, reason: str) -> None:
        """From when this returns, and in each next step of what goes on meanwhile: no connection of that key
        is taken or answered, agreements that name it are suspended, jobs under them are over.

        The pin goes first. A ledger that cannot be written does not keep it.

        :raises CoterieError: CT-5020, CT-5140 (it is so already), CT-1303 (done, and not written down).
        """
        peer = self._core.peer(name)
        moment = timestamp(now())
        with self._core.store.session() as session:
            session.add(RevokedKeyRow(key=peer.key, name=name, reason=reason, time=moment))
            session.execute(delete(PeerRow).where(PeerRow.name == name))
            session.execute(delete(OutboxRow).where(OutboxRow.peer == name))
        self._schemas.forsake(name, KEY_REVOKED(name, party=self._core.name))
        for agreement in self._naming(peer.key):
            await self._runs.agreement_revoked(agreement)
        body = {"event": "peer revoked", "party": name, "key": peer.key, "fingerprint": peer.fingerprint}
        await self._core.record("key", {**body, "reason": reason})

    def _naming(self, key: str) -> list[str]:
        with self._core.store.session() as session:
            documents = [row.document for row in session.query(AgreementRow)]
        found = (Agreement.from_bytes(document.encode()) for document in documents)
        return [one.id for one in found if key in (*one.terms.parties.values(), *one.terms.services.values())]
