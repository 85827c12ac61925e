"""Real meshes over real sockets: a front door of the simplest kind, and lines that are slow or break."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from bench.line import LOOPBACK, Shape
from bench.shaper import Gate, Shaper
from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.wire import LinkMesh, PeerAddress
from coterie.wire.errors import CLOSED

T = TypeVar("T")


class Door:
    """Accepts connections and hands each to ``target``."""

    def __init__(self, target: Callable[[socket.socket], None]) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.target(raw)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class LoopThread:
    """An event loop in a thread, as a node's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 20) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def close(self) -> None:
        self.run(self._cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _cancel(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Network:
    """Meshes of several parties in this process, over loopback TCP.

    :param shape: of the lines that :meth:`proxy` and :meth:`join_shaped` lead over.
    """

    def __init__(self, identities: dict[str, Identity], shape: Shape = LOOPBACK) -> None:
        self.identities = identities
        self.job = secrets.token_hex(16)
        self.meshes: dict[str, LinkMesh] = {}
        self.doors = {name: Door(self._to(name)) for name in identities}
        self.shaper = Shaper(shape)

    def _to(self, name: str) -> Callable[[socket.socket], None]:
        def hand_over(raw: socket.socket) -> None:
            mesh = self.meshes.get(name)
            if mesh:
                mesh.accept(raw)
            else:
                raw.close()

        return hand_over

    def address(self, name: str, port: int | None = None) -> PeerAddress:
        return PeerAddress(self.identities[name].public, "127.0.0.1", port or self.doors[name].port)

    def proxy(self, name: str, client: str = "anybody", **options: Any) -> Gate:
        """A way to a party that can be cut."""
        return self.shaper.gate(client, name, self.doors[name].port, **options)

    def join(self, *names: str, ports: dict[str, int] | None = None, **options: Any) -> list[LinkMesh]:
        """One mesh for each name, connected to the others."""
        for name in names:
            peers = {other: self.address(other, (ports or {}).get(other)) for other in names if other != name}
            self.meshes[name] = LinkMesh(self.identities[name], self.job, peers, **options)
        return [self.meshes[name] for name in names]

    def join_shaped(self, *names: str, **options: Any) -> list[LinkMesh]:
        """One mesh for each name, each pair over a line of its own."""
        for name in names:
            peers = {
                other: self.address(other, self.proxy(other, name).port) for other in names if other != name
            }
            self.meshes[name] = LinkMesh(self.identities[name], self.job, peers, **options)
        return [self.meshes[name] for name in names]

    def close(self) -> None:
        self.shaper.close()
        for door in self.doors.values():
            door.close()
        for mesh in self.meshes.values():
            mesh.die(CLOSED("the test is over"))


def results(*futures: Future[Any], seconds: float = 30) -> list[Any]:
    """What the futures give, or the first error; a hang is a failure."""
    deadline = time.monotonic() + seconds
    return [future.result(max(0.1, deadline - time.monotonic())) for future in futures]


def outcome(call: Callable[[], T]) -> tuple[T | None, str | None]:
    """What a call gives, or the code of its error; any other exception is a failure."""
    try:
        return call(), None
    except CoterieError as error:
        return None, error.code
