"""Whether this node can take work: its store takes changes, its ledger and keys are there, peers answer."""

from __future__ import annotations

import asyncio
import time

from coterie.crypto import Identity, now, timestamp
from coterie.errors import CoterieError

from .core import Core
from .messages import Hello, HelloAnswer
from .network import Network
from .observed_views import ReadyCheck, ReadyView
from .store import ReadyRow

__all__ = ["Readiness"]

FRESH_SECONDS = 1.0
"""For which a finding is good: callers without a token must not make the disk busy."""

ANSWER_SECONDS = 10.0
"""For a peer to say hello: several round trips of any line."""


class Readiness:
    """Looks at most once a second at what is here, and asks peers in the background."""

    def __init__(self, core: Core, network: Network) -> None:
        self._core = core
        self._network = network
        self._wanted = core.home.settings.ready
        self._looking = asyncio.Lock()
        self._local: tuple[ReadyCheck, ...] = ()
        self._looked = 0.0
        self._peers = {name: ReadyCheck(name=f"peer {name}", ready=False) for name in self._wanted.peers}
        self.serving = False
        """Between the start and the beginning of the end."""

    async def examine(self) -> ReadyView:
        """All that is needed."""
        async with self._looking:
            if time.monotonic() - self._looked > FRESH_SECONDS or not self._local:
                ledger = ReadyCheck(name="ledger", ready=self._core.ledger.writable)
                self._local = (self._store(), ledger, await asyncio.to_thread(self._keys))
                self._looked = time.monotonic()
        checks = (ReadyCheck(name="serving", ready=self.serving), *self._local, *self._peers.values())
        return ReadyView(ready=all(one.ready for one in checks), checks=checks)

    async def watch(self) -> None:
        """Ask the peers that are needed, again and again."""
        while self._peers:
            await asyncio.gather(*(self._ask(name) for name in self._peers))
            await asyncio.sleep(self._wanted.every)

    async def _ask(self, name: str) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._network.ask(name, Hello(), HelloAnswer)
            error = None
        except CoterieError as problem:
            error = problem.code
        except TimeoutError:
            error = ""
        self._peers[name] = ReadyCheck(name=f"peer {name}", ready=error is None, code=error or None)

    def _store(self) -> ReadyCheck:
        """By a change that is committed: a full disk shows at nothing less."""
        try:
            with self._core.store.session() as session:
                session.merge(ReadyRow(id=1, time=f"{timestamp(now())} {time.monotonic_ns()}"))
        except CoterieError as error:
            return ReadyCheck(name="store", ready=False, code=error.code)
        return ReadyCheck(name="store", ready=True)

    def _keys(self) -> ReadyCheck:
        """Those on the disk, with which the node starts again, are the ones in use."""
        try:
            there = Identity.public_of(self._core.home.path) == self._core.identity.public
        except CoterieError as error:
            return ReadyCheck(name="keys", ready=False, code=error.code)
        return ReadyCheck(name="keys", ready=there)
