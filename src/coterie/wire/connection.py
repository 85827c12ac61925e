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


class Connection:
    """An authenticated connection. ``read`` and ``write`` never wait."""

    def __init__(self, tls: ssl.SSLSocket, peer: PublicIdentity) -> None:
        self._tls = tls
        self.peer = peer
        self.wants_write = False
        """The last call could not go on before the socket takes bytes."""

    def fileno(self) -> int:
        return self._tls.fileno()

    def read(self, room: memoryview) -> int:
        """Bytes read into ``room``, at most one TLS record; 0 when none are there now."""
        try:
            count = self._tls.recv_into(room)
        except (ssl.SSLWantReadError, BlockingIOError):
            return 0
        except ssl.SSLWantWriteError:
            self.wants_write = True
            return 0
        except (OSError, ValueError) as error:
            raise self._lost(error) from error
        if count == 0:
            raise Lost("the peer closed the connection")
        return count

    def write(self, data: memoryview) -> int:
        """Bytes written; 0 when the socket takes none now. Then the same bytes must be given again."""
        try:
            count = self._tls.send(data)
        except ssl.SSLWantWriteError:
            self.wants_write = True
            return 0
        except ssl.SSLWantReadError:
            return 0
        except (OSError, ValueError) as error:
            raise self._lost(error) from error
        self.wants_write = False
        return count

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
                wait_for(self._tls, self.wants_write, deadline)

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
                wait_for(self._tls, self.wants_write, deadline)
        return bytes(data)

    def shut(self) -> None:
        """Say that no more bytes follow, without waiting for anything. What is read from now on is not
        decrypted.
        """
        with contextlib.suppress(OSError, ValueError):
            self._tls.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._tls.close()


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
        raw.getpeername()  # fails where the other side has gone: wrap_socket would not clean up after that
        tls = context.wrap_socket(
            raw, server_side=server_name is None, server_hostname=server_name, do_handshake_on_connect=False
        )
    except (OSError, ValueError) as error:
        raw.close()
        raise Lost(str(error)) from error
    try:
        _handshake(tls, name, deadline)
        if tls.selected_alpn_protocol() is None:
            raise NO_TLS(f"{name or 'a caller'} does not speak the protocol that was asked for", party=name)
        return Connection(tls, peer_of(tls.getpeercert(binary_form=True), peers))
    except BaseException:
        tls.close()
        raise


def _handshake(tls: ssl.SSLSocket, peer: str | None, deadline: float) -> None:
    while True:
        try:
            tls.do_handshake()
            return
        except ssl.SSLWantReadError:
            wait_for(tls, False, deadline)
        except ssl.SSLWantWriteError:
            wait_for(tls, True, deadline)
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
