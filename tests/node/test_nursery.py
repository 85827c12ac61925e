"""Where workers are forked: who ends, how the node hears of it, and what a lost nursery takes with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coterie.node import nursery
from coterie.node.nursery import Forked, Nursery
from coterie.wire import handoff_pair

ORPHANED = 3
"""Exit status of a worker whose node is gone."""


@contextlib.asynccontextmanager
async def worker(running: Nursery, log: Path) -> AsyncIterator[tuple[Forked, socket.socket]]:
    """A worker without orders, and the node's end of its pipe."""
    mine, its = socket.socketpair()
    links, its_links = handoff_pair()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with mine, its, links, its_links:
        try:
            forked = await running.fork(its.fileno(), its_links.fileno(), output)
        finally:
            os.close(output)
        its.close()
        its_links.close()
        yield forked, mine


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def files_of(pid: int) -> set[Path]:
    opened = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            opened.add(one.readlink())
    return opened


async def life(folder: Path) -> None:
    running = Nursery()
    async with worker(running, folder / "a") as (first, pipe), worker(running, folder / "b") as (other, _):
        assert first.pid != other.pid
        assert os.getsid(first.pid) == os.getpgid(first.pid) == first.pid
        parent = parent_of(first.pid)
        if os.geteuid() == 0:  # workers let nobody else look
            opened = files_of(other.pid)
            assert folder / "b" in opened
            assert folder / "a" not in opened  # nor anything else of another's
        pipe.close()
        assert await first.wait() == ORPHANED
        os.kill(other.pid, signal.SIGKILL)
        assert await other.wait() == -signal.SIGKILL
    async with worker(running, folder / "c") as (left, _):
        os.kill(parent, signal.SIGKILL)
        assert await left.wait() == -signal.SIGKILL
    async with worker(running, folder / "d") as (again, pipe):
        pipe.close()
        assert await again.wait() == ORPHANED
    await running.close()
    assert (folder / "d").read_text() == ""


def test_workers_are_forked_and_seen_to_end(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(life(tmp_path), 60))


async def ended_at_once(folder: Path) -> None:
    running = Nursery()
    for turn in range(20):
        async with worker(running, folder / str(turn)) as (forked, _):
            forked.kill()
            assert await forked.wait() == -signal.SIGKILL
    await running.close()


def test_a_worker_can_be_ended_from_its_first_moment(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(ended_at_once(tmp_path), 60))


async def left_alone(folder: Path) -> None:
    running = Nursery()
    async with worker(running, folder / "a") as (first, _), worker(running, folder / "b") as (other, pipe):
        parent = parent_of(first.pid)
        first.kill()
        assert await first.wait() == -signal.SIGKILL
        await asyncio.sleep(5 * nursery.IDLE_SECONDS)
        assert parent_of(other.pid) == parent  # while one runs it stays
        pipe.close()
        assert await other.wait() == ORPHANED
    with contextlib.suppress(ProcessLookupError):
        while True:  # it ends when it has read that it is not needed
            os.kill(parent, 0)
            await asyncio.sleep(0.02)
    async with worker(running, folder / "c") as (again, pipe):
        assert parent_of(again.pid) != parent
        pipe.close()
        assert await again.wait() == ORPHANED
    await running.close()


def test_without_jobs_the_nursery_goes_until_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nursery, "IDLE_SECONDS", 0.1)
    asyncio.run(asyncio.wait_for(left_alone(tmp_path), 60))


async def refused(folder: Path) -> None:
    running = Nursery()
    waiting = asyncio.create_task(worker(running, folder / "a").__aenter__())
    await asyncio.sleep(0.2)
    await running.close()
    with pytest.raises(OSError, match="is gone"):
        await waiting


def test_a_node_that_stops_meanwhile_does_not_wait(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(refused(tmp_path), 60))
