"""Reading a TLS ClientHello without taking it from the socket: server name and application protocols.

RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3 (server name); RFC 7301, section 3.1 (ALPN). The parser
is strict where it looks: a length that does not fit its surroundings refuses the connection. It trusts
nothing; the TLS library reads the same bytes again afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from coterie.errors import CoterieError
from coterie.wire.errors import BAD_HELLO

HELLO_BYTES = 16 * 1024
"""Bytes of a ClientHello with its record headers. Browsers send 500 to 2,000, post-quantum key shares
included.
"""

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_PROTOCOLS = 16


@dataclass(frozen=True)
class ClientHello:
    """What a caller asks for, before anything of it is proven."""

    server_name: str | None
    """Lower case, without a final dot."""
    protocols: tuple[str, ...]


class _Reader:
    """Takes big-endian values off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise _bad("a length points beyond its end")
        self._at += count
        return piece

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> _Reader:
        return _Reader(self.take(self.number(width)))

    def vector_bytes(self, width: int) -> bytes:
        return self.take(self.number(width))


def _bad(why: str) -> CoterieError:
    return BAD_HELLO(why)


def parse_client_hello(data: bytes) -> ClientHello | None:
    """The ClientHello at the front of ``data``; None where more bytes must come. Errors: CT-1235."""
    message = _handshake_bytes(data)
    if message is None:
        if len(data) >= HELLO_BYTES:
            raise _bad(f"longer than {HELLO_BYTES} bytes")
        return None
    body = _Reader(message)
    version = body.number(2)
    if version >> 8 != 3:
        raise _bad(f"protocol version {version:#06x}")
    body.take(32)
    if len(body.vector_bytes(1)) > 32:
        raise _bad("a session id of more than 32 bytes")
    suites = body.vector_bytes(2)
    if not suites or len(suites) % 2:
        raise _bad("no list of cipher suites")
    if not body.vector_bytes(1):
        raise _bad("no list of compression methods")
    if not body:
        return ClientHello(None, ())  # TLS 1.2 and before may end here; the handshake will refuse it
    hello = _extensions(body.vector(2))
    if body:
        raise _bad("bytes after the extensions")
    return hello


def _handshake_bytes(data: bytes) -> bytes | None:
    """The body of the first handshake message, put together from its records; None where it is not all
    here.
    """
    message = b""
    at = 0
    while True:
        head = data[at : at + 5]
        if head[:1] and head[0] != _HANDSHAKE:
            raise _bad(
                "the first byte is not that of a TLS handshake" if not at else "a record of another type"
            )
        if head[1:2] and head[1] != 3:
            raise _bad("a record of an unknown version")
        if len(head) < 5:
            return None
        length = int.from_bytes(head[3:5], "big")
        if not 0 < length <= 1 << 14:
            raise _bad(f"a record of {length} bytes")
        message += data[at + 5 : at + 5 + length]
        if message[:1] and message[0] != _CLIENT_HELLO:
            raise _bad("the first message is not a ClientHello")
        if len(message) >= 4:
            total = int.from_bytes(message[1:4], "big")
            if total > HELLO_BYTES:
                raise _bad(f"a ClientHello of {total} bytes")
            if len(message) >= 4 + total:
                return message[4 : 4 + total]
        if len(data) < at + 5 + length:
            return None
        at += 5 + length


def _extensions(extensions: _Reader) -> ClientHello:
    seen: set[int] = set()
    server_name: str | None = None
    protocols: tuple[str, ...] = ()
    while extensions:
        kind = extensions.number(2)
        content = extensions.vector(2)
        if kind in seen:
            raise _bad(f"extension {kind} twice")
        seen.add(kind)
        if kind == _SERVER_NAME:
            server_name = _server_name(content)
        elif kind == _PROTOCOLS:
            protocols = _protocols(content)
    return ClientHello(server_name, protocols)


def _server_name(content: _Reader) -> str:
    names = content.vector(2)
    kind = names.number(1)
    raw = names.vector_bytes(2)
    if kind != 0 or names or content:
        raise _bad("a list of server names that is not one host name")
    try:
        name = raw.decode("ascii").lower().removesuffix(".")
    except UnicodeDecodeError as error:
        raise _bad("a server name that is not ASCII") from error
    if not 0 < len(name) <= 253 or not name.isprintable() or " " in name:
        raise _bad("a server name that is no host name")
    return name


def _protocols(content: _Reader) -> tuple[str, ...]:
    names = content.vector(2)
    found: list[str] = []
    while names:
        raw = names.vector_bytes(1)
        if not raw:
            raise _bad("an empty protocol name")
        found.append(raw.decode("latin-1"))
    if content or not found:
        raise _bad("no list of protocols")
    return tuple(found)
