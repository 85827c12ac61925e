"""Length-prefixed records over TLS in asyncio: the ground of control records and introductions.

TLS runs over the bare socket here, not over asyncio's own transport: that one drops the alert which tells a
caller why its certificate was refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from coterie.crypto import PublicIdentity
from coterie.errors import CoterieError
from coterie.wire.address import PeerAddress
from coterie.wire.errors import CANNOT_CONNECT, NO_ANSWER, NO_TLS, TOO_LARGE
from coterie.wire.frames import WELCOME, check_welcome
from coterie.wire.tls import HANDSHAKE_SECONDS, peer_of, tls_error

T = TypeVar("T")

_PIECE = 64 * 1024
_PARTING_SECONDS = 1.0
_PARTING_BYTES = 1 << 20


class Stream:
    """A TLS connection over a non-blocking socket, which it owns. For one task at a time."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, server_name: str | None) -> None:
        """:param server_name: to dial; None to accept."""
        self.peer: PublicIdentity | None = None
        """Who the other side has proven to be; None where it need not show a certificate."""
        self._raw = raw
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
        )
        self._accepting = server_name is None

    async def handshake(self, peers: Sequence[PublicIdentity] | None) -> None:
        """TLS, and who the other side is among ``peers``. Errors: CT-1220, CT-1222; OSError from TLS and
        TCP.
        """
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await self._run(self._tls.do_handshake)
        if self._tls.selected_alpn_protocol() is None:
            raise NO_TLS("the other side does not speak the protocol that was asked for")
        if peers is not None:
            self.peer = peer_of(self._tls.getpeercert(binary_form=True), peers)

    async def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, held as they come. Raises IncompleteReadError where the other side hangs
        up.
        """
        data = bytearray()
        while len(data) < size:
            piece = await self._read_some(min(_PIECE, size - len(data)))
            if not piece:
                raise asyncio.IncompleteReadError(bytes(data), size)
            data += piece
        return bytes(data)

    async def _read_some(self, size: int) -> bytes:
        try:
            return await self._run(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def write(self, data: bytes) -> None:
        await self._run(lambda: self._tls.write(data))

    async def read_record(self, limit: int, who: str) -> bytes:
        """The next record; its length is checked before anything of it is read. Errors: CT-1203."""
        size = int.from_bytes(await self.read(4), "little")
        if size > limit:
            raise TOO_LARGE(f"a record of {size} bytes from {who}; {limit} are allowed", party=who)
        return await self.read(size)

    async def write_record(self, body: bytes) -> None:
        await self.write(len(body).to_bytes(4, "little") + body)

    async def _run(self, call: Callable[[], T]) -> T:
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await asyncio.get_running_loop().sock_recv(self._raw, _PIECE)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    await self._flush()  # the alert
                raise
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await asyncio.get_running_loop().sock_sendall(self._raw, self._outgoing.read())

    async def close(self) -> None:
        """Hang up so that what was written last arrives: a socket closed over unread bytes would destroy
        it.
        """
        try:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            async with asyncio.timeout(_PARTING_SECONDS):
                await self._flush()
                self._raw.shutdown(socket.SHUT_WR)
                left = _PARTING_BYTES if self._accepting else 0
                while left > 0:
                    piece = await asyncio.get_running_loop().sock_recv(self._raw, _PIECE)
                    left -= len(piece) or left
        except (OSError, TimeoutError):
            pass
        finally:
            self._raw.close()


class Anteroom:
    """Callers who have not proven yet who they are. Where it is full, the one that waits longest is dropped:
    strangers who say nothing must not keep known parties out.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: dict[asyncio.Task[Any], None] = {}

    @contextlib.contextmanager
    def wait(self) -> Iterator[None]:
        """The present task serves such a caller. It is cancelled when its place is needed."""
        task = asyncio.current_task()
        assert task is not None
        if len(self._waiting) >= self._places:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.cancel()
        self._waiting[task] = None
        try:
            yield
        finally:
            self._waiting.pop(task, None)


@asynccontextmanager
async def accepted(
    raw: socket.socket,
    context: ssl.SSLContext,
    peers: Sequence[PublicIdentity] | None,
    anteroom: Anteroom | None = None,
) -> AsyncIterator[Stream]:
    """An inbound connection after TLS; closed in the end.

    :param peers: who may call; None where callers show no certificate.
    :param anteroom: where the caller waits during the handshake.

    Errors: CT-1220, CT-1221, CT-1222; OSError where the connection was lost.
    """
    stream = Stream(raw, context, None)
    try:
        with anteroom.wait() if anteroom else contextlib.nullcontext():
            try:
                await stream.handshake(peers)
            except OSError as error:
                coded = tls_error(error, None)
                if coded:
                    raise coded from error
                raise
        await stream.write(WELCOME)
        yield stream
    finally:
        await stream.close()


@asynccontextmanager
async def connected(address: PeerAddress, context: ssl.SSLContext, server_name: str) -> AsyncIterator[Stream]:
    """A connection to a peer's front door, let in; closed in the end.

    Errors: CT-1219 (not reached), CT-1220, CT-1221, CT-1222, CT-1217.
    """
    name = address.name
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            raw = await _dial(address)
    except OSError as error:
        where = f"{name} at {address.host}:{address.port}"
        raise CANNOT_CONNECT(f"{where}: {error or 'no answer'}", party=name) from error
    stream = Stream(raw, context, server_name)
    try:
        with translated(name):
            await stream.handshake([address.identity])
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                check_welcome(await stream.read(len(WELCOME)), name)
        yield stream
    finally:
        await stream.close()


async def _dial(address: PeerAddress) -> socket.socket:
    """A TCP connection, to the first of the host's addresses that answers. Raises OSError."""
    loop = asyncio.get_running_loop()
    failure = OSError("no address")
    for family, kind, number, _, where in await loop.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        raw = socket.socket(family, kind, number)
        raw.setblocking(False)
        try:
            await loop.sock_connect(raw, where)
        except OSError as error:
            raw.close()
            failure = error
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    raise failure


@contextlib.contextmanager
def translated(peer: str) -> Iterator[None]:
    """What goes wrong with a connection inside becomes a coded error: CT-1220 to CT-1222, or CT-1234."""
    try:
        yield
    except CoterieError as error:
        error.at(party=peer)
        raise
    except (asyncio.IncompleteReadError, TimeoutError) as error:
        raise NO_ANSWER(f"{peer} hung up or was silent", party=peer) from error
    except OSError as error:
        raise tls_error(error, peer) or NO_ANSWER(f"{peer}: {error}", party=peer) from error
