"""A line that can be hurt: TCP proxies in front of nodes, and the faults that they make.

Each node names its gate as its address, so that all that peers say to it, and all links that they dial, go
through. TLS begins beyond: a gate sees ciphertext, and of each connection's first message for whom it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Literal, TypeVar

Fault = Literal["cut", "stall", "delay", "duplicate", "reset"]
FAULTS: tuple[Fault, ...] = ("cut", "stall", "delay", "duplicate", "reset")
HOST = "127.0.0.1"
PIECE = 2**16
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing throws away what is unsent, and says so to the other end (RST)."""
LINK, PEER = b"coterie-link/1", b"coterie-peer/1"
_LINK_NAME = re.compile(rb"[0-9a-f]{32}")

T = TypeVar("T")


class Connection:
    """One that goes through a gate."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.writers = (near, far)
        self.kind: Literal["link", "peer", "other"] = "other"
        self.link: str | None = None
        """The name of the attempt whose link it is."""
        self.armed: Fault | None = None
        """What befalls the next bytes."""
        self.struck: Callable[[], None] = lambda: None

    def hear(self, first: bytes) -> None:
        """Learn from a TLS ClientHello, which is in the clear, what this is."""
        if LINK in first:
            self.kind = "link"
            found = _LINK_NAME.search(first)
            self.link = found.group().decode() if found else None
        elif PEER in first:
            self.kind = "peer"

    def end(self, *, reset: bool = False) -> None:
        """Close both ways at once, or have both ends told that the connection was reset."""
        for writer in self.writers:
            if reset:
                with contextlib.suppress(OSError):
                    one: socket.socket = writer.get_extra_info("socket")
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
            else:
                writer.close()


class Gate:
    """A port that leads to a node's."""

    def __init__(self, name: str, target: int) -> None:
        self.name, self.target = name, target
        self.port = 0
        self.connections: set[Connection] = set()
        self.carried = 0
        """Bytes, both directions."""
        self.closed_until = self.stalled_until = self.delayed_until = 0.0
        self.delay = 0.0
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> None:
        """Listen. :raises OSError: somebody has the port."""
        self._server = await asyncio.start_server(self._serve, HOST, port, limit=PIECE)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Take no more, and end what there is."""
        if self._server is not None:
            self._server.close()
        for one in list(self.connections):
            one.end()

    async def _serve(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        if time.monotonic() < self.closed_until:
            near.transport.abort()
            return
        try:
            far_reader, far = await asyncio.open_connection(HOST, self.target, limit=PIECE)
        except OSError:
            near.transport.abort()
            return
        connection = Connection(near, far)
        self.connections.add(connection)
        try:
            await asyncio.gather(
                self._carry(connection, reader, far, hears=True), self._carry(connection, far_reader, near)
            )
        finally:
            self.connections.discard(connection)
            for writer in (near, far):
                writer.transport.abort()

    async def _carry(
        self,
        connection: Connection,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        *,
        hears: bool = False,
    ) -> None:
        try:
            while data := await source.read(PIECE):
                if hears:
                    connection.hear(data)
                    hears = False
                self.carried += len(data)
                if (now := time.monotonic()) < self.delayed_until:
                    await asyncio.sleep(self.delay)
                while (now := time.monotonic()) < self.stalled_until:  # noqa: ASYNC110 - it may be put off
                    await asyncio.sleep(self.stalled_until - now)
                if not self._strike(connection, data, sink):
                    return
                await sink.drain()
            sink.write_eof()
        except (OSError, RuntimeError):
            connection.end()

    def _strike(self, connection: Connection, data: bytes, sink: asyncio.StreamWriter) -> bool:
        """Pass bytes on, with what is to befall them. False where the connection is over."""
        armed, connection.armed = connection.armed, None
        if armed == "reset":
            sink.write(data[: max(1, len(data) // 2)])
            connection.end(reset=True)
            connection.struck()
            return False
        sink.write(data)
        if armed == "duplicate":
            sink.write(data)
            connection.struck()
        return True


class Proxy:
    """All gates, in a thread of their own. A context manager."""

    def __init__(self) -> None:
        self.gates: dict[str, Gate] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        for gate in self.gates.values():
            gate.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def gate(self, name: str, target: int, port: int = 0) -> Gate:
        """A new gate to a port. :param port: its own; 0 for any."""
        gate = self.gates[name] = Gate(name, target)
        asyncio.run_coroutine_threadsafe(gate.open(port), self._loop).result(10)
        return gate

    def links(self, gate: str) -> list[str]:
        """Names of the links that go through a gate now."""
        return self._do(lambda: sorted(one.link for one in self.gates[gate].connections if one.link))

    def hurt(
        self, name: str, fault: Fault, seconds: float, pick: float, wait: float = 1.0
    ) -> tuple[str | None, ...] | None:
        """Have a fault happen at a gate: to all that goes through it, but duplicates and resets to one.

        :param seconds: for which a gate stays closed, stalls or delays.
        :param pick: from 0 to 1, which connection; of those of links, where there are any.
        :param wait: seconds for which bytes to befall are waited for.
        :returns: names of the links that it befell, None for each connection that is no job's; None where
            nothing was there for it to befall.
        """
        struck = threading.Event()
        hit = self._do(lambda: self._hurt(self.gates[name], fault, seconds, pick, struck.set))
        if hit is None or fault not in ("duplicate", "reset"):
            return None if hit is None else tuple(one.link for one in hit)
        if struck.wait(wait):
            return (hit[0].link,)
        self._do(lambda: setattr(hit[0], "armed", None))
        return (hit[0].link,) if struck.is_set() else None

    def _hurt(
        self, gate: Gate, fault: Fault, seconds: float, pick: float, struck: Callable[[], None]
    ) -> list[Connection] | None:
        there = sorted(gate.connections, key=lambda one: (one.link or "", id(one)))
        there = [one for one in there if one.kind == "link"] or [one for one in there if one.kind == "peer"]
        if not there:
            return None
        now = time.monotonic()
        if fault == "cut":
            gate.closed_until = max(gate.closed_until, now + seconds)
            for one in list(gate.connections):
                one.end()
        elif fault == "stall":
            gate.stalled_until = max(gate.stalled_until, now + seconds)
        elif fault == "delay":
            gate.delayed_until, gate.delay = now + seconds, min(0.2, seconds / 10)
        else:
            one = there[min(int(pick * len(there)), len(there) - 1)]
            one.armed, one.struck = fault, struck
            return [one]
        return there

    def heal(self) -> None:
        """End all faults that last."""
        for gate in self.gates.values():
            gate.closed_until = gate.stalled_until = gate.delayed_until = 0.0

    def _do(self, what: Callable[[], T]) -> T:
        """Have the loop's thread do something: it alone touches connections."""

        async def done() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)
