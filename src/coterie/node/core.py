"""What all services of a node share: its identity, its store, its ledger, and the pinned peers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from sqlalchemy import select

from coterie.agreement import Terms
from coterie.crypto import Identity, PublicIdentity
from coterie.errors import CoterieError
from coterie.ledger import Entry, Kind, Ledger
from coterie.wire import PeerAddress

from .allowance import Allowance
from .errors import PEER_UNKNOWN
from .failures import log_unexpected
from .home import Home
from .keyring.errors import KEY_REVOKED
from .store import PeerRow, RevokedKeyRow, Store

__all__ = ["VERSION", "Core"]

log = logging.getLogger("coterie.node")

VERSION = version("coterie")


class Core:
    """The node's belongings. Only the event loop's thread uses the store."""

    def __init__(self, home: Home, identity: Identity, store: Store, ledger: Ledger) -> None:
        self.home = home
        self.identity = identity
        self.store = store
        self.ledger = ledger
        self.allowance = Allowance()
        self.on_entry: list[Callable[[Entry], None]] = []
        """Told each entry that services write to the ledger."""
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def is_hub(self) -> bool:
        return self.home.settings.role == "hub"

    async def record(self, kind: Kind, body: Mapping[str, Any]) -> Entry:
        """Write to the ledger; when this returns, it is on disk. :raises CoterieError: CT-1303."""
        entry = await asyncio.to_thread(self.ledger.append, kind, body)
        for tell in self.on_entry:
            try:
                tell(entry)
            except Exception as error:  # noqa: BLE001 - what is on the disk is written, whoever cannot count it
                log_unexpected(f"an entry of kind {kind}", error)
        return entry

    async def record_refusal(self, error: CoterieError, **about: Any) -> None:
        """Write a refusal down. A ledger that cannot be written does not hide the refusal itself."""
        body = {"code": error.code, "title": error.title, "detail": error.for_peers().detail, **about}
        try:
            await self.record("refusal", {name: value for name, value in body.items() if value is not None})
        except CoterieError as failure:
            log.error("refusal not recorded: %s", failure)

    def peer(self, name: str) -> PublicIdentity:
        """The pinned identity. :raises CoterieError: CT-5020."""
        with self.store.session() as session:
            row = session.get(PeerRow, name)
            if row is None:
                for revoked in session.scalars(select(RevokedKeyRow).where(RevokedKeyRow.name == name)):
                    raise KEY_REVOKED(f"{name}, on {revoked.time}", party=name)
        if row is None:
            raise PEER_UNKNOWN(repr(name[:40]), party=name[:40])
        return PublicIdentity(name=row.name, key=row.key, certificate=row.certificate)

    def revoked(self, terms: Terms) -> CoterieError | None:
        """Why these terms are suspended: they name a key that was revoked here."""
        named = {key: name for name, key in (*terms.parties.items(), *terms.services.items())}
        with self.store.session() as session:
            for row in session.scalars(select(RevokedKeyRow).where(RevokedKeyRow.key.in_(named))):
                return KEY_REVOKED(f"{row.name} in {terms.name!r}, on {row.time}", party=row.name)
        return None

    def require_keys(self, terms: Terms) -> None:
        """:raises CoterieError: CT-5140 where a key in these terms was revoked."""
        if error := self.revoked(terms):
            raise error

    def address(self, name: str) -> PeerAddress:
        """Where a peer is. :raises CoterieError: CT-5020."""
        identity = self.peer(name)
        with self.store.session() as session:
            row = session.get_one(PeerRow, name)
        return PeerAddress(identity, row.host, row.port)

    def public(self, name: str) -> PublicIdentity:
        """A peer's identity, or the own one."""
        return self.identity.public if name == self.name else self.peer(name)

    def peers(self) -> list[PublicIdentity]:
        """Everybody whose key is pinned."""
        with self.store.session() as session:
            rows = session.scalars(select(PeerRow).order_by(PeerRow.name))
            return [PublicIdentity(name=row.name, key=row.key, certificate=row.certificate) for row in rows]

    def keys(self) -> dict[str, str]:
        """Hex public key by name of everybody known here, this party among them."""
        with self.store.session() as session:
            known = {row.name: row.key for row in session.scalars(select(PeerRow))}
        return {**known, self.name: self.identity.public.key}

    def spawn(self, name: str, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine in the background; a failure is logged, never lost."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, CoterieError):
            log.warning("%s: %s", task.get_name(), error)
        elif error is not None:
            log_unexpected(task.get_name(), error)

    async def close(self) -> None:
        """End the background tasks."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
