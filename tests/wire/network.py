"""Real meshes over real sockets: a front door of the simplest kind, and a proxy that cuts connections."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

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


class CuttingProxy:
    """Forwards TCP to ``port``; cuts every connection, hard, after ``cut_after`` bytes in either
    direction.
    """

    def __init__(self, port: int, cut_after: int | None = None, cuts: int = 10**9) -> None:
        self.cut_after = cut_after
        self.cuts_left = cuts
        self.connections = 0
        self.cuts = 0
        self.open = True
        self._target = port
        self._live: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._door = Door(self._accept)
        self.port = self._door.port

    def _accept(self, raw: socket.socket) -> None:
        self.connections += 1
        threading.Thread(target=self._forward, args=(raw,), daemon=True).start()

    def _forward(self, raw: socket.socket) -> None:
        if not self.open:
            raw.close()
            return
        try:
            other = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            raw.close()
            return
        with self._lock:
            self._live |= {raw, other}
        moved = 0
        buffer = bytearray(1 << 18)
        pairs = {raw: other, other: raw}
        try:
            while True:
                for ready in select.select([raw, other], [], [], 5)[0]:
                    count = ready.recv_into(buffer)
                    if not count:
                        return
                    moved += count
                    if self.cut_after is not None and moved > self.cut_after and self.cuts_left > 0:
                        self.cuts_left -= 1
                        self.cuts += 1
                        return
                    pairs[ready].sendall(memoryview(buffer)[:count])
        except (OSError, ValueError):
            return
        finally:
            for one in (raw, other):
                # Without lingering, what is on the way is thrown away: the worst kind of cut.
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.close()
            with self._lock:
                self._live -= {raw, other}

    def cut_now(self) -> None:
        with self._lock:
            for one in self._live:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._door.close()
        self.cut_now()


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
    """Meshes of several parties in this process, over loopback TCP."""

    def __init__(self, identities: dict[str, Identity]) -> None:
        self.identities = identities
        self.job = secrets.token_hex(16)
        self.meshes: dict[str, LinkMesh] = {}
        self.doors = {name: Door(self._to(name)) for name in identities}
        self.proxies: list[CuttingProxy] = []

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

    def proxy(self, name: str, **options: Any) -> CuttingProxy:
        proxy = CuttingProxy(self.doors[name].port, **options)
        self.proxies.append(proxy)
        return proxy

    def join(self, *names: str, ports: dict[str, int] | None = None, **options: Any) -> list[LinkMesh]:
        """One mesh for each name, connected to the others."""
        for name in names:
            peers = {other: self.address(other, (ports or {}).get(other)) for other in names if other != name}
            self.meshes[name] = LinkMesh(self.identities[name], self.job, peers, **options)
        return [self.meshes[name] for name in names]

    def close(self) -> None:
        for proxy in self.proxies:
            proxy.close()
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
