"""Talking with the nodes of pinned peers: what the services need of it, apart from how it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from .messages import Message

__all__ = ["Handler", "Network"]

A = TypeVar("A", bound=Message)

Handler = Callable[[str, Message], Awaitable[Message]]
"""``handler(peer, request)``: the answer, or a CoterieError that the peer gets to know."""


class Network(Protocol):
    """Requests to peers."""

    async def ask(self, peer: str, request: Message, answer: type[A]) -> A:
        """The peer's answer.

        :raises CoterieError: CT-5020 (no such peer); a code of family Unavailable where it cannot be reached;
            or the error that the peer answers with.
        """
