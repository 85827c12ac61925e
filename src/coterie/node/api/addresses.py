"""Where a connection to the API came from, although it comes out of a splice."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from coterie.wire import spliced_from

__all__ = ["AddressedProtocol"]


class AddressedProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it; the client is the one that the front door has accepted."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask the name of the splice's end for the address."""
        super().connection_made(transport)
        self.client = (spliced_from(str(transport.get_extra_info("peername") or "")), 0)
