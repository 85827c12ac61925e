"""Requests between nodes: typed, bounded, authenticated."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import time
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ConfigDict

from coterie.crypto import Identity, PublicIdentity
from coterie.errors import CoterieError
from coterie.wire import FrontDoor, PeerAddress, PeerClient, PeerServer
from coterie.wire.errors import UNKNOWN_JOB
from coterie.wire.stream import Anteroom
from tests.wire.network import LoopThread
from tests.wire.rawpeer import tls_client


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    text: str
    number: int = 0


class Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    text: str
    caller: str


class Service:
    """beta's front door with a server of requests, known to alpha."""

    def __init__(self, identities: dict[str, Identity]) -> None:
        self.loop = LoopThread()
        self.known = [identities["alpha"].public]
        self.server = PeerServer(identities["beta"], lambda: self.known, limit=10_000)
        self.server.handle("echo", Question, self._echo)
        self.server.handle("fail", Question, self._fail)
        self.server.handle("crash", Question, self._crash)
        self.server.handle("sleep", Question, self._sleep)
        self.front = FrontDoor(peer=self.server)
        self.loop.run(self.front.open("127.0.0.1", 0))
        self.address = PeerAddress(identities["beta"].public, "127.0.0.1", self.front.port)

    async def _echo(self, peer: PublicIdentity, question: Question) -> Reply:
        return Reply(text=question.text, caller=peer.name)

    async def _fail(self, peer: PublicIdentity, question: Question) -> Reply:
        raise UNKNOWN_JOB(question.text, step="train")

    async def _crash(self, peer: PublicIdentity, question: Question) -> Reply:
        raise ZeroDivisionError(question.text)

    async def _sleep(self, peer: PublicIdentity, question: Question) -> Reply:
        await asyncio.sleep(60)
        raise AssertionError

    def close(self) -> None:
        self.loop.run(self.front.close())
        self.loop.close()


@pytest.fixture
def service(identities: dict[str, Identity]) -> Iterator[Service]:
    made = Service(identities)
    yield made
    made.close()


@pytest.fixture
def alpha(identities: dict[str, Identity]) -> PeerClient:
    return PeerClient(identities["alpha"])


def test_a_request_is_answered(service: Service, alpha: PeerClient) -> None:
    reply = alpha.ask(service.address, "echo", Question(text="Grüße"), Reply)
    assert reply == Reply(text="Grüße", caller="alpha")


def test_errors_of_the_handler_come_back_with_code_party_and_step(
    service: Service, alpha: PeerClient
) -> None:
    with pytest.raises(CoterieError) as caught:
        alpha.ask(service.address, "fail", Question(text="j1"), Reply)
    error = caught.value
    assert (error.code, error.party, error.step, error.detail) == (UNKNOWN_JOB.code, "beta", "train", "j1")


def test_an_unexpected_failure_says_nothing_of_the_inside(service: Service, alpha: PeerClient) -> None:
    with pytest.raises(CoterieError, match="CT-1002") as caught:
        alpha.ask(service.address, "crash", Question(text="secret"), Reply)
    assert "secret" not in str(caught.value)
    assert "ZeroDivision" not in str(caught.value)


def test_unknown_requests_and_wrong_forms_are_refused(service: Service, alpha: PeerClient) -> None:
    with pytest.raises(CoterieError, match="CT-1232"):
        alpha.ask(service.address, "dance", Question(text=""), Reply)
    with pytest.raises(CoterieError, match="CT-1204"):
        alpha.ask(service.address, "echo", Reply(text="", caller=""), Reply)
    with pytest.raises(CoterieError, match="CT-1204"):
        alpha.ask(service.address, "echo", Question(text=""), Question)


def test_several_requests_have_one_time_for_all(service: Service, alpha: PeerClient) -> None:
    took = asyncio.run(alpha.timed(service.address, "echo", [Question(text="x")] * 3, Reply))
    assert len(took) == 3
    with pytest.raises(CoterieError, match="CT-1234") as caught:
        asyncio.run(alpha.timed(service.address, "sleep", [Question(text="")] * 3, Reply, 0.2))
    assert caught.value.party == "beta"


def test_strangers_are_refused_and_both_sides_know(service: Service, identities: dict[str, Identity]) -> None:
    with pytest.raises(CoterieError, match="CT-1221"):
        PeerClient(identities["gamma"]).ask(service.address, "echo", Question(text=""), Reply)
    deadline = time.monotonic() + 5
    while not service.server.refused and time.monotonic() < deadline:
        time.sleep(0.01)
    assert service.server.refused[-1].code == "CT-1220"
    service.known.append(identities["gamma"].public)  # introduced meanwhile
    reply = PeerClient(identities["gamma"]).ask(service.address, "echo", Question(text=""), Reply)
    assert reply.caller == "gamma"


def test_a_server_with_another_key_is_refused(service: Service, identities: dict[str, Identity]) -> None:
    pinned = PeerAddress(identities["mallory"].public, "127.0.0.1", service.front.port)
    with pytest.raises(CoterieError, match="CT-1220") as caught:
        PeerClient(identities["alpha"]).ask(pinned, "echo", Question(text=""), Reply)
    assert caught.value.party == "mallory"


def test_a_peer_that_is_not_there_is_named(alpha: PeerClient, identities: dict[str, Identity]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    beta = identities["beta"].public
    with pytest.raises(CoterieError, match="CT-1219") as caught:
        alpha.ask(PeerAddress(beta, "127.0.0.1", port), "echo", Question(text=""), Reply)
    assert str(port) in str(caught.value)
    with pytest.raises(CoterieError, match="CT-1219"):
        alpha.ask(PeerAddress(beta), "echo", Question(text=""), Reply)


def test_a_slow_answer_is_not_waited_for_for_ever(service: Service, alpha: PeerClient) -> None:
    with pytest.raises(CoterieError, match="CT-1234"):
        alpha.ask(service.address, "sleep", Question(text=""), Reply, seconds=0.3)


def test_requests_that_are_too_long_are_not_sent(service: Service, identities: dict[str, Identity]) -> None:
    with pytest.raises(CoterieError, match="CT-1207"):
        PeerClient(identities["alpha"]).ask(service.address, "echo", Question(text="a" * (1 << 20)), Reply)
    # Within the client's limit, beyond the server's:
    with pytest.raises(CoterieError, match="CT-1203"):
        PeerClient(identities["alpha"]).ask(service.address, "echo", Question(text="a" * 20_000), Reply)


def _raw(service: Service, identities: dict[str, Identity], data: bytes) -> dict[str, object]:
    with tls_client(identities["alpha"], service.front.port, "beta.coterie", "coterie-peer/1") as tls:
        assert tls.recv(8) == b"coterie\x01"
        tls.sendall(data)
        size = struct.unpack("<I", tls.recv(4))[0]
        answer = json.loads(tls.recv(size))
        assert isinstance(answer, dict)
        return answer


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (struct.pack("<I", 0xFFFFFFFF), "CT-1203"),
        (struct.pack("<I", 10_001), "CT-1203"),
        (struct.pack("<I", 0), "CT-1204"),
        (struct.pack("<I", 4) + b"\xff\xff\xff\xff", "CT-1204"),
        (struct.pack("<I", 9000) + b"[" * 9000, "CT-1204"),
        (struct.pack("<I", 13) + b'{"kind":"../"', "CT-1204"),
    ],
)
def test_hostile_records_are_answered_with_a_code(
    service: Service, identities: dict[str, Identity], alpha: PeerClient, data: bytes, code: str
) -> None:
    answer = _raw(service, identities, data)
    assert answer["body"] is None
    assert isinstance(answer["error"], dict)
    assert answer["error"]["code"] == code
    assert alpha.ask(service.address, "echo", Question(text="still here"), Reply).text == "still here"


def test_repeated_names_are_refused(service: Service, identities: dict[str, Identity]) -> None:
    body = b'{"kind":"echo","kind":"fail","body":{"text":""}}'
    answer = _raw(service, identities, struct.pack("<I", len(body)) + body)
    assert isinstance(answer["error"], dict)
    assert answer["error"]["code"] == "CT-1204"


def test_a_peer_that_was_removed_is_not_served_on_the_connection_that_it_has(
    service: Service, identities: dict[str, Identity]
) -> None:
    tls = tls_client(identities["alpha"], service.front.port, "beta.coterie", "coterie-peer/1")
    with tls:
        assert _read(tls, 8) == b"coterie\x01"
        request = json.dumps({"kind": "echo", "body": {"text": "a"}}).encode()
        for removed, expected in ((False, "alpha"), (True, "CT-1220")):
            if removed:
                service.known.clear()
            tls.sendall(struct.pack("<I", len(request)) + request)
            assert expected in _read(tls, struct.unpack("<I", _read(tls, 4))[0]).decode()
        assert tls.recv(1) == b""


def _read(tls: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = tls.recv(count - len(data))
        assert piece
        data += piece
    return data


def test_strangers_who_never_finish_their_handshake_do_not_keep_peers_out(
    service: Service, alpha: PeerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.server, "_anteroom", Anteroom(4))
    hello = _client_hello("coterie-peer/1")
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.front.port))) for _ in range(8)
        ]
        for raw in idle:
            raw.sendall(hello)
            assert raw.recv(1)  # the server has answered, and waits for a certificate
        reply = alpha.ask(service.address, "echo", Question(text="a"), Reply, 5)
        assert reply.caller == "alpha"


def _client_hello(protocol: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols([protocol])
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="beta.coterie")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()
