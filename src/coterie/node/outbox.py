"""Messages that must arrive: kept in the store and tried again until the peer has taken them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import delete, select

from coterie.crypto import now, timestamp
from coterie.errors import CoterieError, Unavailable

from . import messages
from .core import Core
from .network import Network
from .store import OutboxRow

__all__ = ["Outbox"]

log = logging.getLogger("coterie.node")

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0

_WIRE = "CT-12"
"""Codes of connections: what is wrong, such as a stranger at the peer's address, may be mended."""

_KINDS: dict[str, type[messages.Message]] = {
    one.__name__: one
    for one in (
        *(messages.AgreementPush, messages.ApprovalPush, messages.JobEnd, messages.JobBroke),
        *(messages.SealedDrop, messages.SealedDropped, messages.JobStalled),
    )
}
"""What may wait in the outbox. All of them may arrive twice."""


class Outbox:
    """At-least-once delivery, in order for each peer."""

    def __init__(self, core: Core, network: Network) -> None:
        self._core = core
        self._network = network
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._retrying: dict[str, asyncio.Event] = {}
        network.on_seen = self._wake

    def start(self) -> None:
        """Go on with what an earlier run of the node left."""
        with self._core.store.session() as session:
            peers = set(session.scalars(select(OutboxRow.peer)))
        for peer in peers:
            self._retry(peer)

    def put(self, peers: Iterable[str], topic: str, message: messages.Message) -> None:
        """Keep a message for each peer. A newer one of the same topic replaces an older one."""
        kind = type(message).__name__
        with self._core.store.session() as session:
            for peer in peers:
                same = (OutboxRow.peer == peer, OutboxRow.topic == topic)
                session.execute(delete(OutboxRow).where(*same))
                session.add(
                    OutboxRow(
                        peer=peer,
                        topic=topic,
                        kind=kind,
                        body=message.model_dump_json(),
                        created=timestamp(now()),
                    )
                )

    async def send(self, peers: Iterable[str], topic: str, message: messages.Message) -> None:
        """Keep a message for each peer and try to deliver it now; who is away gets it later."""
        targets = tuple(peers)
        self.put(targets, topic, message)
        await asyncio.gather(*(self.flush(peer) for peer in targets))

    def waiting_for(self, topic: str) -> tuple[str, ...]:
        """Peers that have not taken the message about ``topic`` yet."""
        with self._core.store.session() as session:
            found = session.scalars(select(OutboxRow.peer).where(OutboxRow.topic == topic))
            return tuple(sorted(found))

    async def flush(self, peer: str) -> None:
        """Deliver what waits for ``peer``; if it is away, go on trying in the background."""
        if not await self._deliver(peer):
            self._retry(peer)

    def _retry(self, peer: str) -> None:
        if peer not in self._retrying:
            self._retrying[peer] = asyncio.Event()
            self._core.spawn(f"outbox for {peer}", self._keep_trying(peer))

    async def _keep_trying(self, peer: str) -> None:
        pause = _FIRST_PAUSE
        try:
            while not await self._deliver(peer):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._retrying[peer].wait(), pause)
                self._retrying[peer].clear()
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            del self._retrying[peer]

    def _wake(self, peer: str) -> None:
        """A peer is there: try again at once."""
        if peer in self._retrying:
            self._retrying[peer].set()

    async def _deliver(self, peer: str) -> bool:
        """Send all that waits; False where the peer is away."""
        async with self._locks[peer]:
            while True:
                with self._core.store.session() as session:
                    row = session.scalar(
                        select(OutboxRow).where(OutboxRow.peer == peer).order_by(OutboxRow.id)
                    )
                if row is None:
                    return True
                try:
                    message = _KINDS[row.kind].model_validate_json(row.body)
                    await self._network.ask(peer, message, messages.Ok)
                except Unavailable:
                    return False
                except CoterieError as error:
                    if error.code.startswith(_WIRE):
                        return False
                    # The peer has read it and says no: it will not say yes to the same bytes later.
                    log.warning("%s does not take %s: %s", peer, row.topic, error)
                with self._core.store.session() as session:
                    session.execute(delete(OutboxRow).where(OutboxRow.id == row.id))
