"""A node's one listening port. Connections are routed by what their ClientHello asks for, before any
handshake.

Nothing is taken from the socket (MSG_PEEK), so whoever gets it sees an untouched connection: the worker of a
job, the node's own servers, or the REST API behind a splice. What is not routed within a few seconds is
dropped, and when too many wait, the one that waits longest.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import re
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from coterie.errors import CoterieError
from coterie.wire.address import network_of
from coterie.wire.clienthello import HELLO_BYTES, ClientHello, parse_client_hello
from coterie.wire.errors import PORT_TAKEN
from coterie.wire.tls import ENROL_PROTOCOL, LINK_PROTOCOL, PEER_PROTOCOL

HELLO_SECONDS = 5.0
"""For the whole ClientHello to arrive: one packet, on any network that a job could run on."""

UNROUTED = 256
"""Connections that may wait for their ClientHello at a time. Beyond it the oldest is dropped: an attacker
must then open connections faster than an honest caller's first packet travels."""

SPLICES = 256
"""Connections to the REST API at a time. Beyond it the one is dropped on which nothing has moved for longest:
callers prove who they are only behind the splice, so that those who do not must not keep others out.
"""

SPLICES_OF_ONE = 128
"""The same of one address: beyond it, its own goes, so that nobody alone can take another's away."""

_FIRST_LOOK = 0.002
_LOOK = 0.05
_LINK_NAME = re.compile(r"([0-9a-f]{32})\.([a-z][a-z0-9-]{0,30})\.coterie", re.ASCII)

log = logging.getLogger(__name__)

Take = Callable[[socket.socket, ClientHello], Awaitable[None]]
"""Takes over a connection, and closes it in the end."""


def read_link_name(server_name: str | None) -> tuple[str, str] | None:
    """Job and party of a link's server name; None where it is none."""
    match = _LINK_NAME.fullmatch(server_name or "")
    return (match[1], match[2]) if match else None


class FrontDoor:
    """Listens, looks, and hands on. Runs in the event loop that :meth:`open` was called in."""

    def __init__(
        self,
        *,
        link: Take | None = None,
        peer: Take | None = None,
        enrol: Take | None = None,
        api: Take | None = None,
    ) -> None:
        """Each argument takes the connections of one protocol; those of a protocol without taker are
        closed.
        """
        self._takers = {LINK_PROTOCOL: link, PEER_PROTOCOL: peer, ENROL_PROTOCOL: enrol}
        self._api = api
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._unrouted: dict[asyncio.Task[None], None] = {}
        self.port = 0
        """The port that is open; 0 before :meth:`open`."""

    async def open(self, host: str, port: int) -> None:
        """Listen on ``host`` (a name, an address, or empty for all) and ``port`` (0: any free one).

        Errors: CT-1230.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, _, _, _, address in dict.fromkeys(found):
                where = (address[0], self.port or port, *address[2:])
                listener = socket.create_server(where, family=family, backlog=256)
                listener.setblocking(False)
                self._listeners.append(listener)
                self.port = listener.getsockname()[1]
        except OSError as error:
            await self.close()
            taken = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
            raise PORT_TAKEN(f"{host or '*'}:{port}: {taken}") from error
        for listener in self._listeners:
            self._start(self._listen(listener))

    async def close(self) -> None:
        """Stop listening and end what is under way."""
        for listener in self._listeners:
            listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listeners.clear()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _listen(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                raw, _ = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors, most likely: wait until some are given back.
                log.warning("no connection could be accepted: %s", error)
                await asyncio.sleep(0.2)
                continue
            raw.setblocking(False)
            if len(self._unrouted) >= UNROUTED:
                oldest = next(iter(self._unrouted))
                del self._unrouted[oldest]
                oldest.cancel()
            task = self._start(self._route(raw))
            self._unrouted[task] = None
            task.add_done_callback(functools.partial(_close, raw))  # also where it was cancelled unbegun

    async def _route(self, raw: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = await _peek(raw)
        except CoterieError as error:
            log.info("refused a connection: %s", error)
            hello = None
        except (OSError, TimeoutError):
            hello = None
        finally:
            self._unrouted.pop(task, None)
        take = self._taker(hello) if hello else None
        if hello is None or take is None:
            return
        try:
            await take(raw, hello)
        except CoterieError as error:
            log.warning("a connection failed: %s", error)
        except OSError as error:
            log.info("a connection was lost: %s", error)

    def _taker(self, hello: ClientHello) -> Take | None:
        for protocol in hello.protocols:
            if protocol in self._takers:
                return self._takers[protocol]
        return self._api


def _close(raw: socket.socket, _task: asyncio.Task[None]) -> None:
    raw.close()


async def _peek(raw: socket.socket) -> ClientHello | None:
    """The ClientHello that waits in ``raw``; None where the caller hung up. Errors: CT-1235."""
    loop = asyncio.get_running_loop()
    pause = _FIRST_LOOK
    seen = 0
    while True:
        await _readable(loop, raw)
        data = raw.recv(HELLO_BYTES, socket.MSG_PEEK)
        if not data:
            return None
        hello = parse_client_hello(data)
        if hello:
            return hello
        # What was peeked stays readable, so waiting for more means looking again.
        pause = _FIRST_LOOK if len(data) > seen else min(2 * pause, _LOOK)
        seen = len(data)
        await asyncio.sleep(pause)


async def _readable(loop: asyncio.AbstractEventLoop, raw: socket.socket) -> None:
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(raw, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(raw)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


_FROM = "-from-"


def _address(raw: socket.socket) -> str:
    try:
        return str(raw.getpeername()[0]).replace("/", "")[:46]
    except OSError:
        return "gone"


def spliced_from(name: str) -> str:
    """The address of a caller, from the name of its splice's end; ``local`` where that is none."""
    _, found, address = name.rpartition(_FROM)
    return address if found else "local"


class Splice:
    """Hands connections on to a Unix socket, byte by byte: for the REST API, whose server does its own
    TLS.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._live: OrderedDict[asyncio.Task[None], str] = OrderedDict()
        """By connection whose it is; the one on which something moved last is the last."""
        self._count = 0

    async def __call__(self, raw: socket.socket, _hello: ClientHello) -> None:
        task = asyncio.current_task()
        assert task is not None
        caller = network_of(_address(raw))
        own = [one for one, whose in self._live.items() if whose == caller]
        quiet = own if len(own) >= SPLICES_OF_ONE else list(self._live) if len(self._live) >= SPLICES else []
        if quiet:
            del self._live[quiet[0]]
            quiet[0].cancel()
        self._live[task] = caller
        inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        inner.setblocking(False)
        try:
            loop = asyncio.get_running_loop()
            # The end has a name, so that the server behind it knows who called.
            self._count += 1
            name = self._path.with_name(f"{self._count}{_FROM}{_address(raw)}")
            inner.bind(str(name))
            try:
                await loop.sock_connect(inner, str(self._path))
            finally:
                name.unlink(missing_ok=True)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(task, raw, inner))
                both.create_task(self._copy(task, inner, raw))
        except* OSError:
            pass
        finally:
            inner.close()
            self._live.pop(task, None)

    async def _copy(self, splice: asyncio.Task[None], source: socket.socket, target: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        buffer = bytearray(64 * 1024)
        view = memoryview(buffer)
        while count := await loop.sock_recv_into(source, buffer):
            if splice in self._live:
                self._live.move_to_end(splice)
            await loop.sock_sendall(target, view[:count])
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
