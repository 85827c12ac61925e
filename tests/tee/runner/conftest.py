"""The image of these tests, made once, and worlds to run in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coterie.tee.sandbox.command import PROGRAM, Sandbox
from coterie.tee.sandbox.contents import BASE, Contents
from coterie.tee.sandbox.image import make_image
from coterie.tee.sandbox.landlock import version
from tests.tee.runner.world import World

WORK = Path(__file__).with_name("work.py")


def why_not() -> str | None:
    """Why no sandbox can be made here."""
    if shutil.which(PROGRAM) is None:
        return "bubblewrap is not installed"
    command = [PROGRAM, "--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"no sandbox can be made here: {tried.stderr.strip()[:200]}"
    return None if version() else "this kernel has no Landlock"


@pytest.fixture(scope="session")
def contents() -> Contents:
    return Contents(distributions=BASE, extra=(("tee_work.py", WORK),))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory, contents: Contents) -> Iterator[Path]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    made = tmp_path_factory.mktemp("image") / "image"
    make_image(made, contents)
    yield made
    shutil.rmtree(made)


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
