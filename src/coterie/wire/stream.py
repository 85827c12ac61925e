"""Length-prefixed records over TLS in asyncio: the ground of control records and introductions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from coterie.crypto import PublicIdentity
from coterie.errors import CoterieError
from coterie.wire.address import PeerAddress
from coterie.wire.errors import CANNOT_CONNECT, NO_ANSWER, NO_TLS, TOO_LARGE
from coterie.wire.frames import WELCOME, check_welcome
from coterie.wire.tls import HANDSHAKE_SECONDS, peer_of, tls_error


@dataclass(frozen=True)
class Stream:
    """A TLS connection. ``peer`` is None where the other side did not have to show a certificate."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: PublicIdentity | None

    async def read_record(self, limit: int, who: str) -> bytes:
        """The next record; its length is checked before anything of it is read. Errors: CT-1203."""
        size = int.from_bytes(await self.reader.readexactly(4), "little")
        if size > limit:
            raise TOO_LARGE(f"a record of {size} bytes from {who}; {limit} are allowed", party=who)
        return await self.reader.readexactly(size)

    async def write_record(self, body: bytes) -> None:
        self.writer.write(len(body).to_bytes(4, "little") + body)
        await self.writer.drain()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self.writer.wait_closed()


@asynccontextmanager
async def accepted(
    raw: socket.socket, context: ssl.SSLContext, peers: Sequence[PublicIdentity] | None
) -> AsyncIterator[Stream]:
    """An inbound connection after TLS; closed in the end.

    :param peers: who may call; None where callers show no certificate.

    Errors: CT-1220, CT-1221, CT-1222; OSError where the connection was lost.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    try:
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            raw,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=1,
        )
    except OSError as error:
        raise tls_error(error, None) or error from error
    stream = Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop), None)
    try:
        tls = stream.writer.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() is None:
            raise NO_TLS("a caller does not speak the protocol that was asked for")
        if peers is not None:
            peer = peer_of(tls.getpeercert(binary_form=True), peers)
            stream = Stream(reader, stream.writer, peer)
        stream.writer.write(WELCOME)
        await stream.writer.drain()
        yield stream
    finally:
        await stream.close()


@asynccontextmanager
async def connected(address: PeerAddress, context: ssl.SSLContext, server_name: str) -> AsyncIterator[Stream]:
    """A connection to a peer's front door, let in; closed in the end.

    Errors: CT-1219 (not reached), CT-1220, CT-1221, CT-1222, CT-1217.
    """
    name = address.name
    where = f"{name} at {address.host}:{address.port}"
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, ssl=context, server_hostname=server_name, ssl_shutdown_timeout=1
            )
    except OSError as error:
        coded = None if isinstance(error, TimeoutError) else tls_error(error, name)
        raise coded or CANNOT_CONNECT(f"{where}: {error or 'no answer'}", party=name) from error
    stream = Stream(reader, writer, address.identity)
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        peer_of(certificate, [address.identity])
        with translated(name):
            check_welcome(await reader.readexactly(len(WELCOME)), name)
        yield stream
    finally:
        await stream.close()


@contextlib.contextmanager
def translated(peer: str) -> Iterator[None]:
    """What goes wrong with a connection inside becomes a coded error: CT-1221, CT-1222 or CT-1234."""
    try:
        yield
    except CoterieError:
        raise
    except (asyncio.IncompleteReadError, TimeoutError) as error:
        raise NO_ANSWER(f"{peer} hung up or was silent", party=peer) from error
    except OSError as error:
        raise tls_error(error, peer) or NO_ANSWER(f"{peer}: {error}", party=peer) from error
