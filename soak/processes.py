"""Which processes a node has: what the system says of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

NURSERY = b"coterie.node.nursery"
RUNNER = b"coterie.jobs.attested.runner"


class Process(NamedTuple):
    """What the system says of one."""

    parent: int
    command: bytes


@dataclass(frozen=True)
class Worker:
    """A worker of a node, and the job that it is for."""

    pid: int
    job: str
    runner: int | None = None
    """The attested runner that it has started, inside of its sandbox."""


def snapshot() -> dict[int, Process]:
    """All that run now, but those that have ended."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                command = (status.parent / "cmdline").read_bytes()
                found[int(status.parent.name)] = Process(int(fields[1]), command)
    return found


def nursery(node: int, there: dict[int, Process]) -> int | None:
    """The process that a node's workers come from."""
    return next((pid for pid, one in there.items() if one.parent == node and NURSERY in one.command), None)


def workers(node: int, there: dict[int, Process]) -> list[Worker]:
    """Those of a node that have a job already."""
    source = nursery(node, there)
    found = []
    for pid, one in sorted(there.items()):
        if source is not None and one.parent == source and (job := _job(pid)):
            inside = [
                below
                for below in _below(pid, there)
                if RUNNER in there[below].command and b"bwrap" not in there[below].command.split(b"\0")[0]
            ]
            found.append(Worker(pid, job, inside[0] if inside else None))
    return found


def _job(pid: int) -> str | None:
    """The job whose log a process writes to."""
    for number in ("1", "2"):
        with contextlib.suppress(OSError):
            path = Path(os.readlink(f"/proc/{pid}/fd/{number}"))  # noqa: PTH115 - what it points to may be gone
            if path.name == "worker.log":
                return path.parent.name
    return None


def _below(pid: int, there: dict[int, Process]) -> Iterator[int]:
    for other, one in there.items():
        if one.parent == pid:
            yield other
            yield from _below(other, there)
