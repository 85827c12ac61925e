"""Searching files for what may not be in them."""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.node.attested.world import COLUMNS, World
from tests.tee.runner.test_killed import newer


def everything(home: Path) -> list[Path]:
    """Every file of a home, but for the runner's image."""
    return [
        Path(folder) / name
        for folder, _, names in os.walk(home)
        for name in names
        if "/tee/image" not in folder and not (Path(folder) / name).is_socket()
    ]


def values(world: World, dataset: str) -> list[bytes]:
    """Some values of each column, as text and as they lie in memory."""
    columns = [one for name, one in world.tables[dataset].items() if name != "bad"][1:]
    some = [value for column in columns for value in column[::60]]
    return [form for value in some for form in (repr(value).encode(), struct.pack("<d", value))]


def clear(world: World, dataset: str) -> list[bytes]:
    """What is in every id of a table, in both cases, and values."""
    canary = world.tables[dataset][COLUMNS[dataset][0]][0][:24]
    return [canary.lower().encode(), canary.upper().encode(), *values(world, dataset)]


def found(secrets: Iterable[bytes], paths: Iterable[Path]) -> list[Path]:
    """Files with any of these in them."""
    wanted, there = list(secrets), []
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError:  # it is gone already, or another's
            continue
        if any(one in content for one in wanted):
            there.append(path)
    return there


def left_in_clear(world: World, job: str, since: float) -> list[Path]:
    """Files with an id or a value of an owner that were written since, wherever a process may leave some, but
    for what other jobs gave."""
    places = [Path("/var/tmp"), Path("/dev/shm"), *(one.home for one in world.daemons.values())]
    for path in Path(tempfile.gettempdir()).iterdir():
        with contextlib.suppress(OSError):  # it is gone already
            if path.lstat().st_mtime >= since - 2:
                places.append(path)
    written = (path for path in newer(since, *places) if path.parts.count("jobs") == 0 or job in path.parts)
    return found([*clear(world, "loans"), *clear(world, "flows")], written)
