"""Requests and answers between nodes: typed, small, one connection for each request.

A request is a record ``{"kind": ..., "body": {...}}``, its answer ``{"body": {...}}`` or ``{"error":
{...}}``. Who asks is known by certificate. What is asked is known by the schema of its kind; nothing else is
let in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints

from coterie.crypto import Identity, PublicIdentity, canonical
from coterie.errors import UNEXPECTED, CoterieError
from coterie.wire.address import PeerAddress
from coterie.wire.clienthello import ClientHello
from coterie.wire.errors import BAD_MESSAGE, CANNOT_CONNECT, UNKNOWN_REQUEST, WRONG_KEY
from coterie.wire.frames import HELLO_LIMIT, VERSION, Failure, Hello, encode_hello, error_of, failure_of
from coterie.wire.mesh import M
from coterie.wire.messages import read_record
from coterie.wire.stream import Anteroom, Stream, accepted, connected, translated
from coterie.wire.tls import LINK_PROTOCOL, PEER_PROTOCOL, client_context, server_context

CONTROL_LIMIT = 1 << 20
"""Bytes of a control record: the longest are plans, with some hundred bytes for each of a few hundred
steps.
"""

CONVERSATIONS = 32
"""Connections of one peer that are served at a time."""

HANDSHAKES = 128
"""Connections at a time whose callers have not proven yet who they are; see :class:`Anteroom`."""

ANSWER_SECONDS = 60.0
"""For an answer: handlers read and write files, they do not run jobs."""

IDLE_SECONDS = 30.0
"""For the next request on an open connection."""

log = logging.getLogger(__name__)

R = TypeVar("R", bound=BaseModel)

Handler = Callable[[PublicIdentity, Any], Awaitable[BaseModel]]
Why = Callable[[str], tuple[bool, CoterieError | None]]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9/-]{0,63}$")]
    body: dict[str, Any]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    body: dict[str, Any] | None = None
    error: Failure | None = None


@dataclass(frozen=True)
class _Known:
    request: type[BaseModel]
    handler: Handler


class PeerPins:
    """The peers that may call now, and TLS contexts for them: made anew when the peers change."""

    def __init__(
        self, identity: Identity, peers: Callable[[], Iterable[PublicIdentity]], protocol: str
    ) -> None:
        self._identity = identity
        self._peers = peers
        self._protocol = protocol
        self._now: tuple[PublicIdentity, ...] | None = None
        self._context: ssl.SSLContext | None = None

    def current(self) -> tuple[ssl.SSLContext, tuple[PublicIdentity, ...]]:
        peers = tuple(self._peers())
        if self._context is None or peers != self._now:
            self._context = server_context(self._identity, peers, self._protocol)
            self._now = peers
        return self._context, peers


@contextlib.contextmanager
def _place(live: Counter[str], peer: PublicIdentity | None) -> Iterator[bool]:
    """A place among a peer's connections; False where it has none left."""
    assert peer is not None
    live[peer.name] += 1
    try:
        yield live[peer.name] <= CONVERSATIONS
    finally:
        live[peer.name] -= 1


class PeerServer:
    """Answers peers' requests. Give it to the front door as ``peer``."""

    def __init__(
        self, identity: Identity, peers: Callable[[], Iterable[PublicIdentity]], limit: int = CONTROL_LIMIT
    ) -> None:
        """:param peers: the parties that may call, asked anew for each connection."""
        self._pins = PeerPins(identity, peers, PEER_PROTOCOL)
        self._limit = limit
        self._known: dict[str, _Known] = {}
        self._live: Counter[str] = Counter()
        self._anteroom = Anteroom(HANDSHAKES)
        self._refused: deque[CoterieError] = deque(maxlen=20)

    @property
    def refused(self) -> tuple[CoterieError, ...]:
        """The last callers that were turned away, with the reason."""
        return tuple(self._refused)

    def handle(
        self, kind: str, request: type[R], handler: Callable[[PublicIdentity, R], Awaitable[BaseModel]]
    ) -> None:
        """Answer requests of ``kind`` with what ``handler(peer, request)`` gives or raises."""
        self._known[kind] = _Known(request, handler)

    async def __call__(self, raw: socket.socket, _hello: ClientHello) -> None:
        try:
            context, peers = self._pins.current()
            async with accepted(raw, context, peers, self._anteroom) as stream:
                with _place(self._live, stream.peer) as free:
                    if free:
                        await self._converse(stream)
        except CoterieError as error:
            self._refused.append(error)
            log.warning("refused a caller: %s", error)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the caller has gone

    async def _converse(self, stream: Stream) -> None:
        assert stream.peer is not None
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    data = await stream.read_record(self._limit, stream.peer.name)
                if stream.peer not in self._pins.current()[1]:
                    raise WRONG_KEY(f"{stream.peer.name} is not known any more", party=stream.peer.name)
            except CoterieError as error:
                # Too long to be read, so there is no next request to be found on this connection; or the peer
                # was removed since it connected.
                await stream.write_record(canonical(_Answer(error=failure_of(error))))
                raise
            answer = await self._answer(stream.peer, data)
            async with asyncio.timeout(ANSWER_SECONDS):  # a peer that does not read keeps no place
                await stream.write_record(canonical(answer))

    async def _answer(self, peer: PublicIdentity, data: bytes) -> _Answer:
        try:
            request = read_record(data, _Request, self._limit, peer.name)
            known = self._known.get(request.kind)
            if known is None:
                raise UNKNOWN_REQUEST(request.kind)
            body = read_record(canonical(request.body), known.request, self._limit, peer.name)
            result = await known.handler(peer, body)
            return _Answer(body=result.model_dump(mode="json"))
        except CoterieError as error:
            return _Answer(error=failure_of(error))
        except Exception:
            log.exception("a request of %s failed unexpectedly", peer.name)
            return _Answer(error=failure_of(UNEXPECTED("while answering a peer")))


class PeerClient:
    """Asks peers."""

    def __init__(self, identity: Identity, limit: int = CONTROL_LIMIT) -> None:
        self._identity = identity
        self._limit = limit

    async def call(
        self,
        address: PeerAddress,
        kind: str,
        request: BaseModel,
        answer: type[M],
        seconds: float = ANSWER_SECONDS,
    ) -> M:
        """One request. Raises what the peer's handler raised, with the peer as its party.

        Errors besides: CT-1219, CT-1220, CT-1221, CT-1222 (no connection), CT-1234 (no answer in
        ``seconds``), CT-1203 and CT-1204 (not the right answer), CT-1207 (the request is too long).
        """
        ((found, _),) = await self._converse(address, kind, [request], answer, seconds)
        return found

    async def timed(
        self,
        address: PeerAddress,
        kind: str,
        requests: Sequence[BaseModel],
        answer: type[M],
        seconds: float = ANSWER_SECONDS,
    ) -> list[float]:
        """Seconds from each request to its answer, one after the other on one connection.

        :param seconds: for all of them, and the connection.

        Errors: as :meth:`call`.
        """
        with translated(address.name):
            async with asyncio.timeout(seconds):
                return [took for _, took in await self._converse(address, kind, requests, answer, seconds)]

    async def _converse(
        self, address: PeerAddress, kind: str, requests: Sequence[BaseModel], answer: type[M], seconds: float
    ) -> list[tuple[M, float]]:
        """Answers, and the seconds they took."""
        bodies = [self._written(kind, one) for one in requests]
        answers = []
        async with self._connected(address) as stream:
            for body in bodies:
                began = time.perf_counter()
                data = await self._exchanged(stream, body, address.name, seconds)
                took = time.perf_counter() - began
                answers.append((self._read(data, answer, address.name), took))
        return answers

    def _written(self, kind: str, request: BaseModel) -> bytes:
        body = canonical({"kind": kind, "body": request.model_dump(mode="json")})
        if len(body) > self._limit:
            raise BAD_MESSAGE(f"the request {kind} has {len(body)} bytes; {self._limit} are allowed")
        return body

    def _connected(self, address: PeerAddress) -> contextlib.AbstractAsyncContextManager[Stream]:
        if not address.listens:
            raise CANNOT_CONNECT(f"{address.name} has no address", party=address.name)
        context = client_context(self._identity, address.identity, PEER_PROTOCOL)
        return connected(address, context, f"{address.name}.coterie")

    async def _exchanged(self, stream: Stream, body: bytes, name: str, seconds: float) -> bytes:
        with translated(name):
            async with asyncio.timeout(seconds):
                await stream.write_record(body)
                return await stream.read_record(self._limit, name)

    def _read(self, data: bytes, answer: type[M], name: str) -> M:
        found = read_record(data, _Answer, self._limit, name)
        if found.error:
            raise error_of(found.error, name)
        return read_record(canonical(found.body), answer, self._limit, name)

    def ask(
        self,
        address: PeerAddress,
        kind: str,
        request: BaseModel,
        answer: type[M],
        seconds: float = ANSWER_SECONDS,
    ) -> M:
        """:meth:`call` for threads without an event loop."""
        return asyncio.run(self.call(address, kind, request, answer, seconds))


class Turnstile:
    """Answers links whose job has no worker here: a peer learns, authenticated, that it need not wait."""

    def __init__(self, identity: Identity, peers: Callable[[], Iterable[PublicIdentity]]) -> None:
        self._name = identity.name
        self._pins = PeerPins(identity, peers, LINK_PROTOCOL)
        self._live: Counter[str] = Counter()
        self._anteroom = Anteroom(HANDSHAKES)

    async def turn_away(self, raw: socket.socket, job: str, why: Why) -> None:
        """Tell the caller that ``job`` has no worker here, and why. Then hang up.

        :param why: asked with the caller's name once that is proven: whether a worker may come yet, and else
            the error that ended the job, if there is one.
        """
        try:
            context, peers = self._pins.current()
            async with accepted(raw, context, peers, self._anteroom) as stream, asyncio.timeout(IDLE_SECONDS):
                assert stream.peer is not None
                with _place(self._live, stream.peer) as free:
                    if free:
                        await stream.read_record(HELLO_LIMIT, stream.peer.name)
                        await stream.write(encode_hello(self._answer(job, *why(stream.peer.name))))
        except CoterieError as error:
            log.warning("refused a link: %s", error)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the caller has gone

    def _answer(self, job: str, later: bool, failure: CoterieError | None) -> Hello:
        return Hello.model_validate(
            {
                "version": VERSION,
                "job": job,
                "party": self._name,
                "session": "0" * 32,
                "peer_session": None,
                "received": 0,
                "taken": 0,
                "window": 1 << 30,
                "status": "not-yet" if later else "gone",
                "failure": failure_of(failure).model_dump() if failure else None,
            }
        )
