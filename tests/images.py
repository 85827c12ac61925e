"""The runner's image, made once for all tests that start a sandbox."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.tee.sandbox.command import PROGRAM
from coterie.tee.sandbox.contents import BASE, Contents
from coterie.tee.sandbox.image import ensure_image
from coterie.tee.sandbox.landlock import version

WORK = Path(__file__).parent / "tee" / "runner" / "work.py"


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
    """What is in the image: no learners of others', and the work of the runner's tests."""
    return Contents(distributions=BASE, extra=(("tee_work.py", WORK),))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory, contents: Contents) -> Iterator[Path]:
    """The image's folder."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    yield from _linked(tmp_path_factory, contents)


@pytest.fixture(scope="session")
def runner_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image of this environment, as jobs are run from it: with the learners and all that reports need."""
    yield from _linked(tmp_path_factory, Contents())


def _linked(factory: pytest.TempPathFactory, contents: Contents) -> Iterator[Path]:
    """An image with a path of its own, by which its processes are found, and files that are hard links: where
    several processes run the tests, one of them makes it. A file is changed by putting another in its place.
    """
    shared = shared_images(factory)
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = ensure_image(shared, contents)
    own = factory.mktemp("images") / made.name
    shutil.copytree(made, own, symlinks=True, copy_function=os.link)
    yield own
    shutil.rmtree(own)


def shared_images(factory: pytest.TempPathFactory) -> Path:
    """The folder where all processes of this run of the tests make images."""
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-images"
