"""The runner is killed at each step: nothing in clear is left, on no disk and in no process of the host's."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.tee.runner import session
from tests.tee.runner.world import World

Make = Callable[[str], World]

STEPS = ("evidence", "release payments", "step train", "result")
"""Before any key is there, with all keys, with all data in memory, with a result. Before the first of them
nothing is there that was not there before.
"""


def processes(image: Path) -> list[int]:
    """Processes whose command names this very image, or in whose root it is mounted."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            for name in ("cmdline", "mountinfo"):
                try:
                    said = (folder / name).read_bytes()
                except OSError:  # it has ended, or is another user's
                    continue
                if os.fsencode(image) in said:
                    found.append(int(folder.name))
                    break
    return sorted(found)


NOT_SEARCHED = ("pytest-of-*", ".venv", ".git")
"""Folders of other tests, and of what no runner is told of. Other tests' images are large and come and go."""


def newer(than: float, *folders: Path) -> Iterator[Path]:
    """Files that were written since, wherever a process may leave some."""
    left_out = " -o ".join(f"-name {name}" for name in NOT_SEARCHED).split()
    command = ["find", *map(str, folders), "-xdev", "(", *left_out, ")", "-prune", "-o"]
    command += ["-type", "f", "-newermt", f"@{than - 2:.0f}", "-print0"]
    found = subprocess.run(command, capture_output=True, check=False).stdout  # others' folders stay closed
    return map(Path, os.fsdecode(found).split("\0")[:-1])


def holding(canary: bytes, paths: Iterator[Path]) -> list[Path]:
    found = []
    for path in paths:
        try:
            with path.open("rb") as file:
                before = b""
                while part := file.read(1 << 22):
                    if canary in before + part:
                        found.append(path)
                        break
                    before = part[-len(canary) :]
        except OSError:
            continue
    return found


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_runner_leaves_nothing_in_clear(
    world: Make, image: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world("sum")
    started, killed = time.time(), list[int]()

    def kill(where: str) -> None:
        if where == step and not killed:
            killed.extend(processes(image))
            os.kill(min(killed), signal.SIGKILL)

    def taken(self: Any, parts: Any) -> None:
        kill("result")
        output(self, parts)

    output = session._Taken.output
    monkeypatch.setattr(session._Taken, "output", taken)
    made.watch = kill
    with pytest.raises(CoterieError) as caught:
        made.run()
    assert caught.value.code == "CT-2290"
    assert len(killed) >= 2  # bubblewrap outside and inside; the runner itself where it may be looked at
    assert processes(image) == []
    assert list((made.home / "results").iterdir()) == []
    places = (made.home, Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm"), Path.cwd())
    assert holding(made.canary.encode(), newer(started, *places)) == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    started = time.time()
    (tmp_path / "left").write_bytes(bytes((1 << 22) - 3) + b"canary" + bytes(9))
    assert holding(b"canary", newer(started, tmp_path)) == [tmp_path / "left"]


def test_while_it_works_the_host_sees_nothing_in_clear_on_its_disks(world: Make, image: Path) -> None:
    made = world("wait")  # it has the data in memory and in its scratch
    started, seen = time.time(), list[Any]()

    def look(where: str) -> None:
        if where == "step train" and len(seen) == 1:
            for pid in processes(image):
                shown = [Path(f"/proc/{pid}/{name}") for name in ("cmdline", "environ", "status", "maps")]
                seen.append(holding(made.canary.encode(), iter(shown)))
            places = (made.home, Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm"))
            seen.append(holding(made.canary.encode(), newer(started, *places)))
            os.kill(min(processes(image)), signal.SIGKILL)
        elif where == "step train":
            seen.append([])

    made.watch = look
    with pytest.raises(CoterieError) as caught:
        made.run()
    assert caught.value.code == "CT-2290"
    assert len(seen) >= 4
    assert all(found == [] for found in seen)
