"""Requests to the nodes of pinned peers, and the answers to theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from coterie.crypto import PublicIdentity, now, timestamp
from coterie.errors import UNEXPECTED, CoterieError
from coterie.jobs import NetworkFacts
from coterie.mpc import Network as Line
from coterie.wire import KeptClient, PeerClient, PeerServer

from . import messages
from .core import Core
from .failures import log_unexpected
from .messages import Message

__all__ = ["LIMIT", "Network"]

LIMIT = 8 * 2**20
"""Bytes of one request: a proposal holds the facts of wide tables and the whole plan."""

KINDS: dict[type[Message], str] = {
    messages.Hello: "hello",
    messages.Probe: "probe",
    messages.AgreementPush: "agreement/push",
    messages.AgreementPull: "agreement/pull",
    messages.FactsQuestion: "facts",
    messages.LookupQuestion: "lookup",
    messages.SchemaQuestion: "schema",
    messages.SealQuestion: "seal",
    messages.KeptQuestion: "kept",
    messages.SealedDrop: "sealed/drop",
    messages.SealedDropped: "sealed/dropped",
    messages.Propose: "job/propose",
    messages.ApprovalPush: "job/approval",
    messages.JobPlace: "job/place",
    messages.JobStart: "job/start",
    messages.JobBroke: "job/broke",
    messages.JobStand: "job/stand",
    messages.JobAgain: "job/again",
    messages.JobProgress: "job/progress",
    messages.JobStalled: "job/stalled",
    messages.JobEnd: "job/end",
    messages.JobQuestion: "job/state",
    messages.HeadOffer: "job/head",
}

PROBES = (0, 0, 0, 0, 2**19)
"""Bytes of the messages that a line is measured by."""

MEASURE_SECONDS = 20.0
"""For all of them: the slowest class of line takes five. A peer that answers slowly holds up no more."""

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class Network:
    """Who is asked and who asks is known by certificate."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._client = PeerClient(core.identity, LIMIT)
        self._kept: KeptClient | None = None
        self.server = PeerServer(core.identity, core.peers, LIMIT)
        self.last_seen: dict[str, str] = {}
        """When each peer last answered or asked, since the node was started."""
        self.on_seen: Callable[[str], None] | None = None
        """Told the name of a peer that has just asked something: it is there."""
        self.answer(messages.Probe, self._take_probe)

    async def ask(self, peer: str, request: Message, answer: type[A]) -> A:
        """The peer's answer.

        :raises CoterieError: CT-5020 (no such peer); CT-12xx where it cannot be reached or is somebody else;
            or the error that the peer answers with.
        """
        found = await self._client.call(self._core.address(peer), KINDS[type(request)], request, answer)
        self._seen(peer)
        return found

    async def ask_soon(self, peer: str, request: Message, answer: type[A]) -> A:
        """As :meth:`ask`, on a connection that stays open for the next time: one round trip, where the last
        request was less than half a minute ago. For requests that may arrive twice.
        """
        if self._kept is None:
            self._kept = KeptClient(self._core.identity, LIMIT)
            self._core.spawn("open connections", self._kept.hold())
        found = await self._kept.call(self._core.address(peer), KINDS[type(request)], request, answer)
        self._seen(peer)
        return found

    async def measure(self, peer: str) -> NetworkFacts:
        """The line to a peer, in classes: the shortest of some echoes, and a transfer of half a megabyte.

        What a peer can win by slow answers is that protocols with other rounds and bytes are chosen, all of
        which the plan shows.

        :raises CoterieError: as :meth:`ask`; CT-1234 where all of it takes too long.
        """
        probes = [messages.Probe(padding="0" * size) for size in PROBES]
        address = self._core.address(peer)
        took = await self._client.timed(address, KINDS[messages.Probe], probes, messages.Ok, MEASURE_SECONDS)
        self._seen(peer)
        round_trip = min(took[:-1])
        found = Line.of(round_trip / 2, PROBES[-1] / max(took[-1] - round_trip, 1e-6))
        return NetworkFacts(latency=found.latency, bandwidth=found.bandwidth)

    async def _take_probe(self, _peer: str, _probe: messages.Probe) -> messages.Ok:
        return messages.Ok()

    async def greet(self) -> None:
        """Tell all peers that this node is there again: what they could not deliver, they deliver now."""
        for peer in self._core.peers():
            with contextlib.suppress(CoterieError):
                await self.ask(peer.name, messages.Hello(), messages.HelloAnswer)

    def answer(self, request: type[Q], handler: Callable[[str, Q], Awaitable[Message]]) -> None:
        """Answer requests of that type with what ``handler(peer, request)`` gives or raises."""

        async def handle(peer: PublicIdentity, body: Q) -> Message:
            self._seen(peer.name)
            if self.on_seen is not None:
                self.on_seen(peer.name)
            try:
                return await handler(peer.name, body)
            except CoterieError:
                raise
            except Exception as error:  # noqa: BLE001 - a bug here must not look like the peer's fault
                log_unexpected(f"{KINDS[request]} of {peer.name}", error)
                raise UNEXPECTED(f"{type(error).__name__}", party=self._core.name) from None

        self.server.handle(KINDS[request], request, handle)

    def _seen(self, peer: str) -> None:
        self.last_seen[peer] = timestamp(now())
