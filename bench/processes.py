"""The processes of one measurement: started together, watched, and none left behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Done:
    """What a process left."""

    result: Any
    """The JSON that it wrote."""
    log: str


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def calling(module: str, *arguments: str | Path | int) -> list[str | Path | int]:
    """The command that calls ``main`` of a module of ours with these arguments and the result's path."""
    return [sys.executable, "-c", f"import sys; from {module} import main; main(*sys.argv[1:])", *arguments]


def run_together(
    commands: Mapping[str, Sequence[str | Path | int]], folder: Path, seconds: float
) -> dict[str, Done]:
    """Run one process for each name, at the same time.

    Each command gets one more argument: the file to write its result to, as JSON. All of them are ended when
    one fails.

    :param folder: for results and logs.
    :raises RuntimeError: where a process fails, or the time is over.
    """
    processes: dict[str, subprocess.Popen[bytes]] = {}
    logs = {name: folder / f"{name}.log" for name in commands}
    results = {name: folder / f"{name}.result.json" for name in commands}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    try:
        for name, command in commands.items():
            results[name].unlink(missing_ok=True)
            with logs[name].open("wb") as out:
                processes[name] = subprocess.Popen(
                    [*map(str, command), str(results[name])],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env=environment,
                )
        _wait(processes, logs, seconds)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    return {
        name: Done(json.loads(results[name].read_text(encoding="utf-8")), _tail(logs[name], None))
        for name in commands
    }


def _wait(processes: Mapping[str, subprocess.Popen[bytes]], logs: Mapping[str, Path], seconds: float) -> None:
    """Return when all have ended well."""
    deadline = time.monotonic() + seconds
    waiting = dict(processes)
    while waiting:
        for name, process in tuple(waiting.items()):
            if process.poll() is None:
                continue
            if process.returncode:
                raise RuntimeError(f"{name} failed:\n{_tail(logs[name], 2000)}")
            del waiting[name]
        if time.monotonic() > deadline:
            raise RuntimeError(f"{', '.join(waiting)} took more than {seconds:g} s")
        time.sleep(LOOK_SECONDS)


def _tail(path: Path, characters: int | None) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    return text if characters is None else text[-characters:]
