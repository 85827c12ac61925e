"""A connection to the API: where it came from, although it comes out of a splice, and how long a caller may
take to ask and to listen.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from coterie.errors import CoterieError
from coterie.node.errors import REQUEST_INVALID
from coterie.node.failures import error_view
from coterie.wire import spliced_from

__all__ = ["ANSWER_SECONDS", "HEAD_BYTES", "HEAD_SECONDS", "ApiConnection"]

HEAD_SECONDS = 10.0
"""For a request's line and headers to arrive, from their first byte; at the first request, from TLS on."""

ANSWER_SECONDS = 300.0
"""For what waits to be sent to be taken."""

HEAD_BYTES = 16 * 1024
"""Of a request's line and headers."""


class ApiConnection(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it; the client is the one that the front door has accepted.

    Whoever sends nothing, or a byte now and then, keeps no place: neither before a request nor behind one
    that was answered before its body had come. Nor does who does not read the answer.
    """

    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask the name of the splice's end for the address."""
        super().connection_made(transport)
        self.client = (spliced_from(str(transport.get_extra_info("peername") or "")), 0)
        self._late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.trailing_data[0]:
            self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._took()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits to be sent than the transport likes to keep."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._took()
        super().resume_writing()

    def _took(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it says no more than that this is none
        """As all errors are said."""
        self._refuse(REQUEST_INVALID(f"not HTTP/1.1, or a head of more than {HEAD_BYTES} bytes"))

    def _look(self) -> None:
        """The time runs where bytes came and no request is under way."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            self._refuse(REQUEST_INVALID(f"its head did not arrive within {HEAD_SECONDS:g} s"))
        else:
            self.transport.close()

    def _refuse(self, error: CoterieError) -> None:
        body = error_view(error).model_dump_json().encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        try:
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # an answer is on its way already
        self.transport.close()
