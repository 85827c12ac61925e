"""One port for everything: routing before TLS, hand-over to workers, hostile callers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.wire import (
    ClientHello,
    FrontDoor,
    Inbound,
    LinkMesh,
    Splice,
    handoff_pair,
    read_link_name,
    recv_fd,
    send_fd,
)
from coterie.wire import frontdoor as door_module
from tests.wire.network import LoopThread, Network, outcome
from tests.wire.rawpeer import tls_client

WORKER = """
import socket, sys
from pathlib import Path
import numpy as np
from coterie.crypto import Identity, PublicIdentity
from coterie.wire import LinkMesh, PeerAddress, recv_fd
home, job, alpha, fd = sys.argv[1:]
channel = socket.socket(fileno=int(fd))
peer = PublicIdentity.model_validate_json(alpha)
mesh = LinkMesh(Identity.load(Path(home)), job, {peer.name: PeerAddress(peer)})
connection, record = recv_fd(channel)
assert (record.job, record.party, record.caller) == (job, "beta", "test")
mesh.accept(connection)
data = mesh.to("alpha").recv_array("numbers", np.int64, (1000,))
mesh.to("alpha").send_array("sum", data.sum(keepdims=True))
mesh.close()
"""


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


class Taker:
    """Notes what it is given, and says its name to the caller."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hellos: list[ClientHello] = []

    async def __call__(self, raw: socket.socket, hello: ClientHello) -> None:
        self.hellos.append(hello)
        await asyncio.get_running_loop().sock_sendall(raw, self.name.encode())


def _open(loop: LoopThread, **takers: Any) -> FrontDoor:
    front = FrontDoor(**takers)
    loop.run(front.open("127.0.0.1", 0))
    return front


def _ask(port: int, name: str | None, protocols: list[str]) -> bytes:
    """Send OpenSSL's ClientHello and read the plain answer."""
    from tests.wire.test_clienthello import client_hello

    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(client_hello(name, protocols))
        try:
            return raw.recv(100)
        except ConnectionError:
            return b""


def test_connections_are_routed_by_what_they_ask_for(loop: LoopThread) -> None:
    takers = {name: Taker(name) for name in ("link", "peer", "enrol", "api")}
    front = _open(loop, **takers)
    name = f"{'0' * 32}.beta.coterie"
    assert _ask(front.port, name, ["coterie-link/1"]) == b"link"
    assert _ask(front.port, "beta.coterie", ["coterie-peer/1"]) == b"peer"
    assert _ask(front.port, "beta.coterie", ["coterie-enrol/1"]) == b"enrol"
    assert _ask(front.port, "localhost", ["h2", "http/1.1"]) == b"api"
    assert _ask(front.port, None, []) == b"api"
    assert takers["link"].hellos == [ClientHello(name, ("coterie-link/1",))]
    loop.run(front.close())
    bare = _open(loop, peer=takers["peer"])
    assert _ask(bare.port, None, ["http/1.1"]) == b""
    assert _ask(bare.port, name, ["coterie-link/1"]) == b""
    loop.run(bare.close())


def test_a_link_goes_through_the_front_door_into_another_process(
    loop: LoopThread, network: Network, identities: dict[str, Identity]
) -> None:
    ours, theirs = handoff_pair()
    home = str(identities["beta"].key_path.parents[1])
    alpha_public = identities["alpha"].public.model_dump_json()
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, home, network.job, alpha_public, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    async def hand_over(raw: socket.socket, hello: ClientHello) -> None:
        found = read_link_name(hello.server_name)
        assert found == (network.job, "beta")
        send_fd(ours, raw, Inbound(job=found[0], party=found[1], caller="test"))

    front = _open(loop, link=hand_over)
    alpha = LinkMesh(identities["alpha"], network.job, {"beta": network.address("beta", front.port)})
    alpha.to("beta").send_array("numbers", np.arange(1000))
    assert alpha.to("beta").recv_array("sum", np.int64, (1,)) == 499500
    alpha.close()
    assert worker.wait(10) == 0
    loop.run(front.close())
    ours.close()


def test_the_rest_api_is_reached_through_the_splice(
    loop: LoopThread, identities: dict[str, Identity], tmp_path: Path
) -> None:
    """A TLS echo server on a Unix socket stands for uvicorn: what matters is that every byte passes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identities["beta"].api_certificate_path, identities["beta"].api_key_path)
    path = tmp_path / "api.sock"

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve() -> asyncio.Server:
        return await asyncio.start_unix_server(echo, path, ssl=context)

    server = loop.run(serve())
    front = _open(loop, api=Splice(path))
    client = ssl.create_default_context(cafile=str(identities["beta"].api_certificate_path))
    data = os.urandom(2_000_000)
    with (
        socket.create_connection(("localhost", front.port), 10) as raw,
        client.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        sender = threading.Thread(target=tls.sendall, args=(data,))
        sender.start()
        got = b""
        while len(got) < len(data):
            got += tls.recv(1 << 16)
        sender.join()
    assert got == data

    async def stop() -> None:
        server.close()

    loop.run(front.close())
    loop.run(stop())


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        os.urandom(500),
        b"\0" * 5000,
        b"\x16\x03\x01\xff\xff" + bytes(100),
    ],
    ids=["http", "random", "zeros", "huge record"],
)
def test_what_is_no_client_hello_is_dropped(loop: LoopThread, data: bytes) -> None:
    api = Taker("api")
    front = _open(loop, api=api)
    with socket.create_connection(("127.0.0.1", front.port), 5) as raw:
        raw.sendall(data)
        assert outcome(lambda: _rest(raw)) == (b"", None)
    assert api.hellos == []
    loop.run(front.close())


def _rest(raw: socket.socket) -> bytes:
    try:
        return raw.recv(100)
    except ConnectionError:
        return b""


def test_a_slow_caller_is_dropped_in_time(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.wire.test_clienthello import GOOD

    monkeypatch.setattr(door_module, "HELLO_SECONDS", 0.5)
    api = Taker("api")
    front = _open(loop, api=api)
    with socket.create_connection(("127.0.0.1", front.port), 5) as raw:
        began = time.monotonic()
        dropped = False
        for byte in GOOD[:100]:
            try:
                raw.sendall(bytes([byte]))
                raw.setblocking(False)
                dropped = raw.recv(1) == b""
            except BlockingIOError:
                pass
            except ConnectionError:
                dropped = True
            raw.setblocking(True)
            if dropped:
                break
            time.sleep(0.02)
        assert dropped
        assert 0.4 < time.monotonic() - began < 1.5
    loop.run(front.close())


def test_a_hello_in_small_pieces_is_waited_for(loop: LoopThread) -> None:
    from tests.wire.test_clienthello import GOOD

    link = Taker("link")
    front = _open(loop, link=link)
    with socket.create_connection(("127.0.0.1", front.port), 5) as raw:
        for at in range(0, len(GOOD), 60):
            raw.sendall(GOOD[at : at + 60])
            time.sleep(0.005)
        assert raw.recv(10) == b"link"
    loop.run(front.close())


def test_callers_that_say_nothing_do_not_keep_others_out(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "UNROUTED", 8)
    front = _open(loop, api=Taker("api"))
    idle = [socket.create_connection(("127.0.0.1", front.port), 5) for _ in range(30)]
    assert _ask(front.port, None, []) == b"api"
    time.sleep(0.1)
    closed = 0
    for one in idle:
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            closed += one.recv(1) == b""
        one.close()
    assert closed >= 22  # the oldest went first
    loop.run(front.close())


def test_a_port_that_is_taken_is_named(loop: LoopThread) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CoterieError, match="CT-1230") as caught:
            loop.run(FrontDoor().open("127.0.0.1", port))
        assert str(port) in str(caught.value)
    with pytest.raises(CoterieError, match="CT-1230"):
        loop.run(FrontDoor().open("192.0.2.1", 0))  # not an address of this machine


def test_closing_frees_the_port_and_drops_callers(loop: LoopThread) -> None:
    front = _open(loop, api=Taker("api"))
    waiting = socket.create_connection(("127.0.0.1", front.port), 5)
    time.sleep(0.05)
    loop.run(front.close())
    assert waiting.recv(1) == b""
    waiting.close()
    again = FrontDoor()
    loop.run(again.open("127.0.0.1", front.port))
    loop.run(again.close())


def test_a_descriptor_travels_with_its_record() -> None:
    ours, theirs = handoff_pair()
    left, right = socket.socketpair()
    record = Inbound(job="a" * 32, party="beta", caller="127.0.0.1:1")
    send_fd(ours, right, record)
    assert right.fileno() == -1
    received = recv_fd(theirs)
    assert received
    assert received[1] == record
    received[0].sendall(b"hello")
    assert left.recv(5) == b"hello"
    ours.close()
    assert recv_fd(theirs) is None
    for one in (left, received[0], theirs):
        one.close()


def test_a_hand_over_to_a_worker_that_is_gone_fails_with_a_code() -> None:
    ours, theirs = handoff_pair()
    theirs.close()
    left, right = socket.socketpair()
    with pytest.raises(CoterieError, match="CT-1236"):
        send_fd(ours, right, Inbound(job="a" * 32, party="beta", caller=""))
    assert left.recv(1) == b""
    left.close()
    ours.close()


def test_a_worker_that_does_not_read_does_not_block_the_node() -> None:
    ours, theirs = handoff_pair()

    def pass_many() -> None:
        for _ in range(100_000):
            left, right = socket.socketpair()
            left.close()
            send_fd(ours, right, Inbound(job="a" * 32, party="beta", caller="x" * 100))

    with pytest.raises(CoterieError, match="CT-1236"):
        pass_many()
    ours.close()
    theirs.close()


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x02\0\0\0{}", b"\x05\0\0\0{}"])
def test_a_hand_over_without_descriptor_or_record_is_refused(data: bytes) -> None:
    ours, theirs = handoff_pair()
    ours.sendall(data)
    ours.close()
    with pytest.raises(CoterieError, match="CT-1236"):
        recv_fd(theirs)
    theirs.close()


def test_tls_is_untouched_by_the_look(loop: LoopThread, identities: dict[str, Identity]) -> None:
    """What was peeked is still there for the handshake of whoever takes the connection."""
    from coterie.wire.tls import server_context

    context = server_context(identities["beta"], [identities["alpha"].public], "coterie-peer/1")
    done = threading.Event()

    async def take(raw: socket.socket, _hello: ClientHello) -> None:
        def serve() -> None:
            copy = raw.dup()
            copy.setblocking(True)
            with context.wrap_socket(copy, server_side=True) as tls:
                tls.sendall(tls.recv(10))
            done.set()

        await asyncio.to_thread(serve)

    front = _open(loop, peer=take)
    with tls_client(identities["alpha"], front.port, "beta.coterie", "coterie-peer/1") as tls:
        assert tls.version() == "TLSv1.3"
        tls.sendall(b"ping")
        assert tls.recv(10) == b"ping"
    assert done.wait(5)
    loop.run(front.close())


@contextlib.contextmanager
def _echoing(loop: LoopThread, path: Path) -> Iterator[tuple[FrontDoor, bytes]]:
    """A door before a server that says what it hears, and a ClientHello that leads there."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    async def serve() -> asyncio.Server:
        return await asyncio.start_unix_server(echo, path)

    server = loop.run(serve())
    front = _open(loop, api=Splice(path))
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x").do_handshake()
    yield front, outgoing.read()
    loop.run(front.close())

    async def stop() -> None:
        server.close()

    loop.run(stop())


def test_callers_who_are_silent_behind_the_splice_make_place_for_others(
    loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "SPLICES", 4)
    with _echoing(loop, tmp_path / "api.sock") as (front, hello), contextlib.ExitStack() as stack:
        callers = []
        for _ in range(6):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", front.port), 10))
            raw.sendall(hello)
            assert raw.recv(1 << 16) == hello
            callers.append(raw)
            if len(callers) > 1:
                callers[0].sendall(b"x")  # this one is busy
                assert callers[0].recv(1) == b"x"
        assert [raw.recv(1) for raw in callers[1:3]] == [b"", b""]


def test_who_opens_too_many_connections_loses_their_own(
    loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "SPLICES", 6)
    monkeypatch.setattr(door_module, "SPLICES_OF_ONE", 3)
    with _echoing(loop, tmp_path / "api.sock") as (front, hello), contextlib.ExitStack() as stack:
        callers = []
        for source in ("127.0.0.1", *["127.0.0.2"] * 5):
            raw = stack.enter_context(
                socket.create_connection(("127.0.0.1", front.port), 10, source_address=(source, 0))
            )
            raw.sendall(hello)
            assert raw.recv(1 << 16) == hello
            callers.append(raw)
        assert [raw.recv(1) for raw in callers[1:3]] == [b"", b""]
        for raw in (callers[0], *callers[3:]):  # the quietest of all is another's
            raw.sendall(b"x")
            assert raw.recv(1) == b"x"
