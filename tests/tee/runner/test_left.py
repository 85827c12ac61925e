"""What is left in clear after an end that nobody wanted: a runner that is killed between two steps, a host
that is killed, a crash where cores may be dumped. Nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import select
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.tee.runner import session
from coterie.tee.runner.host import RunnerProcess
from coterie.tee.sandbox.command import Sandbox
from tests.tee.runner.test_killed import holding, newer, processes
from tests.tee.runner.world import SMALL, World

Make = Callable[[str], World]
PATIENCE = 10.0


def places(home: Path) -> tuple[Path, ...]:
    return (home, Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/dev/shm"), Path.cwd())


def ended(image: Path) -> bool:
    """No process of this image is left, or the time is up."""
    deadline = time.monotonic() + PATIENCE
    while processes(image):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("step", ["start", "second piece", "receipt"])
def test_a_runner_killed_between_two_steps(
    world: Make, image: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world("sum")
    started, killed = time.time(), list[int]()

    def kill(where: str) -> None:
        if where == step and not killed:
            killed.extend(processes(image))
            os.killpg(min(killed), signal.SIGKILL)  # at the start its child does not yet die with it

    pieces: list[int] = []
    piece, receipt, serve = session._Taken.piece, session._Desk._receipt, session._Desk.serve

    def on_piece(self: Any, data: bytes) -> None:
        pieces.append(len(data))
        piece(self, data)
        if len(pieces) == 2:
            kill("second piece")

    def on_receipt(self: Any, data: bytes) -> Any:
        kill("receipt")
        closed = select.poll()
        closed.register(self.channel._descriptor, 0)
        assert step != "receipt" or closed.poll(PATIENCE * 1000)  # else it could hear that it was taken
        return receipt(self, data)

    def on_start(self: Any) -> Any:
        kill("start")
        return serve(self)

    monkeypatch.setattr(session._Taken, "piece", on_piece)
    monkeypatch.setattr(session._Desk, "_receipt", on_receipt)
    monkeypatch.setattr(session._Desk, "serve", on_start)
    made.watch = kill
    with pytest.raises(CoterieError) as caught:
        made.run()
    assert caught.value.code == "CT-2290"
    assert killed
    assert ended(image)
    assert list((made.home / "results").iterdir()) == []
    assert holding(made.canary.encode(), newer(started, *places(made.home))) == []


def test_all_processes_of_a_runner_are_one_group(world: Make, image: Path) -> None:
    """So that to kill the group is to kill all of them, and no terminal is theirs."""
    made, groups = world("sum"), list[set[int]]()

    def look(where: str) -> None:
        if where == "step train":
            found = processes(image)
            groups.extend(({os.getpgid(pid) for pid in found}, {os.getsid(pid) for pid in found}))
            assert len(found) >= 2
            assert min(found) in groups[0]

    made.watch = look
    made.run()
    assert [len(one) for one in groups] == [1, 1]
    assert os.getsid(0) not in groups[1]


def test_a_runner_killed_as_it_starts_leaves_no_process(sandbox: Sandbox, image: Path) -> None:
    """Bubblewrap's children are told to die with it a moment after they are there."""
    for number in range(24):
        process = RunnerProcess(sandbox, (), SMALL)
        time.sleep(0.0005 * (number % 6))
        process.kill()
        process.kill()
    assert ended(image)


def host(connection: Connection, home: Path, sandbox: Sandbox, measurement: bytes, step: str) -> None:
    """A host that ends in the middle, without a word."""
    made = World(home, sandbox, "sum", measurement)
    connection.send(made.canary)

    def end(where: str) -> None:
        if where == step:
            connection.send(len(processes(sandbox.image)))
            os.kill(os.getpid(), signal.SIGKILL)

    made.watch = end
    made.run()


@pytest.fixture
def started() -> float:
    return time.time()


def test_a_runner_ends_with_its_host(
    tmp_path: Path, sandbox: Sandbox, measurement: bytes, image: Path, started: float
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=host, args=(theirs, tmp_path / "host", sandbox, measurement, "step train")
    )
    process.start()
    theirs.close()
    canary = ours.recv().encode()
    running = ours.recv()
    process.join(60)
    ours.close()
    assert process.exitcode == -signal.SIGKILL
    assert running >= 2  # bubblewrap outside and inside, and the runner where it may be looked at
    assert ended(image)
    assert holding(canary, newer(started, *places(tmp_path))) == []


def test_a_crash_leaves_no_core(world: Make) -> None:
    """Cores are allowed in the process that starts the runner, as far as they may be here."""
    made = world("crash")
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    began = time.time()
    try:
        with pytest.raises(CoterieError) as caught:
            made.run()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert (caught.value.code, caught.value.detail) == ("CT-2290", "by signal 6")
    cores = [Path("/var/lib/systemd/coredump"), Path("/var/crash"), Path("/cores")]
    seen = [*places(made.home), *(folder for folder in cores if folder.is_dir())]
    assert holding(made.canary.encode(), newer(began, *seen)) == []
