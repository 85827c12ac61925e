"""Where workers come from: a process that has imported what they need, and forks one for each job.

``python -m coterie.node.nursery CHANNEL`` is started by the node with its first job. It ends with the node,
or when no worker has run for :data:`IDLE_SECONDS`; the next job starts another. Imports take a second of a
processor, a fork some milliseconds, and what was imported lies in memory once for all jobs. It is told
nothing but descriptors, which go to the worker: no key and no row is ever in it. A worker leads a session of
its own, and nobody sees what it does in its memory.

Node to nursery: one byte, with the descriptors of a worker's two sockets (see :mod:`coterie.node.pipe`) and
of its log. Nursery to node: :data:`RECORD`, a process's id and :data:`BORN`, later the id and its exit code.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import logging
import os
import select
import signal
import socket
import struct
import sys
import warnings
from collections import deque
from typing import NoReturn

from pydantic import BaseModel

from coterie.crypto import keep_memory_private

from .arrow import arrow_without_pandas

__all__ = ["Forked", "Nursery", "main"]

log = logging.getLogger("coterie.node")

RECORD = struct.Struct("<ii")
BORN = 2**31 - 1
"""In the place of an exit code; the process's id is negative where there is none, by ``errno``."""
IDLE_SECONDS = 300.0
"""Its memory, some 100 MB, is worth a second of the next job for so long."""
GONE = "the process that workers are forked from is gone"


class Forked:
    """A process that the nursery has forked, as the node sees it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """Its exit code; negative for a signal."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def ended(self, code: int) -> None:
        self.returncode = code
        self._ended.set()

    def kill(self) -> None:
        """End it, and what it has started, at once."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


class Nursery:
    """The node's side."""

    def __init__(self) -> None:
        self._opening = asyncio.Lock()
        self._channel: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._heard = b""
        self._births: deque[asyncio.Future[Forked]] = deque()
        self._alive: dict[int, Forked] = {}
        self._leaving: asyncio.TimerHandle | None = None

    async def fork(self, pipe: int, links: int, output: int) -> Forked:
        """A worker with these two sockets, which prints to ``output``. :raises OSError: it cannot be."""
        async with self._opening:
            channel = self._channel or await self._open()
        self._stay()
        born: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        socket.send_fds(channel, [b"\0"], [pipe, links, output])
        self._births.append(born)
        return await born

    async def _open(self) -> socket.socket:
        mine, its = socket.socketpair()
        with its:
            mine.setblocking(False)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "coterie.node.nursery",
                    str(its.fileno()),
                    pass_fds=(its.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C in the node's terminal is for the node: it ends its jobs
                )
            except OSError:
                mine.close()
                raise
        self._channel, self._heard = mine, b""
        asyncio.get_running_loop().add_reader(mine.fileno(), self._hear)
        return mine

    def _hear(self) -> None:
        assert self._channel is not None
        try:
            said = self._channel.recv(2**12)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._lose()
            return
        self._heard += said
        while len(self._heard) >= RECORD.size:
            pid, code = RECORD.unpack_from(self._heard)
            self._heard = self._heard[RECORD.size :]
            if code != BORN:
                self._alive.pop(pid).ended(code)
                self._leave_later()
                continue
            born = self._births.popleft()
            if pid < 0:
                born.set_exception(OSError(-pid, os.strerror(-pid)))
                self._leave_later()
                continue
            self._alive[pid] = Forked(pid)
            if born.cancelled():
                self._alive[pid].kill()
            else:
                born.set_result(self._alive[pid])

    def _stay(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _leave_later(self) -> None:
        """Where there is no worker any more, let the process go when there has been none for a while."""
        self._stay()
        if not self._alive and not self._births:
            loop = asyncio.get_running_loop()
            self._leaving = loop.call_later(IDLE_SECONDS, self._close_channel)

    def _lose(self) -> None:
        """It is gone. Its workers have nobody who sees them end: they end now; the next job has another."""
        self._close_channel()
        log.warning(GONE)
        for one in self._alive.values():
            one.kill()
            one.ended(-signal.SIGKILL)
        self._alive.clear()

    def _close_channel(self) -> None:
        self._stay()
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._channel.close()
            self._channel = None
        for born in self._births:
            if not born.done():
                born.set_exception(OSError(GONE))
        self._births.clear()

    async def close(self) -> None:
        """End it, when the workers are gone."""
        self._close_channel()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def tend(channel: socket.socket) -> tuple[int, int] | None:
    """Fork as the node asks, and tell it who has ended.

    Returns in each worker with the descriptors of its sockets, and here with None when the node is gone.
    """
    woken, wakes = socket.socketpair()
    for end in (woken, wakes):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([channel, woken], [], [])
        if woken in ready:
            woken.recv(2**12)
            _tell_ends(channel)
        if channel in ready:
            asked, descriptors, _, _ = socket.recv_fds(channel, 1, 3)
            if not asked:
                return None
            pipe, links, output = descriptors
            settled, settles = os.pipe()
            if (pid := _fork()) == 0:
                for ours in (channel, woken, wakes):
                    ours.close()
                os.setsid()
                os.close(settled)
                os.close(settles)
                _settle(output)
                return pipe, links
            for descriptor in (*descriptors, settles):
                os.close(descriptor)
            # A worker is the node's when it leads its own group: before that, ending its group misses it.
            os.read(settled, 1)
            os.close(settled)
            channel.sendall(RECORD.pack(pid, BORN))


def _fork() -> int:
    """As :func:`os.fork`, with ``-errno`` where it failed."""
    with warnings.catch_warnings():
        # The threads are those of libraries, which see to themselves when a process is forked.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return os.fork()
        except OSError as error:
            return -(error.errno or 1)


def _settle(output: int) -> None:
    """In a worker: what would be so if it had been started on its own."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)


def _tell_ends(channel: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        channel.sendall(RECORD.pack(pid, os.waitstatus_to_exitcode(status)))


def _build(model: type[BaseModel]) -> None:
    """Build what models put off to their first use: here it is done once for all workers."""
    for one in model.__subclasses__():
        one.model_rebuild(raise_errors=False)
        _build(one)


def main() -> int:
    """Import, then fork. In a worker: run its job."""
    keep_memory_private()  # what the node has set for itself ends where another program begins
    gc.disable()  # nothing of what is imported goes again
    arrow_without_pandas()
    from . import worker

    _build(BaseModel)
    gc.freeze()  # nor is it looked through in a worker, which would copy it page by page
    gc.enable()
    try:
        sockets = tend(socket.socket(fileno=int(sys.argv[1])))
    except ConnectionError:
        return 0  # the node was killed
    return 0 if sockets is None else _leave(worker.main(*sockets))


def _leave(code: int) -> NoReturn:
    """End a worker. Its threads may be at a link still: an interpreter that is taken down around them, and
    OpenSSL with it, may crash; and to take it down would copy the memory that all workers share.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - what os._exit leaves out, and sys.exit has no part of its own for
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
