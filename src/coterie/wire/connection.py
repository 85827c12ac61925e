"""One TLS connection of a link, non-blocking, and how it is made.

A connection may be lost at any time; that is :class:`Lost`, which no user sees: the link makes another one.
Only what a peer *did* becomes a coded error.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Sequence

from coterie.crypto import PublicIdentity
from coterie.wire.errors import NO_TLS, TOO_LARGE
from coterie.wire.frames import HELLO_LIMIT, WELCOME, Hello, check_welcome, decode_hello, encode_hello
from coterie.wire.tls import peer_of, tls_error


class Lost(Exception):
    """The connection is over, for whatever reason."""


PIECE = 64 * 1024
"""Bytes that are taken off the socket, or encrypted, at once: some records, which stay in the cache. TLS runs
in memory, as over the bare socket it would ask the system twice for each record of 16 KiB."""


class Connection:
    """An authenticated connection. ``read`` and ``write`` never wait."""

    def __init__(self, transport: _Transport, peer: PublicIdentity) -> None:
        self._transport = transport
        self.peer = peer

    @property
    def wants_write(self) -> bool:
        """Encrypted bytes wait for the socket to take them: nothing more is accepted before :meth:`flush`."""
        return self._transport.wants_write

    def fileno(self) -> int:
        return self._transport.socket.fileno()

    def read(self, room: memoryview) -> int:
        """Bytes read into ``room``, as many as are there; 0 when none are there now."""
        try:
            return self._transport.read(room)
        except (OSError, ValueError) as error:
            raise self._lost(error) from error

    def write(self, data: memoryview) -> int:
        """Bytes accepted; 0 when the socket takes none now."""
        try:
            return self._transport.write(data) if self._transport.flush() else 0
        except (OSError, ValueError) as error:
            raise self._lost(error) from error

    def flush(self) -> bool:
        """Give the socket what was accepted; False where some of it is left."""
        try:
            return self._transport.flush()
        except (OSError, ValueError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> Exception:
        # With TLS 1.3 a client learns only now that the server refused its certificate.
        coded = tls_error(error, self.peer.name) if isinstance(error, OSError) else None
        if coded and coded.code != NO_TLS.code:
            return coded
        return Lost(str(error))

    def send_hello(self, hello: Hello, deadline: float) -> None:
        self._write_all(encode_hello(hello), deadline)

    def send_welcome(self, deadline: float) -> None:
        """Tell the caller that it was let in."""
        self._write_all(WELCOME, deadline)

    def read_welcome(self, deadline: float) -> None:
        """Errors: CT-1217, CT-1221 where the peer did not let this party in."""
        check_welcome(self._read_exactly(len(WELCOME), deadline), self.peer.name)

    def _write_all(self, message: bytes, deadline: float) -> None:
        data = memoryview(message)
        while data:
            sent = self.write(data)
            data = data[sent:]
            if not sent:
                wait_for(self._transport.socket, True, deadline)
        while not self.flush():
            wait_for(self._transport.socket, True, deadline)

    def read_hello(self, deadline: float) -> Hello:
        """Errors: CT-1203, CT-1204, CT-1217."""
        size = int.from_bytes(self._read_exactly(4, deadline), "little")
        if size > HELLO_LIMIT:
            raise TOO_LARGE(
                f"a hello of {size} bytes from {self.peer.name}; {HELLO_LIMIT} are allowed",
                party=self.peer.name,
            )
        return decode_hello(self._read_exactly(size, deadline), self.peer.name)

    def _read_exactly(self, size: int, deadline: float) -> bytes:
        data = bytearray(size)
        room = memoryview(data)
        while room:
            count = self.read(room)
            room = room[count:]
            if not count:
                wait_for(self._transport.socket, self.wants_write, deadline)
        return bytes(data)

    def shut(self) -> None:
        """Say that no more bytes follow, without waiting for anything. What is read from now on is not
        decrypted.
        """
        with contextlib.suppress(OSError, ValueError):
            self._transport.shut()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._transport.socket.close()


class _Transport:
    """TLS in memory over a non-blocking socket, which it owns."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, server_name: str | None) -> None:
        self.socket = raw
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
        )
        self._piece = memoryview(bytearray(PIECE))
        self._unsent = memoryview(b"")
        self._ended = False

    @property
    def wants_write(self) -> bool:
        return self._unsent.nbytes > 0 or self._outgoing.pending > 0

    def handshake(self) -> bool:
        """Go on with it; False where the other side is to be waited for."""
        assert self.tls is not None
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                if self._take() == 0:
                    return False
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self.flush()  # the alert
                raise
            else:
                return self.flush()

    def read(self, room: memoryview) -> int:
        if self.tls is None:
            return self._skip(room)
        got = 0
        try:
            while got < room.nbytes:
                try:
                    count = self.tls.read(room.nbytes - got, room[got:])
                except ssl.SSLWantReadError:
                    if self._take() == 0:
                        break
                else:
                    if not count:
                        raise Lost("the peer closed the connection")
                    got += int(count)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError, ConnectionError, Lost):
            if not got:
                raise  # otherwise the next call finds out
        if self._outgoing.pending:
            self.flush()  # an alert, or new keys of TLS itself
        return got

    def _take(self) -> int:
        """Move bytes from the socket to TLS; 0 where none are there now."""
        try:
            count = self.socket.recv_into(self._piece)
        except BlockingIOError:
            return 0
        if not count:
            if self._ended:
                raise Lost("the peer closed the connection")
            self._ended = True
            self._incoming.write_eof()
            return -1
        self._incoming.write(self._piece[:count])
        return count

    def _skip(self, room: memoryview) -> int:
        try:
            count = self.socket.recv_into(room)
        except BlockingIOError:
            return 0
        if not count:
            raise Lost("the peer closed the connection")
        return count

    def write(self, data: memoryview) -> int:
        assert self.tls is not None
        count = self.tls.write(data[:PIECE])
        self.flush()
        return count

    def flush(self) -> bool:
        """True where nothing is left to send."""
        while True:
            if not self._unsent:
                if not self._outgoing.pending:
                    return True
                self._unsent = memoryview(self._outgoing.read())
            try:
                count = self.socket.send(self._unsent)
            except BlockingIOError:
                return False
            self._unsent = self._unsent[count:]

    def shut(self) -> None:
        self.flush()
        self.tls = None
        self.socket.shutdown(socket.SHUT_WR)


def open_client(
    raw: socket.socket, context: ssl.SSLContext, server_name: str, peer: PublicIdentity, deadline: float
) -> Connection:
    """TLS as the dialling side; closes ``raw`` where it fails. Raises :class:`Lost`, CT-1220, CT-1221,
    CT-1222.
    """
    return _open(raw, context, server_name, [peer], deadline)


def open_server(
    raw: socket.socket, context: ssl.SSLContext, peers: Sequence[PublicIdentity], deadline: float
) -> Connection:
    """TLS as the accepting side; closes ``raw`` where it fails. Raises as :func:`open_client`."""
    return _open(raw, context, None, peers, deadline)


def _open(
    raw: socket.socket,
    context: ssl.SSLContext,
    server_name: str | None,
    peers: Sequence[PublicIdentity],
    deadline: float,
) -> Connection:
    name = peers[0].name if server_name else None
    try:
        with contextlib.suppress(OSError):  # not every socket is TCP
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setblocking(False)
        raw.getpeername()  # fails where the other side has gone
        transport = _Transport(raw, context, server_name)
    except (OSError, ValueError) as error:
        raw.close()
        raise Lost(str(error)) from error
    try:
        _handshake(transport, name, deadline)
        assert transport.tls is not None
        if transport.tls.selected_alpn_protocol() is None:
            raise NO_TLS(f"{name or 'a caller'} does not speak the protocol that was asked for", party=name)
        return Connection(transport, peer_of(transport.tls.getpeercert(binary_form=True), peers))
    except BaseException:
        raw.close()
        raise


def _handshake(transport: _Transport, peer: str | None, deadline: float) -> None:
    while True:
        try:
            if transport.handshake():
                return
            wait_for(transport.socket, transport.wants_write, deadline)
        except (OSError, ValueError) as error:
            coded = tls_error(error, peer) if isinstance(error, OSError) else None
            raise coded or Lost(str(error)) from error


def wait_for(sock: socket.socket, writable: bool, deadline: float) -> None:
    """Wait until ``sock`` can go on; :class:`Lost` at the monotonic time ``deadline``."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise Lost("no answer in time")
    poller = select.poll()
    try:
        poller.register(sock, select.POLLOUT if writable else select.POLLIN)
    except ValueError as error:
        raise Lost("closed") from error
    poller.poll(left * 1000)
