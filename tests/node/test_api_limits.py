"""Every call by schemathesis; size, depth, rate and number of calls, each at its edge; slow callers."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import queue
import runpy
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import uvicorn
from uvicorn.server import ServerState

from coterie.node import api_door
from coterie.node.api import HEAD_BYTES, ApiConnection
from coterie.node.api import connection as connection_module
from coterie.node.api.limits import LARGEST_REQUEST, MOST_AT_ONCE, MOST_OF_ONE
from coterie.node.people.roles import OPEN, ROUTES
from fuzz import api
from tests.node.conftest import Daemon

CALLS = 150
"""Of a token at once; in the test's time no more become free."""


@pytest.fixture(scope="module")
def manager() -> Iterator[queue.Queue[bytes]]:
    """What systemd hears."""
    said: queue.Queue[bytes] = queue.Queue()

    def hear() -> None:
        while (words := heard.recv(100)) != b"end":
            said.put(words)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0coterie-test-{os.getpid()}")
        thread = threading.Thread(target=hear)
        thread.start()
        yield said
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"end", heard.getsockname())
        thread.join()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, manager: queue.Queue[bytes]) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("limits") / "limits")
    with (daemon.home / "node.yaml").open("a") as settings:
        settings.write(f"people: {{calls_at_once: {CALLS}, calls_per_second: 0.001}}\n")
    told = {"NOTIFY_SOCKET": f"@coterie-test-{os.getpid()}", "WATCHDOG_USEC": "400000"}
    with mock.patch.dict(os.environ, told):
        daemon.start()
    try:
        daemon.await_up()
        yield daemon
        assert daemon.stop() == 0
        while (words := manager.get(timeout=20)) != b"STOPPING=1":
            assert words in (b"READY=1", b"WATCHDOG=1")
    finally:
        daemon.client.close()
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()


class Caller:
    """One connection, by another HTTP client than ours."""

    def __init__(self, node: Daemon, token: str | None = None, source: str = "127.0.0.1") -> None:
        context = ssl.create_default_context(cafile=str(node.home / "identity" / "api-cert.pem"))
        host, port = node.address.split(":")
        self.line = http.client.HTTPSConnection(
            host, int(port), timeout=20, context=context, source_address=(source, 0)
        )
        self._token = token

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()

    def __call__(
        self, path: str, body: Any = None, *, chunked: bool = False, **headers: str
    ) -> tuple[int, str | None]:
        """Status, and the code of an error."""
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        method = "GET" if body is None else "POST"
        self.line.request(method, path, body, headers, encode_chunked=chunked)
        answer = self.line.getresponse()
        said = answer.read()
        return answer.status, json.loads(said)["code"] if answer.status >= 400 else None

    def begin(self) -> None:
        """A call whose body does not come."""
        self.line.putrequest("POST", "/v1/jobs")
        self.line.putheader("Authorization", f"Bearer {self._token}")
        self.line.putheader("Content-Length", "10")
        self.line.endheaders(b"{")


def owner(node: Daemon) -> Caller:
    return Caller(node, api_door(node.home).token)


def program(node: Daemon, name: str) -> str:
    return node.client.create_token(name, "analyst").secret


def test_a_service_manager_is_told_that_the_node_is_ready_and_alive(
    node: Daemon, manager: queue.Queue[bytes]
) -> None:
    assert [manager.get(timeout=20) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def test_a_container_is_healthy_as_long_as_its_node_answers(
    node: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Path(__file__).parents[2] / "deploy" / "container" / "healthy.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(node.home)])
    assert runpy.run_path(str(script))["main"]() == 0
    (tmp_path / "identity").symlink_to(node.home / "identity")
    (tmp_path / "node.yaml").write_text("listen: 127.0.0.1:1\n")
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    with pytest.raises(OSError, match="refused"):
        runpy.run_path(str(script))["main"]()


def test_every_call_answers_as_it_is_described_whoever_makes_it(node: Daemon) -> None:
    target = api.prepare(node.home, node.client)
    target.tokens = {role: target.tokens[role] for role in ("nobody", "auditor", "owner")}
    calls = list(api.operations(target))
    for call in calls:
        api.attack(target, call, examples=1, number=1)
    routes = {(call.method.upper(), call.full_path) for call in calls}
    assert {*ROUTES, *OPEN} <= routes
    assert target.sent.total() >= 3 * len(routes)
    assert {200, 400, 401, 403, 404} <= set(target.sent)
    assert 500 not in target.sent


def test_a_body_has_2_mib_at_most_in_one_piece_or_many(node: Daemon) -> None:
    whole = b'{"spec": "' + b"x" * (LARGEST_REQUEST - 12) + b'"}'
    assert len(whole) == LARGEST_REQUEST
    kind = {"Content-Type": "application/json"}
    with owner(node) as call:
        assert call("/v1/jobs", whole, **kind)[1] == "CT-4001"  # it was read, and is no job
        assert call("/v1/jobs", whole + b" ", **kind) == (413, "CT-5013")
        kind["Transfer-Encoding"] = "chunked"
        pieces = [whole[start : start + 100_000] for start in range(0, len(whole), 100_000)]
        assert call("/v1/jobs", iter(pieces), chunked=True, **kind)[1] == "CT-4001"
        assert call("/v1/jobs", iter([*pieces, b" "]), chunked=True, **kind) == (413, "CT-5013")


@pytest.mark.parametrize(
    "body",
    [
        b'{"spec": ' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"spec": ' * 100_000,
        b'{"spec": "x", "spec": "x"}',
        b'{"spec": NaN}',
        b'{"spec": "\\ud800"}',
        b'{"spec": "\xff"}',
    ],
    ids=["deep", "endless", "twice", "nan", "surrogate", "utf8"],
)
def test_bodies_that_two_readers_could_read_differently_or_that_harm_one(node: Daemon, body: bytes) -> None:
    with owner(node) as call:
        assert call("/v1/jobs", body, **{"Content-Type": "application/json"}) == (400, "CT-5012")
        assert call("/v1/jobs", b'{"spec": "x"}', **{"Content-Type": "application/json"})[1] == "CT-4001"


def test_a_head_has_16_kib_at_most(node: Daemon) -> None:
    with owner(node) as call:
        assert call("/v1/version", **{"X-Long": "x" * (HEAD_BYTES - 1000)})[0] == 200
        assert call("/v1/version", **{"X-Long": "x" * HEAD_BYTES}) == (413, "CT-5013")
    with owner(node) as call:
        assert call(f"/v1/ledger?kind={'x' * HEAD_BYTES}") == (413, "CT-5013")
    with owner(node) as call:  # in pieces, without an end
        call.line.connect()
        call.line.sock.sendall(b"GET /v1/version HTTP/1.1\r\nX-Long: ")
        for _ in range(9):
            call.line.sock.sendall(b"x" * 2048)
        answer = http.client.HTTPResponse(call.line.sock)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (400, "CT-5012")


def test_what_is_not_http_is_answered_with_a_code(node: Daemon) -> None:
    with owner(node) as call:
        call.line.connect()
        call.line.sock.sendall(b"\x00\x01\x02 HELO\r\n\r\n")
        answer = http.client.HTTPResponse(call.line.sock)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (400, "CT-5012")


def eventually(call: Caller, wanted: tuple[int, str | None]) -> None:
    """The node may not have seen yet what others have begun, or ended."""
    for _ in range(40):
        if call("/v1/version") == wanted:
            return
        time.sleep(0.05)
    raise AssertionError(call("/v1/version"))


def test_one_program_leaves_room_for_others_and_all_together_for_the_node(node: Daemon) -> None:
    first, second, third = (program(node, name) for name in ("first", "second", "third"))
    with ExitStack() as stack:

        def fill(token: str) -> None:
            for _ in range(MOST_OF_ONE):
                stack.enter_context(Caller(node, token)).begin()

        fill(first)
        with Caller(node, first) as call:
            eventually(call, (429, "CT-5122"))
        with Caller(node, third) as call:
            assert call("/v1/version") == (200, None)
            assert 2 * MOST_OF_ONE == MOST_AT_ONCE
            fill(second)
            eventually(call, (503, "CT-5017"))
        assert node.client.health().status == "ok"
    with Caller(node, third) as call:
        eventually(call, (200, None))


def test_a_token_has_so_many_calls(node: Daemon) -> None:
    with Caller(node, program(node, "busy")) as call:
        assert {call("/v1/version") for _ in range(CALLS)} == {(200, None)}
        assert call("/v1/version") == (429, "CT-5122")
    with owner(node) as call:
        assert {call("/v1/version") for _ in range(CALLS + 1)} == {(200, None)}


def test_strangers_have_as_many_and_keep_nobody_out(node: Daemon) -> None:
    here = "127.0.0.9"
    with Caller(node, "no token of this node", here) as call:
        said = [call("/v1/version") for _ in range(CALLS + 1)]
        assert (said[0], said[-1]) == ((401, "CT-5010"), (429, "CT-5122"))
    with Caller(node, None, here) as call:
        assert call("/v1/health") == (429, "CT-5122")
        assert call("/healthz") == call("/readyz") == (200, None)
    with Caller(node, program(node, "known"), here) as call:
        assert call("/v1/version") == (200, None)
    assert node.client.health().status == "ok"  # from another address


# The connection itself, with the times cut short.

SOON = 0.4
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body; at /early before it has come, at /much with a lot."""
    size = 0
    while scope["path"] != "/early":
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    body = b"x" * 20_000_000 if scope["path"] == "/much" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs what a caller does against one connection's server."""
    monkeypatch.setattr(connection_module, "HEAD_SECONDS", SOON)
    monkeypatch.setattr(connection_module, "ANSWER_SECONDS", SOON)
    config = uvicorn.Config(echo, lifespan="off", log_config=None, h11_max_incomplete_event_size=HEAD_BYTES)
    config.load()

    async def run(act: Any) -> None:
        state = ServerState()
        loop = asyncio.get_running_loop()
        path = str(tmp_path / "s")
        server = await loop.create_unix_server(lambda: ApiConnection(config, state, {}), path)
        async with server, asyncio.timeout(20):
            reader, writer = await asyncio.open_unix_connection(path)
            await act(reader, writer, state)
            writer.close()

    return lambda act: asyncio.run(run(act))


def test_who_asks_nothing_is_sent_away(served: Any) -> None:
    async def act(reader: asyncio.StreamReader, writer: Any, state: Any) -> None:
        assert await reader.read() == b""

    served(act)


def test_a_head_that_comes_too_slowly_is_refused_with_a_code(served: Any) -> None:
    async def act(reader: asyncio.StreamReader, writer: Any, state: Any) -> None:
        writer.write(b"GET / HTTP/1.1\r\n")
        assert json.loads((await reader.read()).partition(b"\r\n\r\n")[2])["code"] == "CT-5012"

    served(act)


def test_a_slow_body_has_its_own_time_and_the_next_head_too(served: Any) -> None:
    async def act(reader: asyncio.StreamReader, writer: Any, state: Any) -> None:
        for pause in (1.5 * SOON, 0):
            writer.write(HEAD + b"x")
            await asyncio.sleep(pause)
            writer.write(b"y")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"2"
        writer.write(HEAD + b"xy" + HEAD)  # the second begins behind the first
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"xy")
        assert (await reader.readexactly(1), (await reader.readuntil(b"\r\n\r\n"))[:12]) == (
            b"2",
            b"HTTP/1.1 200",
        )
        assert await reader.readexactly(1) == b"2"
        writer.write(b"POST / HT")
        assert b"CT-5012" in await reader.read()

    served(act)


def test_a_body_that_nobody_waits_for_any_more_ends(served: Any) -> None:
    async def act(reader: asyncio.StreamReader, writer: Any, state: Any) -> None:
        writer.write(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        over = asyncio.create_task(reader.read())
        while not over.done():
            writer.write(b"x")
            await asyncio.sleep(SOON / 10)
        assert over.exception() is None or isinstance(over.exception(), OSError)

    served(act)


def test_an_answer_that_nobody_reads_is_dropped(served: Any) -> None:
    async def act(reader: asyncio.StreamReader, writer: Any, state: Any) -> None:
        writer.transport.pause_reading()
        writer.write(b"POST /much HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(2 * SOON)
        writer.transport.resume_reading()
        with pytest.raises((asyncio.IncompleteReadError, OSError)):
            await reader.readexactly(20_000_000)

    served(act)
