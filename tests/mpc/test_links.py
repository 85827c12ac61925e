"""Runs over real links: TLS on loopback, also where the network cuts every connection again and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.mpc import twin
from tests.wire.network import Network

from .rig import DEALER, NAMES, Played, play
from .test_tape import inputs, training

ROWS = 20_000


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    home: Path = tmp_path_factory.mktemp("homes")
    return {name: Identity.create(home / name, name) for name in (*NAMES, DEALER)}


@pytest.fixture
def network(identities: dict[str, Identity]) -> Iterator[Network]:
    network = Network(identities)
    yield network
    network.close()


def check(played: Played, count: int) -> None:
    given = inputs(ROWS)
    wanted = twin(training(ROWS), NAMES[:count], given, "fixed").revealed["gradient"]
    got = played.outputs["lender"].revealed["gradient"]
    # errors of single rows are independent, 2^-13 at most: six deviations of their sum
    assert np.abs(got - wanted).max() < 6 * np.sqrt(ROWS) * 4 * 2.0**-13
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}
    assert played.depths == dict(played.tape.rounds)


@pytest.mark.parametrize("count", [2, 3])
def test_over_tls(network: Network, count: int) -> None:
    names = (*NAMES[:count], DEALER)
    meshes = dict(zip(names, network.join(*names), strict=True))
    check(play(training(ROWS), inputs(ROWS), NAMES[:count], meshes=dict(meshes)), count)


def test_a_network_that_cuts_connections_changes_nothing(network: Network) -> None:
    names = (*NAMES[:2], DEALER)
    proxies = {name: network.proxy(name, cut_after=600_000, cuts=4) for name in names}
    ports = {name: proxy.port for name, proxy in proxies.items()}
    meshes = dict(zip(names, network.join(*names, ports=ports), strict=True))
    check(play(training(ROWS), inputs(ROWS), NAMES[:2], meshes=dict(meshes)), 2)
    assert sum(proxy.cuts for proxy in proxies.values()) >= 3


def test_a_failure_at_one_party_ends_the_run_at_all(network: Network) -> None:
    names = (*NAMES[:2], DEALER)
    meshes = dict(zip(names, network.join(*names), strict=True))
    given = inputs(ROWS)
    given["x1"] = given["x1"] + np.nan
    played = play(training(ROWS), given, NAMES[:2], meshes=dict(meshes), raises=False)
    assert set(played.errors) == set(names)
    for error in played.errors.values():
        assert isinstance(error, CoterieError)
        assert (error.code, error.party) == ("CT-2103", "telecom")
