"""Identities and tape files of the tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.crypto import Identity

from .rig import DEALER, NAMES
from .tapefiles import close_all


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    homes: Path = tmp_path_factory.mktemp("homes")
    return {name: Identity.create(homes / name, name) for name in (*NAMES, DEALER, "mallory")}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes the tape files that a test has opened."""
    yield
    close_all()
