"""Requests on connections that stay open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import TypeVar

import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.wire import KeptClient
from coterie.wire.kept import KEPT
from tests.wire.test_control import Question, Reply, Service, service

__all__ = ["service"]

T = TypeVar("T")


class Asking:
    """alpha, on the loop of the service; counts the connections that it opens."""

    def __init__(self, service: Service, identity: Identity) -> None:
        self.service = service
        self.client = KeptClient(identity)
        self.opened = 0
        opened = self.client._opened

        async def counted(address: object) -> object:
            self.opened += 1
            return await opened(address)  # type: ignore[arg-type]

        self.client._opened = counted  # type: ignore[assignment, method-assign]
        self.holding = service.loop.run(self._hold())

    async def _hold(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self.client.hold())

    def ask(self, kind: str, text: str, seconds: float = 60.0) -> str:
        call = self.client.call(self.service.address, kind, Question(text=text), Reply, seconds)
        return self.service.loop.run(call).text

    def together(self, count: int) -> list[str]:
        async def all_() -> list[Reply]:
            address = self.service.address
            calls = (self.client.call(address, "echo", Question(text=str(n)), Reply) for n in range(count))
            return list(await asyncio.gather(*calls))

        return [reply.text for reply in self.service.loop.run(all_())]

    @property
    def kept(self) -> int:
        return sum(len(lines) for lines in self.client._lines.values())

    def close(self) -> None:
        async def end() -> None:
            self.holding.cancel()
            await asyncio.gather(self.holding, return_exceptions=True)

        self.service.loop.run(end())
        assert self.kept == 0


@pytest.fixture
def alpha(service: Service, identities: dict[str, Identity]) -> Iterator[Asking]:
    made = Asking(service, identities["alpha"])
    yield made
    made.close()


def test_one_connection_serves_many_requests(alpha: Asking) -> None:
    assert [alpha.ask("echo", str(n)) for n in range(5)] == list("01234")
    assert (alpha.opened, alpha.kept) == (1, 1)


def test_requests_at_once_have_connections_of_their_own(alpha: Asking) -> None:
    assert alpha.together(KEPT + 3) == [str(n) for n in range(KEPT + 3)]
    assert (alpha.opened, alpha.kept) == (KEPT + 3, KEPT)


def test_errors_come_back_and_the_connection_stays(alpha: Asking) -> None:
    for _ in range(2):
        with pytest.raises(CoterieError, match="CT-"):
            alpha.ask("fail", "x")
    assert (alpha.ask("echo", "y"), alpha.opened) == ("y", 1)


def test_a_peer_that_has_hung_up_is_dialled_anew(alpha: Asking) -> None:
    alpha.together(3)
    for lines in alpha.client._lines.values():
        for line in lines:
            line.stream._raw.shutdown(socket.SHUT_RDWR)
    assert alpha.ask("echo", "again") == "again"
    assert (alpha.opened, alpha.kept) == (4, 1)


def test_old_connections_are_not_used(alpha: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alpha.ask("echo", "a") == "a"
    monkeypatch.setattr("coterie.wire.kept.KEPT_SECONDS", -1.0)
    assert alpha.ask("echo", "b") == "b"
    assert (alpha.opened, alpha.kept) == (2, 1)


def test_a_slow_answer_is_not_asked_for_twice(alpha: Asking) -> None:
    alpha.ask("echo", "a")
    with pytest.raises(CoterieError, match="CT-1234"):
        alpha.ask("sleep", "b", 0.2)
    assert (alpha.opened, alpha.kept) == (1, 0)
