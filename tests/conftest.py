"""What holds for all tests."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.images import contents, image, runner_image, shared_images

__all__ = ["contents", "image", "runner_image"]

# Tests share their machine with whatever else runs there: an example that took long says nothing.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")

# Several processes of tests are told the width of a terminal that none of them has.
os.environ.pop("COLUMNS", None)

# Hundreds of processes of tests import the same modules: they are compiled once, wherever it is run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

TOGETHER = ("node/attested", "node", "cli", "tee/runner", "tee/keeper", "tee/image")
"""Folders whose tests share daemons or images: one process runs them, where there are several."""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what belongs together; the longest first, so that all processes end at about the same time."""
    here = Path(__file__).parent
    order: dict[str, int] = {}
    for item in items:
        place = item.path.relative_to(here).as_posix()
        number = next((at for at, one in enumerate(TOGETHER) if place.startswith(f"{one}/")), len(TOGETHER))
        item.add_marker(pytest.mark.xdist_group(TOGETHER[number] if number < len(TOGETHER) else place))
        order[item.nodeid] = number
    items.sort(key=lambda item: order[item.nodeid])


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they have imported stay to the end: they need not be looked through."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The images that all processes share go with the last of them."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(shared_images(session.config._tmp_path_factory), ignore_errors=True)
