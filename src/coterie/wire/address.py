"""Where a peer is, and who it must prove to be."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from coterie.crypto import PublicIdentity
from coterie.wire.errors import BAD_ADDRESS

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}", re.ASCII)


@dataclass(frozen=True)
class PeerAddress:
    """A peer's pinned identity and, if it listens, its host and port."""

    identity: PublicIdentity
    host: str | None = None
    port: int | None = None

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def listens(self) -> bool:
        return self.host is not None and self.port is not None


def check_host(host: str) -> str:
    """``host`` where it can be a DNS name or an IP address; else CT-1231."""
    if not _HOST.fullmatch(host):
        raise BAD_ADDRESS(repr(host[:80]))
    return host


def parse_address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[IPv6]:port``. Errors: CT-1231."""
    host, colon, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise BAD_ADDRESS(f"{text[:80]!r}: write an IPv6 address in brackets")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise BAD_ADDRESS(f"{text[:80]!r} has no port")
    return check_host(host), int(port)


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, which one line has whole."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
