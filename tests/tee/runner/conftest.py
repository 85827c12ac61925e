"""Worlds to run in the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coterie.tee.sandbox.command import Sandbox
from tests.tee.runner.world import World


@pytest.fixture(scope="session")
def sandbox(image: Path) -> Sandbox:
    return Sandbox(image, "tee_work")


@pytest.fixture(scope="session")
def measurement(sandbox: Sandbox) -> bytes:
    return sandbox.measure().measurement


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox, measurement: bytes) -> Iterator[Callable[[str], World]]:
    made: list[World] = []

    def make(attempt: str) -> World:
        made.append(World(tmp_path / str(len(made)), sandbox, attempt, measurement))
        return made[-1]

    yield make
    for one in made:
        one.close()
