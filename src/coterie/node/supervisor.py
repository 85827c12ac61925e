"""The node's side of a worker process: start it, serve its calls, hand it connections, see it end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import signal
import socket
import struct
from pathlib import Path
from typing import Protocol

from coterie.errors import UNEXPECTED, CoterieError, from_record
from coterie.wire import Inbound, handoff_pair, send_fd

from .core import Core
from .errors import WORKER_DIED, WORKER_NOT_STARTED, WORKER_UNREADABLE
from .failures import failure_of, log_unexpected
from .nursery import Forked, Nursery
from .pipe import (
    LIMIT,
    PREFIX,
    Ack,
    Begin,
    Done,
    Failed,
    LedgerCall,
    Progress,
    Published,
    Record,
    ReleaserCall,
    Stop,
    frame,
    read_from_worker,
)

__all__ = ["Listener", "WorkerProcess"]

log = logging.getLogger("coterie.node")

GRACE_SECONDS = 5.0
"""Between the word to stop and the kill: the worker tells its peers meanwhile."""


class Listener(Protocol):
    """Who wants to know what a worker says."""

    async def progressed(self, job: str, progress: Progress) -> None:
        """It has come further."""

    async def ledger(self, job: str, call: LedgerCall) -> None:
        """Write this down. :raises CoterieError: told to the worker."""

    async def published(self, job: str, result: Published) -> None:
        """A result is there. :raises CoterieError: told to the worker."""

    async def releaser(self, job: str, call: ReleaserCall) -> tuple[bytes, ...]:
        """Ask this party's releaser. :raises CoterieError: told to the worker."""

    async def ended(self, job: str, error: CoterieError | None) -> None:
        """The worker is gone, for this reason; None after success."""


class WorkerProcess:
    """One process for one job."""

    def __init__(self, core: Core, nursery: Nursery, job: str, listener: Listener) -> None:
        self.job = job
        self._core = core
        self._nursery = nursery
        self._listener = listener
        self._outcome: Done | Failed | None = None
        self._process: Forked | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._links: socket.socket | None = None
        self.gone = asyncio.Event()
        """Set when the process has ended, and the listener knows."""

    async def start(self, begin: Begin) -> None:
        """:raises CoterieError: CT-5063."""
        mine, its = socket.socketpair()
        links, its_links = handoff_pair()
        with its, its_links:
            try:
                self._process = await self._fork(begin.assignment.directory, its, its_links)
            except OSError as error:
                mine.close()
                links.close()
                raise WORKER_NOT_STARTED(error.strerror or "", party=self._core.name) from error
        links.setblocking(False)
        self._links = links
        reader, self._writer = await asyncio.open_connection(sock=mine)
        self._core.spawn(f"worker of {self.job}", self._follow(reader))
        with contextlib.suppress(OSError):  # it is gone already: the follower sees that, and says how
            await self._send(begin)

    async def _fork(self, folder: Path, pipe: socket.socket, links: socket.socket) -> Forked:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        output = os.open(folder / "worker.log", flags, 0o600)
        try:
            return await self._nursery.fork(pipe.fileno(), links.fileno(), output)
        finally:
            os.close(output)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def started(self) -> bool:
        """Whether there is, or was, a process."""
        return self._process is not None

    def hand_over(self, connection: socket.socket, caller: str) -> None:
        """Give the worker a peer's connection. Where that fails it is closed, and the peer dials again."""
        if self._links is None:
            connection.close()
            return
        inbound = Inbound(job=self.job, party=self._core.name, caller=caller)
        try:
            send_fd(self._links, connection, inbound)
        except CoterieError as error:
            log.warning("job %s: %s", self.job, error, extra={"job": self.job})

    async def stop(self, error: CoterieError) -> None:
        """Tell the worker why the job is over, and see that it ends."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(OSError):
            await self._send(Stop(error=failure_of(error)))
        try:
            await asyncio.wait_for(process.wait(), GRACE_SECONDS)
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    async def _send(self, record: Record) -> None:
        if self._writer is not None:
            self._writer.write(frame(record))
            await self._writer.drain()

    async def _follow(self, reader: asyncio.StreamReader) -> None:
        """Serve the worker until it has ended, then say how."""
        assert self._process is not None
        broken: CoterieError | None = None
        try:
            while (body := await _read(reader)) is not None:
                await self._serve(read_from_worker(body))
        except CoterieError as error:
            broken = error
            self.kill()
        except Exception as error:  # noqa: BLE001 - a bug here must end the job, not leave it running for ever
            log_unexpected(f"worker of {self.job}", error)
            broken = UNEXPECTED(type(error).__name__)
            self.kill()
        finally:
            if self._writer is not None:
                self._writer.close()
            if self._links is not None:
                self._links.close()
                self._links = None
        code = await self._process.wait()
        try:
            await self._listener.ended(self.job, self._reason(code, broken))
        finally:
            self.gone.set()

    def _reason(self, code: int, broken: CoterieError | None) -> CoterieError | None:
        if isinstance(self._outcome, Failed):
            return from_record(self._outcome.error.model_dump())
        if broken is not None:
            return broken.at(party=self._core.name)
        if self._outcome is None or code != 0:
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            return WORKER_DIED(how, party=self._core.name)
        return None

    async def _serve(self, record: Progress | LedgerCall | Published | ReleaserCall | Done | Failed) -> None:
        if isinstance(record, Progress):
            await self._listener.progressed(self.job, record)
        elif isinstance(record, Done | Failed):
            self._outcome = record
        else:
            error: CoterieError | None = None
            parts: tuple[bytes, ...] = ()
            try:
                if isinstance(record, LedgerCall):
                    await self._listener.ledger(self.job, record)
                elif isinstance(record, ReleaserCall):
                    parts = await self._listener.releaser(self.job, record)
                else:
                    await self._listener.published(self.job, record)
            except CoterieError as refusal:
                error = refusal.at(party=self._core.name)
            with contextlib.suppress(OSError):
                failure = failure_of(error) if error else None
                encoded = tuple(base64.b64encode(part) for part in parts)
                await self._send(Ack(number=record.number, error=failure, parts=encoded))


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    """The next record's bytes; None at the end of the pipe."""
    try:
        (size,) = PREFIX.unpack(await reader.readexactly(PREFIX.size))
        if size > LIMIT:
            raise WORKER_UNREADABLE(f"a record of {size} bytes")
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError, struct.error):
        return None
