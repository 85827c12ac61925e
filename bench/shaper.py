"""A network of given bandwidth and latency between processes of one machine: a TCP proxy in user space.

    shaper = Shaper(WAN)
    gate = shaper.gate("alpha", "beta", port)      # alpha dials gate.port instead of beta's port

Bytes of all connections between two parties share the two directions of one line (``bench/line.py``). A new
connection carries nothing before one round trip is over, which is TCP's handshake. What the model leaves out:
slow start and loss of packets, as the streams end at the proxy and TCP's own window never is the limit.

One thread serves all. It waits with ``select``, which is exact to some 50 microseconds where asyncio and
``epoll`` round up to a millisecond: the whole round trip of a LAN. Carrying 1 Gb/s in one direction takes
about an eighth of a core.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

from bench.line import LOOPBACK, Line, Shape

HOST = "127.0.0.1"
SOCKET_BYTES = 256 * 1024
"""Of the kernel's buffer before a line: more would let a sender believe that a slow line is fast."""

NO_LINGER = b"\1\0\0\0\0\0\0\0"


class Flow:
    """One direction of one connection: what waits on the line between two sockets."""

    def __init__(self, source: socket.socket, sink: socket.socket, line: Line, born: float) -> None:
        self.source, self.sink, self.line, self.born = source, sink, line, born
        self.pieces: deque[tuple[float, memoryview | None]] = deque()
        """Each with the time of its arrival; None is the end of the stream."""
        self.ended = False
        self.delivered = False
        self.blocked = False
        """Whether the receiving end takes no more."""

    def wants(self, now: float) -> bool:
        """Whether to read now."""
        return not self.ended and now >= self.born and self.line.has_room()

    def due(self, now: float) -> float | None:
        """When something is to be done, unless a socket is ready before."""
        if self.pieces:
            return None if self.blocked else self.pieces[0][0]
        return self.born if self.born > now else None

    def read(self, now: float) -> int:
        """Take bytes from the source onto the line; how many."""
        try:
            data = self.source.recv(self.line.shape.segment)
        except BlockingIOError:
            return 0
        self.pieces.append((self.line.admit(len(data), now), memoryview(data) if data else None))
        self.ended = not data
        return len(data)

    def write(self, now: float) -> None:
        """Deliver what has arrived."""
        self.blocked = False
        while self.pieces and self.pieces[0][0] <= now:
            due, data = self.pieces[0]
            if data is None:
                self.pieces.popleft()
                self.delivered = True
                self.sink.shutdown(socket.SHUT_WR)
                return
            try:
                count = self.sink.send(data)
            except BlockingIOError:
                self.blocked = True
                return
            self.line.release(count)
            if count < len(data):
                self.pieces[0] = (due, data[count:])
            else:
                self.pieces.popleft()

    def drop(self) -> None:
        """Throw away what has not arrived."""
        for _, data in self.pieces:
            self.line.release(len(data or b""))
        self.pieces.clear()


class Connection:
    """Two flows, and the gate that they came in by."""

    def __init__(self, gate: Gate, near: socket.socket, far: socket.socket, now: float) -> None:
        self.gate, self.sockets = gate, (near, far)
        born = now + gate.forth.shape.round_trip
        self.flows = (Flow(near, far, gate.forth, born), Flow(far, near, gate.back, born))
        self.moved = 0

    def step(self, now: float, readable: set[socket.socket]) -> bool:
        """Move what can be moved. False where the connection is over."""
        try:
            for flow in self.flows:
                if flow.source in readable and flow.wants(now):
                    self.moved += flow.read(now)
                    if self.gate.must_cut(self.moved):
                        return False
                flow.write(now)
        except OSError:
            return False
        return not all(flow.delivered for flow in self.flows)

    def close(self) -> None:
        """End it at once. What is on the way is lost, the worst kind of cut, unless all was delivered."""
        for flow in self.flows:
            flow.drop()
        for one in self.sockets:
            if not all(flow.delivered for flow in self.flows):
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            one.close()


class Gate:
    """A port that leads to another one, over a line; it can lose its connections.

    :param cut_after: cut each connection when so many bytes, of both directions, have gone over it.
    :param cuts: how often at most.
    """

    def __init__(
        self, shaper: Shaper, target: int, forth: Line, back: Line, cut_after: int | None, cuts: int
    ) -> None:
        self.target, self.forth, self.back = target, forth, back
        self.cut_after, self.cuts_left = cut_after, cuts
        self.connections = 0
        self.cuts = 0
        self.open = True
        """Whether new connections are let through."""
        self._shaper = shaper
        # Set before listening: the window that a connection begins with cannot shrink.
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
        self.listener.bind((HOST, 0))
        self.listener.listen(128)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]

    def must_cut(self, moved: int) -> bool:
        """Whether a connection that has carried so much is to be cut; counts it."""
        if self.cut_after is None or moved <= self.cut_after or self.cuts_left <= 0:
            return False
        self.cuts_left -= 1
        self.cuts += 1
        return True

    def cut_now(self) -> None:
        """Cut all connections."""
        self._shaper.cut(self)

    def take(self, now: float) -> Connection | None:
        """Accept a connection and dial on."""
        try:
            near, _ = self.listener.accept()
        except OSError:
            return None
        self.connections += 1
        far = self._dial() if self.open else None
        if far is None:
            near.close()
            return None
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
        return Connection(self, near, far, now)

    def _dial(self) -> socket.socket | None:
        far = socket.socket()
        try:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
            far.connect((HOST, self.target))
        except OSError:
            far.close()
            return None
        return far


class Shaper:
    """The lines between parties, and the gates to them. A context manager.

    :param seed: of the jitter.
    """

    def __init__(self, shape: Shape = LOOPBACK, seed: int = 0) -> None:
        self.shape = shape
        self._seed = seed
        self._lines: dict[tuple[str, str], Line] = {}
        self._gates: list[Gate] = []
        self._connections: list[Connection] = []
        self._calls: deque[Callable[[], None]] = deque()
        self._stopped = False
        self._asleep, self._waker = socket.socketpair()
        self._asleep.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="shaper", daemon=True)
        self._thread.start()

    def __enter__(self) -> Shaper:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def line(self, source: str, target: str) -> Line:
        """The direction from one party to another."""
        known = self._lines.get((source, target))
        if known is None:
            known = self._lines[source, target] = Line(self.shape, self._seed + len(self._lines))
        return known

    def gate(
        self, client: str, server: str, port: int, *, cut_after: int | None = None, cuts: int = 10**9
    ) -> Gate:
        """A new gate on the way of ``client`` to a port of ``server``."""
        gate = Gate(self, port, self.line(client, server), self.line(server, client), cut_after, cuts)
        self._call(lambda: self._gates.append(gate))
        return gate

    def cut(self, gate: Gate) -> None:
        """Cut all connections of a gate."""
        self._call(lambda: self._end([one for one in self._connections if one.gate is gate]))

    def carried(self) -> dict[tuple[str, str], int]:
        """Bytes of TCP's streams by source and target: payload, framing and TLS."""
        return {ends: line.carried for ends, line in self._lines.items()}

    def close(self) -> None:
        """Cut everything and stop."""
        self._stopped = True
        self._call(lambda: None)
        self._thread.join()
        self._asleep.close()
        self._waker.close()

    def _call(self, what: Callable[[], None]) -> None:
        """Have the thread do something: it alone touches connections."""
        self._calls.append(what)
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def _run(self) -> None:
        while not self._stopped:
            readable, writable = self._wait(time.monotonic())
            if self._asleep in readable:
                self._asleep.recv(4096)
            while self._calls:
                self._calls.popleft()()
            now = time.monotonic()
            ready = readable | writable
            if any(gate.listener in ready for gate in self._gates):
                taken = [gate.take(now) for gate in self._gates if gate.listener in ready]
                self._connections += [one for one in taken if one]
            self._end([one for one in self._connections if not one.step(now, readable)])
        self._end(self._connections)
        for gate in self._gates:
            gate.listener.close()

    def _wait(self, now: float) -> tuple[set[socket.socket], set[socket.socket]]:
        """Sleep until something can be read or written, or arrives."""
        flows = [flow for connection in self._connections for flow in connection.flows]
        reading = [self._asleep, *(gate.listener for gate in self._gates)]
        reading += [flow.source for flow in flows if flow.wants(now)]
        writing = [flow.sink for flow in flows if flow.blocked]
        dues = [due for flow in flows if (due := flow.due(now)) is not None]
        patience = max(0.0, min(dues) - now) if dues else None
        readable, writable, _ = select.select(reading, writing, [], patience)
        return set(readable), set(writable)

    def _end(self, over: list[Connection]) -> None:
        for connection in over:
            connection.close()
        self._connections = [one for one in self._connections if one not in over]


def shaped(shape: Shape) -> contextlib.AbstractContextManager[Shaper | None]:
    """A shaper, or nothing where the network is the machine's own."""
    return contextlib.nullcontext() if shape == LOOPBACK else Shaper(shape)
