"""The host's own memory: owners in another process make the data, and look for it in the host's."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.tee.documents.exchange import Challenge, Release, ReleaseRequest
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.runner.session import run_attested
from coterie.tee.sandbox.command import Sandbox
from tests.tee.joint import NOW
from tests.tee.runner.world import SMALL, World


def occurrences(pid: int, canary: bytes) -> int | None:
    """How often it is in the memory of a process; None where that may not be read."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
        memory = Path(f"/proc/{pid}/mem").open("rb", buffering=0)  # noqa: SIM115 - closed below
    except OSError:
        return None
    found = 0
    with memory:
        for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
            memory.seek(int(start, 16))
            left = int(end, 16) - int(start, 16)
            while left > 0:
                try:
                    part = memory.read(min(left, 1 << 24))
                except OSError:
                    break
                if not part:
                    break
                left -= len(part)
                found += part.count(canary)
    return found


def owners(connection: Connection, home: Path, sandbox: Sandbox, measurement: bytes) -> None:
    world = World(home, sandbox, "wait", measurement)
    connection.send((world.case, [world.containers[name] for name in world.manifest.owners]))
    canary = world.canary.encode()
    while True:
        question, value = connection.recv()
        if question == "challenge":
            connection.send(world.challenge(value))
        elif question == "release":
            connection.send(world.release(value.binding.provider, value))
        elif question == "search":
            connection.send((occurrences(os.getpid(), canary), occurrences(value, canary)))
        else:
            world.close()
            return


class Host:
    """Carries words to the owners."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.seen: list[tuple[int | None, int | None]] = []

    def ask(self, question: str, value: Any) -> Any:
        self.connection.send((question, value))
        return self.connection.recv()

    def challenge(self, owner: str) -> Challenge:
        return self.ask("challenge", owner)  # type: ignore[no-any-return]

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        self.look()
        return self.ask("release", request)  # type: ignore[no-any-return]

    def look(self) -> None:
        self.seen.append(self.ask("search", os.getpid()))


@pytest.fixture
def connection(tmp_path: Path, sandbox: Sandbox, measurement: bytes) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=owners, args=(theirs, tmp_path / "owners", sandbox, measurement))
    process.start()
    theirs.close()
    yield ours
    ours.send(("end", None))
    process.join(30)
    ours.close()


def test_the_hosts_memory_never_holds_what_the_runner_works_on(
    tmp_path: Path, sandbox: Sandbox, connection: Connection
) -> None:
    case, containers = connection.recv()
    host = Host(connection)
    steps: list[str] = []

    def progress(step: str) -> None:
        steps.append(step)
        if steps.count("train") == 2:
            host.look()  # all of it is in clear, in the runner's memory and in its scratch
            raise KeyboardInterrupt

    def attest(measurement: bytes, job: bytes) -> SimAttester:
        return SimAttester(tmp_path / "owners" / "sim", measurement, launch_bound=job, now=lambda: NOW)

    with pytest.raises((KeyboardInterrupt, CoterieError)) as caught:
        run_attested(
            sandbox, case, containers, attest, host, tmp_path / "results", limits=SMALL, progress=progress
        )
    assert caught.type is KeyboardInterrupt
    host.look()
    own, others = zip(*host.seen, strict=True)
    if None in others:
        pytest.skip("one process of this user may not read another's memory here")
    assert min(count or 0 for count in own) > 0  # the search finds it where it is
    assert others == (0,) * 4
