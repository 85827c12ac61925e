from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from coterie.crypto import Identity
from tests.wire.network import Network

NAMES = ("alpha", "beta", "gamma", "delta", "mallory")


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    home = tmp_path_factory.mktemp("homes")
    return {name: Identity.create(home / name, name) for name in NAMES}


@pytest.fixture
def network(identities: dict[str, Identity]) -> Iterator[Network]:
    net = Network(identities)
    yield net
    net.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    executor = ThreadPoolExecutor(8)
    yield executor
    executor.shutdown(wait=False)
