"""How large and how many requests may be, before anything of them is looked at."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

from starlette.types import Receive, Scope

from coterie.crypto import parse_json
from coterie.errors import CoterieError
from coterie.node.errors import OVERLOADED, REQUEST_INVALID, REQUEST_TOO_LARGE
from coterie.node.people.errors import CALLS_SLOWED

from .connection import HEAD_BYTES

__all__ = ["BODY_SECONDS", "LARGEST_REQUEST", "Places", "check_head", "read_body"]

LARGEST_REQUEST = 2 * 2**20
"""Bytes of a request's body: the description of a table with ten thousand columns."""

BODY_SECONDS = 30.0
"""For a request's body to arrive, so that no slow caller keeps a place for ever."""

HEARD_OUT = 4
"""Times the largest body that is read to its end, and let go: many clients hear no answer before."""

MOST_AT_ONCE = 64
"""Requests under way, of all who have a token."""

MOST_OF_ONE = 32
"""Requests under way of one token or session, so that one program leaves room for the others."""


class Places:
    """For requests under way."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, caller: str, *, owner: bool) -> Iterator[None]:
        """A place for one request. Of the owner's there may be as many as there are places.

        :param caller: the key of the token or session.
        :raises CoterieError: CT-5017, CT-5122.
        """
        if self._of.total() >= MOST_AT_ONCE:
            raise OVERLOADED(f"{MOST_AT_ONCE} at most")
        if not owner and self._of[caller] >= MOST_OF_ONE:
            raise CALLS_SLOWED(f"{MOST_OF_ONE} at a time")
        self._of[caller] += 1
        try:
            yield
        finally:
            self._of[caller] -= 1
            if not self._of[caller]:
                del self._of[caller]


def check_head(scope: Scope) -> None:
    """The parser of HTTP bounds heads that arrive in pieces; this bounds all. A body that is announced as too
    large to be heard out is refused before it comes.

    :raises CoterieError: CT-5013.
    """
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if announced.isdigit() and (len(announced) > 15 or int(announced) > HEARD_OUT * LARGEST_REQUEST):
        raise REQUEST_TOO_LARGE(f"{LARGEST_REQUEST} bytes at most")
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if size > HEAD_BYTES:
        raise REQUEST_TOO_LARGE(f"a head of {size} bytes; {HEAD_BYTES} at most")


async def read_body(receive: Receive, most: int, seconds: float) -> bytes:
    """A request's body: JSON as the node reads all foreign JSON, or nothing. No more is kept than the limit.

    :raises CoterieError: CT-5012, CT-5013.
    """
    parts, size = bytearray(), 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                piece = message.get("body", b"")
                size += len(piece)
                if size <= most:
                    parts += piece
                if not message.get("more_body", False) or size > HEARD_OUT * most:
                    break
    except TimeoutError:
        raise REQUEST_INVALID(f"its body did not arrive within {seconds:g} s") from None
    if size > most:
        raise REQUEST_TOO_LARGE(f"{most} bytes at most")
    body = bytes(parts)
    if body:
        try:
            parse_json(body, limit=most)
        except CoterieError as error:
            raise REQUEST_INVALID(f"its body: {error.detail}") from None
    return body
