"""The shaper between real sockets. Bounds are wide: a busy machine may be late, and never early."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bench.line import LOOPBACK, Shape
from bench.shaper import Gate, Shaper
from coterie.crypto import Identity
from coterie.wire import LinkMesh
from tests.wire.network import Network, results

QUICK = Shape("quick", bits_per_second=8e7, round_trip=0.02)
RATE = 1e7


class Sink:
    """Accepts connections and does something with each, in a thread."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._serve = serve
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(raw,), daemon=True).start()

    def _one(self, raw: socket.socket) -> None:
        with raw, contextlib.suppress(OSError):
            self._serve(raw)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def echo(raw: socket.socket) -> None:
    while data := raw.recv(1 << 16):
        raw.sendall(data)


def count(raw: socket.socket) -> None:
    """Read until the end, then answer with the number of bytes."""
    total = 0
    while data := raw.recv(1 << 16):
        total += len(data)
    raw.sendall(total.to_bytes(8, "little"))


@contextlib.contextmanager
def through(shape: Shape, serve: Callable[[socket.socket], None]) -> Iterator[tuple[Shaper, Gate]]:
    sink = Sink(serve)
    with Shaper(shape) as shaper:
        yield shaper, shaper.gate("near", "far", sink.port)
    sink.close()


def dial(gate: Gate) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", gate.port), timeout=20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def everything(raw: socket.socket) -> bytes:
    parts = []
    while data := raw.recv(1 << 16):
        parts.append(data)
    return b"".join(parts)


def test_a_round_trip_takes_what_ping_would_say() -> None:
    with through(QUICK, echo) as (_, gate), dial(gate) as raw:
        began = time.monotonic()
        raw.sendall(b"first")
        assert raw.recv(5) == b"first"
        assert time.monotonic() - began >= 2 * QUICK.round_trip - 0.005  # one of them TCP's handshake
        for _ in range(5):
            began = time.monotonic()
            raw.sendall(b"ping")
            assert raw.recv(4) == b"ping"
            assert QUICK.round_trip <= time.monotonic() - began < 5


def test_bytes_take_what_the_bandwidth_says_and_arrive_as_they_were() -> None:
    data = np.random.default_rng(1).bytes(2_000_000)
    with through(QUICK, echo) as (shaper, gate), dial(gate) as raw, ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        back = pool.submit(everything, raw)
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        assert back.result(20) == data
        took = time.monotonic() - began
        # There and back at once, as directions are independent: not twice the time.
        assert len(data) / RATE <= took < 5
        assert shaper.carried() == {("near", "far"): len(data), ("far", "near"): len(data)}


def test_connections_of_one_line_share_its_bandwidth() -> None:
    size = 1_000_000
    with through(QUICK, count) as (shaper, gate), ThreadPoolExecutor(2) as pool:

        def send(_: int) -> int:
            with dial(gate) as raw:
                raw.sendall(bytes(size))
                raw.shutdown(socket.SHUT_WR)
                return int.from_bytes(everything(raw), "little")

        began = time.monotonic()
        assert list(pool.map(send, range(2))) == [size, size]
        assert 2 * size / RATE <= time.monotonic() - began < 5
        assert shaper.carried()["near", "far"] == 2 * size


def test_a_receiver_that_does_not_read_holds_its_sender_back() -> None:
    release = threading.Event()
    received: list[bytes] = []

    def late(raw: socket.socket) -> None:
        release.wait(20)
        received.append(everything(raw))

    with through(LOOPBACK, late) as (_, gate), dial(gate) as raw:
        raw.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 256 << 20:
                sent += raw.send(bytes(1 << 16))
        assert sent < 64 << 20  # what kernels and the line hold, and no more
        release.set()
        raw.settimeout(20)
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(1) == b""
        assert len(received[0]) == sent


def test_a_cut_loses_what_was_on_its_way() -> None:
    with through(QUICK, echo) as (_, gate), dial(gate) as raw:
        raw.sendall(b"whole")
        assert raw.recv(5) == b"whole"
        raw.sendall(b"lost")
        time.sleep(0.005)
        gate.cut_now()
        with pytest.raises(ConnectionResetError):
            raw.recv(4)
        with dial(gate) as again:
            again.sendall(b"new")
            assert again.recv(3) == b"new"
        assert gate.connections == 2


def test_a_gate_cuts_after_so_many_bytes_and_so_often() -> None:
    with through(LOOPBACK, count) as (shaper, _):
        sink = Sink(count)
        gate = shaper.gate("near", "far", sink.port, cut_after=100_000, cuts=1)
        with dial(gate) as raw, pytest.raises(ConnectionError):
            raw.sendall(bytes(32 << 20))
        with dial(gate) as raw:
            raw.sendall(bytes(300_000))
            raw.shutdown(socket.SHUT_WR)
            assert int.from_bytes(everything(raw), "little") == 300_000
        assert (gate.cuts, gate.connections) == (1, 2)
        sink.close()


def test_a_closed_gate_and_a_missing_target_refuse() -> None:
    with through(LOOPBACK, echo) as (shaper, gate):
        gate.open = False
        with dial(gate) as raw:
            assert raw.recv(1) == b""
        nobody = socket.create_server(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        nobody.close()
        with dial(shaper.gate("near", "nobody", port)) as raw:
            assert raw.recv(1) == b""


def test_rounds_of_real_links_take_half_a_round_trip_each(tmp_path: Path) -> None:
    rounds = 8
    network = Network({name: Identity.create(tmp_path / name, name) for name in ("alpha", "beta")}, QUICK)
    alpha, beta = network.join_shaped("alpha", "beta")

    def play(mesh: LinkMesh, peer: str) -> float:
        channel = mesh.to(peer)
        channel.send_bytes("meet", b"x")
        channel.recv_bytes("meet", 1)
        began = time.monotonic()
        for number in range(rounds):
            channel.send_array(f"r{number}", np.full(8, number))
            assert (channel.recv_array(f"r{number}", np.int64, (8,)) == number).all()
        return time.monotonic() - began

    with ThreadPoolExecutor(2) as pool:
        took = results(pool.submit(play, alpha, "beta"), pool.submit(play, beta, "alpha"))
    network.close()
    # Whoever begins later finds the first message there already, and no other.
    assert min(took) >= (rounds - 1) * QUICK.one_way
    assert max(took) < 10
    carried = network.shaper.carried()
    assert min(carried["alpha", "beta"], carried["beta", "alpha"]) > rounds * 64
