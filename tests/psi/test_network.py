"""Alignment over real links: loopback TCP, TLS 1.3, connections that break on the way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coterie import psi
from coterie.crypto import Identity
from coterie.wire import LinkMesh
from tests.psi.pair import STEP, ids
from tests.wire.network import Network, results


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    net = Network({name: Identity.create(tmp_path / name, name) for name in ("bank", "wallet")})
    yield net
    net.close()


def test_broken_connections_change_neither_result_nor_account(network: Network) -> None:
    bank_rows, wallet_rows = list(range(1500)), list(range(1000, 2200))
    cost = psi.cost(len(bank_rows), len(wallet_rows))
    proxy = network.proxy("wallet", cut_after=40_000)
    bank, wallet = network.join("bank", "wallet", ports={"wallet": proxy.port})

    def party(
        mesh: LinkMesh, peer: str, own: list[int], peer_rows: int, budget: int
    ) -> tuple[list[int], int]:
        with mesh.step(STEP, {peer: budget}):
            aligned = psi.align(mesh, peer, ids(*own), peer_rows, chunk=128)
            depth = mesh.depth
        mesh.close()
        return [own[index] for index in aligned.indices], depth

    with ThreadPoolExecutor(2) as pool:
        first, second = results(
            pool.submit(party, bank, "wallet", bank_rows, len(wallet_rows), cost.a_to_b),
            pool.submit(party, wallet, "bank", wallet_rows, len(bank_rows), cost.b_to_a),
        )
    assert proxy.cuts >= 2
    assert first[0] == second[0]
    assert sorted(first[0]) == list(range(1000, 1500))
    assert (first[1], second[1]) == (cost.rounds_a, cost.rounds_b)
    assert bank.egress()[STEP]["wallet"].sent == wallet.egress()[STEP]["bank"].received == cost.a_to_b
    assert wallet.egress()[STEP]["bank"].sent == bank.egress()[STEP]["wallet"].received == cost.b_to_a


def test_three_parties_over_links(tmp_path: Path) -> None:
    names = ("bank", "shop", "wallet")
    own = {"bank": range(900), "shop": range(300, 1000), "wallet": range(200, 1200)}
    rows = {name: len(own[name]) for name in names}
    cost = psi.cost_many(rows)
    net = Network({name: Identity.create(tmp_path / name, name) for name in names})

    def party(mesh: LinkMesh) -> tuple[list[int], int]:
        with mesh.step(STEP, cost.sent[mesh.me]):
            aligned = psi.align_many(mesh, rows, ids(*own[mesh.me]), chunk=128)
            depth = mesh.depth
        mesh.close()
        return [own[mesh.me][index] for index in aligned.indices], depth

    try:
        meshes = net.join(*names)
        with ThreadPoolExecutor(len(names)) as pool:
            found = results(*(pool.submit(party, mesh) for mesh in meshes))
        assert sorted(found[0][0]) == list(range(300, 900))
        assert found == [(found[0][0], cost.rounds)] * 3
        for mesh in meshes:
            sent = {peer: one.sent for peer, one in mesh.egress()[STEP].items()}
            assert sent == cost.sent[mesh.me]
    finally:
        net.close()
