"""The runner's image, made once for all tests that start a sandbox."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.tee.sandbox.command import PROGRAM
from coterie.tee.sandbox.contents import BASE, Contents
from coterie.tee.sandbox.image import ensure_image, make_image
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
    made = tmp_path_factory.mktemp("image") / "image"
    make_image(made, contents)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def runner_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image of this environment, as jobs are run from it: with the learners and all that reports need."""
    folder = tmp_path_factory.mktemp("images")
    yield ensure_image(folder)
    shutil.rmtree(folder)
