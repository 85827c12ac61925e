"""A link survives the loss of its connections: nothing lost, nothing twice, every byte accounted."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from coterie.wire import LinkMesh
from tests.wire.network import Network, results

MIB = 1 << 20


def _numbers(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, size // 8, dtype=np.uint64)


@pytest.mark.parametrize(("sender", "receiver"), [("alpha", "beta"), ("beta", "alpha")])
def test_200_megabytes_through_a_connection_that_is_cut_every_30(
    network: Network, pool: ThreadPoolExecutor, sender: str, receiver: str
) -> None:
    proxy = network.proxy("beta", cut_after=30 * MIB)
    meshes = dict(
        zip(("alpha", "beta"), network.join("alpha", "beta", ports={"beta": proxy.port}), strict=True)
    )
    size = 200 * MIB
    data = _numbers(size, 1)

    def send() -> None:
        with meshes[sender].step("move", {receiver: size + 2}):
            channel = meshes[sender].to(receiver)
            channel.send_array("data", data)
            channel.send_bytes("end", b"ok")
        meshes[sender].close()

    def receive() -> np.ndarray:
        with meshes[receiver].step("move", {}):
            channel = meshes[receiver].to(sender)
            got = channel.recv_array("data", np.uint64, data.shape)
            assert channel.recv_bytes("end", 2) == b"ok"
        meshes[receiver].close()
        return got

    _, got = results(pool.submit(send), pool.submit(receive))
    assert np.array_equal(got, data)
    assert proxy.cuts >= 6
    sent = meshes[sender].egress()["move"][receiver]
    received = meshes[receiver].egress()["move"][sender]
    assert (sent.sent, sent.received) == (size + 2, 0)
    assert (received.sent, received.received) == (0, size + 2)
    # What is sent again is at most what one connection can hold on its way.
    assert size < sent.wire_sent < size + (proxy.cuts + 1) * 16 * MIB


def test_both_directions_at_once_with_cuts_in_both(network: Network, pool: ThreadPoolExecutor) -> None:
    proxy = network.proxy("beta", cut_after=20 * MIB, cuts=12)
    alpha, beta = network.join("alpha", "beta", ports={"beta": proxy.port})
    mine, theirs = _numbers(100 * MIB, 2), _numbers(100 * MIB, 3)

    def exchange(mesh: LinkMesh, peer: str, data: np.ndarray) -> np.ndarray:
        channel = mesh.to(peer)
        channel.send_array("data", data)
        got = channel.recv_array("data", np.uint64, data.shape)
        mesh.close()
        return got

    got_a, got_b = results(
        pool.submit(exchange, alpha, "beta", mine), pool.submit(exchange, beta, "alpha", theirs)
    )
    assert np.array_equal(got_a, theirs)
    assert np.array_equal(got_b, mine)
    assert proxy.cuts >= 5


def test_many_small_messages_through_many_cuts_keep_their_order(
    network: Network, pool: ThreadPoolExecutor
) -> None:
    proxy = network.proxy("beta", cut_after=40_000)
    alpha, beta = network.join("alpha", "beta", ports={"beta": proxy.port})
    rounds = 600

    def play(mesh: LinkMesh, peer: str) -> int:
        channel = mesh.to(peer)
        with mesh.step("rounds"):
            for number in range(rounds):
                channel.send_array(f"r{number}", np.full(number % 50, number))
                got = channel.recv_array(f"r{number}", np.int64, (number % 50,))
                assert (got == number).all()
            depth = mesh.depth
        mesh.close()
        return depth

    depths = results(pool.submit(play, alpha, "beta"), pool.submit(play, beta, "alpha"))
    assert depths == [rounds, rounds]
    assert proxy.cuts >= 5


def test_a_connection_is_replaced_when_its_keys_are_worn_out(
    network: Network, pool: ThreadPoolExecutor
) -> None:
    proxy = network.proxy("beta")
    alpha, beta = network.join("alpha", "beta", ports={"beta": proxy.port}, rekey_bytes=4 * MIB)
    data = _numbers(32 * MIB, 4)

    def send() -> None:
        alpha.to("beta").send_array("data", data)
        alpha.close()

    send_done = pool.submit(send)
    got = beta.to("alpha").recv_array("data", np.uint64, data.shape)
    beta.close()
    results(send_done)
    assert np.array_equal(got, data)
    assert proxy.connections >= 4


def test_the_link_says_that_it_is_down_and_comes_back(network: Network, pool: ThreadPoolExecutor) -> None:
    proxy = network.proxy("beta")
    alpha, beta = network.join("alpha", "beta", ports={"beta": proxy.port})
    alpha.to("beta").send_bytes("one", b"1")
    assert beta.to("alpha").recv_bytes("one", 1) == b"1"
    proxy.open = False
    proxy.cut_now()
    with beta.step("wait"):
        waiting = pool.submit(beta.to("alpha").recv_bytes, "two", 1)
        deadline = time.monotonic() + 5
        while not (beta.waiting() and beta.waiting()[0].link.startswith("down")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (call,) = beta.waiting()
        assert (call.peer, call.doing, call.tag, call.step) == ("alpha", "receive", "two", "wait")
        proxy.open = True
        alpha.to("beta").send_bytes("two", b"2")
        assert results(waiting) == [b"2"]
    assert beta.waiting() == ()
