"""How lines are measured that plans choose protocols by: with peers who are honest, and others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from coterie.crypto import Identity, PublicIdentity, timestamp
from coterie.crypto import now as present
from coterie.errors import Unavailable
from coterie.jobs import NetworkFacts
from coterie.ledger import Ledger
from coterie.mpc.network import BANDWIDTHS, LATENCIES
from coterie.node import network
from coterie.node.core import Core
from coterie.node.home import init_node
from coterie.node.messages import Message, Ok, Probe
from coterie.node.store import PeerRow, Store
from coterie.wire import FrontDoor, PeerServer

from .conftest import refused

Answer = Callable[[PublicIdentity, Probe], Awaitable[Message]]


def measured(folder: Path, answer: Answer) -> NetworkFacts:
    """What a node finds out of the line to a peer that answers so."""
    home = init_node(folder / "alpha", "alpha")
    beta = Identity.create(folder / "beta", "beta")

    async def measure() -> NetworkFacts:
        store = Store(home.store_file)
        with Ledger(home.ledger, home.identity()) as ledger:
            core = Core(home, home.identity(), store, ledger)
            server = PeerServer(beta, lambda: [core.identity.public], network.LIMIT)
            server.handle("probe", Probe, answer)
            door = FrontDoor(peer=server)
            await door.open("127.0.0.1", 0)
            public = beta.public
            try:
                with store.session() as session:
                    session.add(
                        PeerRow(
                            name=public.name,
                            key=public.key,
                            certificate=public.certificate,
                            host="127.0.0.1",
                            port=door.port,
                            added=timestamp(present()),
                        )
                    )
                return await network.Network(core).measure("beta")
            finally:
                await door.close()
                await core.close()
                store.close()

    return asyncio.run(measure())


def slowly(seconds: float, answer: Message) -> Answer:
    async def handle(_peer: PublicIdentity, _probe: Probe) -> Message:
        await asyncio.sleep(seconds)
        return answer

    return handle


def test_figures_are_classes(tmp_path: Path) -> None:
    found = measured(tmp_path, slowly(0, Ok()))
    assert found.latency in LATENCIES
    assert found.bandwidth * 8 in BANDWIDTHS
    assert found.latency < 0.25


def test_a_peer_that_takes_its_time_is_a_slow_line_at_worst(tmp_path: Path) -> None:
    assert measured(tmp_path, slowly(0.6, Ok())).latency == 0.25


def test_a_peer_that_never_answers_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does one that answers each message just in time."""
    monkeypatch.setattr(network, "MEASURE_SECONDS", 0.5)
    for number, pause in enumerate((60, 0.2)):
        with pytest.raises(Unavailable, match="CT-1234"):
            measured(tmp_path / str(number), slowly(pause, Ok()))


def test_another_answer_is_refused(tmp_path: Path) -> None:
    with refused("CT-1204"):
        measured(tmp_path, slowly(0, Probe(padding="0")))
    with refused("CT-1204"):
        measured(tmp_path / "again", slowly(0, NetworkAnswer(latency=1e-9)))


class NetworkAnswer(Message):
    """What a peer would like to be found."""

    latency: float


@pytest.mark.parametrize("padding", ["1", "0" * (2**20 + 1), " ", "0\n"])
def test_probes_have_one_content_and_a_largest_size(padding: str) -> None:
    with pytest.raises(ValidationError):
        Probe(padding=padding)
