"""Requests on connections that stay open: where an answer shall take one round trip, not four."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from pydantic import BaseModel

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.wire.address import PeerAddress
from coterie.wire.control import ANSWER_SECONDS, CONTROL_LIMIT, IDLE_SECONDS, PeerClient
from coterie.wire.errors import NO_ANSWER
from coterie.wire.mesh import M
from coterie.wire.stream import Stream

__all__ = ["KeptClient"]

KEPT = 4
"""Connections to a peer that are kept for the next request; more are opened where requests come at once."""

KEPT_SECONDS = IDLE_SECONDS - 5
"""A peer hangs up after its own time; who asks on a connection that is about to end has asked in vain."""


@dataclass
class _Line:
    stream: Stream
    stack: AsyncExitStack
    used: float


class KeptClient(PeerClient):
    """As :class:`PeerClient`, for requests that come often. Where a peer has hung up it is dialled anew; so a
    request may arrive twice, and must be one that may.
    """

    def __init__(self, identity: Identity, limit: int = CONTROL_LIMIT) -> None:
        super().__init__(identity, limit)
        self._lines: dict[PeerAddress, list[_Line]] = {}

    async def call(
        self,
        address: PeerAddress,
        kind: str,
        request: BaseModel,
        answer: type[M],
        seconds: float = ANSWER_SECONDS,
    ) -> M:
        """One request. Errors: as :meth:`PeerClient.call`."""
        body = self._written(kind, request)
        while (line := await self._kept(address)) is not None:
            try:
                return self._read(await self._on(line, address, body, seconds), answer, address.name)
            except CoterieError as error:
                if error.code != NO_ANSWER.code or isinstance(error.__cause__, TimeoutError):
                    raise
        line = await self._opened(address)
        return self._read(await self._on(line, address, body, seconds), answer, address.name)

    async def _kept(self, address: PeerAddress) -> _Line | None:
        lines = self._lines.get(address, [])
        while lines:
            line = lines.pop()
            if time.monotonic() - line.used < KEPT_SECONDS:
                return line
            await line.stack.aclose()
        return None

    async def _opened(self, address: PeerAddress) -> _Line:
        stack = AsyncExitStack()
        return _Line(await stack.enter_async_context(self._connected(address)), stack, time.monotonic())

    async def _on(self, line: _Line, address: PeerAddress, body: bytes, seconds: float) -> bytes:
        """The answer. The connection is kept after it, and closed after anything else."""
        try:
            data = await self._exchanged(line.stream, body, address.name, seconds)
        except BaseException:
            await line.stack.aclose()
            raise
        lines = self._lines.setdefault(address, [])
        if len(lines) < KEPT:
            line.used = time.monotonic()
            lines.append(line)
        else:
            await line.stack.aclose()
        return data

    async def hold(self) -> None:
        """Close what nobody uses any more, until this is cancelled; then close everything."""
        try:
            while True:
                await asyncio.sleep(IDLE_SECONDS)
                for address in list(self._lines):
                    await self._close(address, time.monotonic() - KEPT_SECONDS)
        finally:
            for address in list(self._lines):
                await self._close(address, time.monotonic())

    async def _close(self, address: PeerAddress, before: float) -> None:
        """Those that were last used before that time."""
        lines = self._lines.pop(address)
        keep = [line for line in lines if line.used > before]
        if keep:
            self._lines[address] = keep
        for line in lines:
            if line.used <= before:
                with contextlib.suppress(OSError, CoterieError):
                    await line.stack.aclose()
