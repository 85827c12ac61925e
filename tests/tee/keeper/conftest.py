"""One world for each test; identities are made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.crypto import Identity
from tests.tee import joint
from tests.tee.keeper.local import World


@pytest.fixture(scope="package")
def who(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    return joint.people(tmp_path_factory.mktemp("people"))


@pytest.fixture
def world(tmp_path: Path, who: dict[str, Identity]) -> Iterator[World]:
    made = World(tmp_path, who)
    yield made
    made.close()
