"""Links between processes: a peer that dies, a node that says so, a producer that is far ahead."""

from __future__ import annotations

import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError, Unavailable
from coterie.wire import ClientHello, FrontDoor, LinkMesh, Turnstile, read_link_name
from coterie.wire.errors import UNKNOWN_JOB
from tests.wire.network import LoopThread, Network

SCRIPT = Path(__file__).parent / "peer_process.py"
Start = Callable[[str, str], tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def start(network: Network, identities: dict[str, Identity]) -> Iterator[Start]:
    """``start(name, act)``: a process of party ``name`` that links to alpha's door; its port."""
    running: list[subprocess.Popen[str]] = []

    def run(name: str, act: str) -> tuple[subprocess.Popen[str], int]:
        home = identities[name].key_path.parents[1]
        alpha = identities["alpha"].public.model_dump_json()
        port = str(network.doors["alpha"].port)
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(home), network.job, alpha, port, act],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout
        return process, int(process.stdout.readline())

    yield run
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


class Node:
    """A node's front door that has no worker for any job."""

    def __init__(
        self, identity: Identity, peers: list[Identity], failure: CoterieError | None, later: bool = False
    ) -> None:
        self._turnstile = Turnstile(identity, lambda: [peer.public for peer in peers])
        self._failure, self._later = failure, later
        self._loop = LoopThread()
        self.asked = 0
        self._door = FrontDoor(link=self._answer)
        self._loop.run(self._door.open("127.0.0.1", 0))
        self.port = self._door.port

    async def _answer(self, raw: socket.socket, hello: ClientHello) -> None:
        self.asked += 1
        name = read_link_name(hello.server_name)
        assert name
        await self._turnstile.turn_away(raw, name[0], lambda _peer: (self._later, self._failure))

    def close(self) -> None:
        self._loop.run(self._door.close())
        self._loop.close()


def test_a_dead_process_whose_node_says_so_ends_the_job_in_seconds(
    network: Network, identities: dict[str, Identity], start: Start
) -> None:
    failure = UNKNOWN_JOB("its worker was killed by signal 9", party="beta", step="train")
    node = Node(identities["beta"], [identities["alpha"]], failure)
    process, port = start("beta", "die")
    here = [port]
    alpha = LinkMesh(
        identities["alpha"],
        network.job,
        {"beta": network.address("beta", port)},
        dial=lambda address, seconds: socket.create_connection((str(address.host), here[0]), seconds),
    )
    channel = alpha.to("beta")
    assert channel.recv_array("data", np.uint8, (8 << 20,)).sum() == 0
    here[0] = node.port  # the worker's socket dies with it; its node answers in its place
    channel.send_bytes("now", b"1")
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        channel.recv_bytes("more", 1)
    assert time.monotonic() - began < 5
    assert (caught.value.code, caught.value.party, caught.value.step) == (UNKNOWN_JOB.code, "beta", "train")
    assert process.wait(5) == 9
    node.close()


def test_the_side_that_does_not_dial_asks_too(
    network: Network, identities: dict[str, Identity], start: Start
) -> None:
    """gamma sorts after beta, so beta dials; when beta dies, gamma has to find out by itself."""
    node = Node(identities["alpha"], [identities["gamma"]], None)
    gamma = LinkMesh(identities["gamma"], network.job, {"alpha": network.address("alpha", node.port)})
    began = time.monotonic()
    with pytest.raises(Unavailable, match="CT-1233"):
        gamma.to("alpha").recv_bytes("x", 1)
    assert time.monotonic() - began < 5
    node.close()


def test_a_worker_that_is_not_there_yet_is_waited_for(
    network: Network, identities: dict[str, Identity]
) -> None:
    node = Node(identities["beta"], [identities["alpha"]], None, later=True)
    here = [node.port]
    alpha = LinkMesh(
        identities["alpha"],
        network.job,
        {"beta": network.address("beta")},
        dial=lambda address, seconds: socket.create_connection((str(address.host), here[0]), seconds),
    )
    network.meshes["alpha"] = alpha
    alpha.to("beta").send_bytes("x", b"1")
    while node.asked < 3:
        time.sleep(0.01)
    assert "no worker for this job yet" in alpha.states()["beta"]
    beta = LinkMesh(identities["beta"], network.job, {"alpha": network.address("alpha")})
    network.meshes["beta"] = beta
    here[0] = network.doors["beta"].port
    assert beta.to("alpha").recv_bytes("x", 1) == b"1"
    node.close()


def test_patience_ends_when_nobody_answers(
    network: Network, identities: dict[str, Identity], start: Start
) -> None:
    process, port = start("beta", "die")
    alpha = LinkMesh(identities["alpha"], network.job, {"beta": network.address("beta", port)}, patience=1.0)
    channel = alpha.to("beta")
    channel.recv_array("data", np.uint8, (8 << 20,))
    process.kill()
    began = time.monotonic()
    with pytest.raises(Unavailable, match="CT-1210") as caught:
        channel.recv_bytes("more", 1)
    assert 0.9 < time.monotonic() - began < 4
    assert caught.value.party == "beta"


def test_a_stopped_process_is_waited_for(
    network: Network, identities: dict[str, Identity], start: Start
) -> None:
    """No data and no answer is no failure while the connection stands."""
    process, port = start("beta", "die")
    alpha = LinkMesh(identities["alpha"], network.job, {"beta": network.address("beta", port)}, patience=0.5)
    channel = alpha.to("beta")
    assert channel.recv_array("data", np.uint8, (8 << 20,)).sum() == 0
    process.send_signal(signal.SIGSTOP)
    channel.send_bytes("now", b"1")
    time.sleep(1.5)
    assert alpha.error is None
    assert alpha.states() == {"beta": "up"}
    process.send_signal(signal.SIGCONT)
    assert process.wait(5) == 9


def test_a_gigabyte_ahead_costs_a_window_of_memory_on_both_sides(
    network: Network, identities: dict[str, Identity], start: Start
) -> None:
    process, port = start("beta", "source")
    alpha = LinkMesh(
        identities["alpha"], network.job, {"beta": network.address("beta", port)}, windows={"beta": 32 << 20}
    )
    channel = alpha.to("beta")
    channel.send_bytes("start", b"1")
    time.sleep(0.7)  # the producer would be done by now
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(64):
        got = channel.recv_array("data", np.uint64, (2 << 20,))
        assert (got[0], got[-1]) == (number, number)
    alpha.close()
    assert process.stdout
    grown_there = int(process.stdout.readline())
    grown_here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # KiB: the window, one message over it, one in the making
    assert grown_there < 120_000
    assert grown_here < 120_000


def test_many_jobs_threads_end_with_their_mesh(network: Network, pool: ThreadPoolExecutor) -> None:
    before = threading.active_count()
    alpha, beta = network.join("alpha", "beta")
    alpha.to("beta").send_bytes("x", b"1")
    beta.to("alpha").recv_bytes("x", 1)
    closing = pool.submit(alpha.close)
    beta.close()
    closing.result(5)
    deadline = time.monotonic() + 5
    while threading.active_count() > before + 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before + 1  # the pool's own thread
