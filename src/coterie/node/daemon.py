"""The daemon: one asyncio process behind one port."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import resource
import shutil
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import uvicorn

from coterie.crypto import Identity, keep_memory_private
from coterie.ledger import Ledger
from coterie.wire import ClientHello, FrontDoor, Splice, Turnstile, read_link_name

from . import logs
from .api import HEAD_BYTES, ApiConnection, build_app
from .core import Core
from .failures import log_unexpected
from .home import Home, HomeLock
from .notify import Notifier
from .services import Services
from .store import Store

__all__ = ["Node", "run"]

log = logging.getLogger("coterie.node")

LOG_BYTES = 10 * 2**20
KEEP_ALIVE_SECONDS = 60
DESCRIPTORS = 8192
"""A connection to the API takes three, any other one; strangers can have about 1200 open at a time."""
STOP_SECONDS = 3


class ApiServer(uvicorn.Server):
    """Uvicorn without its own signal handlers: the daemon ends in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield


class Node:
    """The running node of one home."""

    def __init__(self, services: Services, api: ssl.SSLContext) -> None:
        """:param api: what the REST API is served by."""
        self.services = services
        self._api_tls = api
        self._core = services.core
        self._turnstile = Turnstile(self._core.identity, self._core.peers)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open the port and serve; end everything in order. :raises CoterieError: CT-1230."""
        settings = self._core.home.settings
        folder = _socket_folder(self._core.home.path / "sockets")
        door = FrontDoor(
            link=self._take_link,
            peer=self.services.network.server,
            enrol=self.services.introductions.server,
            api=Splice(folder / "api"),
        )
        try:
            async with self._api(folder / "api"):
                await door.open(settings.listen_host, settings.listen_port)
                log.info("%s %s listens on %s", settings.role, settings.name, settings.listen)
                try:
                    await self.services.runs.recover()
                    self.services.outbox.start()
                    await self.services.proposals.take_up()
                    self._core.spawn("greeting", self.services.network.greet())
                    self._core.spawn("sealed data", self.services.holdings.sweep())
                    self._core.spawn("unfinished steps", self.services.unfinished.sweep())
                    self._core.spawn("readiness", self.services.readiness.watch())
                    self.services.readiness.serving = True
                    yield
                finally:
                    self.services.readiness.serving = False
                    self.services.dealings.stop()
                    self.services.schemas.shut_down()
                    await self.services.runs.shut_down()
                    await door.close()
        finally:
            self.services.people.refusals.flush()
            if self.services.traces is not None:
                await asyncio.to_thread(self.services.traces.close)
            await self._core.close()
            shutil.rmtree(folder, ignore_errors=True)
            (self._core.home.path / "sockets").unlink(missing_ok=True)

    @contextlib.asynccontextmanager
    async def _api(self, path: Path) -> AsyncIterator[None]:
        """The REST API behind a Unix socket that only this process's front door knows of."""
        config = uvicorn.Config(
            build_app(self.services),
            http=ApiConnection,
            h11_max_incomplete_event_size=HEAD_BYTES,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        config.load()
        config.ssl = self._api_tls  # not by files: that of the key may be encrypted
        server = ApiServer(config)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen()
            serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
            try:
                yield
            finally:
                server.should_exit = True
                await serving

    async def _take_link(self, raw: socket.socket, hello: ClientHello) -> None:
        """A worker's connection: to the job's worker here, or away with the reason."""
        wanted = read_link_name(hello.server_name)
        if wanted is None or wanted[1] != self._core.name:
            return
        schemas = self.services.schemas
        if schemas.knows(wanted[0]):
            if not schemas.hand_over(wanted[0], raw):
                await self._turnstile.turn_away(raw, wanted[0], functools.partial(schemas.why_not, wanted[0]))
            return
        callers = self.services.runs.callers
        if not callers.hand_over(wanted[0], raw, _caller(raw)):
            await self._turnstile.turn_away(raw, wanted[0], functools.partial(callers.why_not, wanted[0]))


def _socket_folder(link: Path) -> Path:
    """A new folder with a short path, as those of Unix sockets must be. What a node that was killed has left
    of its own is found by the link in its home.
    """
    folder = Path(tempfile.mkdtemp(prefix="coterie-"))
    if link.is_symlink():
        left = link.readlink()
        if left.parent == folder.parent and left.name.startswith("coterie-"):
            shutil.rmtree(left, ignore_errors=True)
        link.unlink()
    link.symlink_to(folder)
    return folder


def _caller(raw: socket.socket) -> str:
    try:
        return str(raw.getpeername()[0])[:100]
    except OSError:
        return "gone"


async def serve(home: Home, identity: Identity, api: ssl.SSLContext, store: Store, ledger: Ledger) -> None:
    """Run until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_loop_trouble)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    core = Core(home, identity, store, ledger)
    notifier = Notifier()
    async with Node(Services.of(core), api).running(), notifier.serving():
        await stop.wait()
        log.info("stopping")


def _loop_trouble(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    if isinstance(error, BaseException):
        log_unexpected(str(context.get("message", "event loop")), error)
    else:
        log.error("event loop: %s", context.get("message"))


def run(path: Path) -> None:
    """Run the daemon of a home until it is told to stop.

    :raises CoterieError: where it cannot start: CT-5002 to CT-5009, CT-5018, CT-11xx, CT-13xx, CT-1230.
    """
    _keep_to_oneself()
    _allow_descriptors()
    home = Home.open(path)
    _log_to(home)
    with HomeLock(home):
        identity = home.identity()
        api = identity.api_context(home.passphrase)
        home.passphrase.forget()  # nothing needs it any more
        store = Store(home.store_place, home.store_password(), owner=identity.public.key)
        try:
            with Ledger(home.ledger, identity) as ledger:
                asyncio.run(serve(home, identity, api, store, ledger))
        finally:
            store.close()


def _keep_to_oneself() -> None:
    """For this process and its workers: whatever file they make is the owner's alone, and no crash writes
    their memory, which has keys in it, to the disk.
    """
    os.umask(0o077)
    keep_memory_private()


def _allow_descriptors() -> None:
    """Room for all connections that the front door admits: they must not take the ledger's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _log_to(home: Home) -> None:
    handlers: list[logging.Handler] = [
        RotatingFileHandler(home.log_file, maxBytes=LOG_BYTES, backupCount=5, encoding="utf-8"),
        logging.StreamHandler(sys.stderr),
    ]
    home.log_file.chmod(0o600)
    logs.set_up(home.settings.log, handlers, home.settings.name)
