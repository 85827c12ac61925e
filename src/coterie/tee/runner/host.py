"""The runner as a process: started inside of the walls, spoken to over one socket, surely ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

from coterie.tee.runner.errors import RUNNER_CANCELLED, RUNNER_DIED, RUNNER_TIME, SANDBOX_FAILED
from coterie.tee.runner.records import Channel
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.errors import NOT_CONFINED
from coterie.tee.sandbox.limits import RunLimits
from coterie.tee.sandbox.start import REFUSED

_SAID: Final = 4096
"""Bytes that are kept of what the process says before it has a key."""
_PATIENCE: Final = 10
"""Seconds for a process that was killed to be gone."""
_LOOK: Final = 0.01
"""Seconds between two looks whether it is."""


class RunnerProcess:
    """A started sandbox and the channel to it. Ends with the ``with`` block, and with the thread that
    started it.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        inputs: tuple[Path, ...],
        limits: RunLimits,
        cancelled: threading.Event | None = None,
    ) -> None:
        """Errors: CT-2285, CT-2286, CT-2289."""
        self._limits, self._cancelled = limits, cancelled
        self._end = time.monotonic() + limits.seconds
        self._said = bytearray()
        command = sandbox.command(inputs, limits)
        nothing: dict[str, str] = {}
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - bubblewrap, by its path
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=nothing,
                start_new_session=True,  # and so a group of its own, which nothing inside can leave
            )
        except OSError as error:
            ours.close()
            raise SANDBOX_FAILED(str(error.strerror)) from error
        finally:
            theirs.close()
        self._listener = threading.Thread(target=self._listen, daemon=True, name="tee-runner-words")
        self._listener.start()
        self.channel = Channel(ours.detach(), self._check)
        self.pid = self._process.pid
        """Of bubblewrap; the runner has another one, and ends with it."""

    def failed(self) -> NoReturn:
        """The process closed its channel: say why it is gone. Errors: CT-2286, CT-2287, CT-2290, CT-2291."""
        deadline = time.monotonic() + _PATIENCE
        while not self._ended() and time.monotonic() < deadline:
            time.sleep(_LOOK)
        self.kill()
        status, said = self._process.returncode, self._words()
        if status == REFUSED:
            raise NOT_CONFINED(said)
        if said.startswith("bwrap:"):
            raise SANDBOX_FAILED(said.removeprefix("bwrap:").strip())
        if status == 128 + 24:  # SIGXCPU
            raise RUNNER_TIME(f"{self._limits.seconds} s on every core")
        number = -status if status < 0 else status - 128
        how = f"by signal {number}" if number > 0 else f"with status {status}"
        raise RUNNER_DIED(f"{how}: {said}" if said else how)

    def kill(self) -> None:
        """End it now, and wait until nothing of it is left."""
        self.channel.close()
        if self._process.returncode is None:
            # The group, not the process: bubblewrap's child asks to die with it, but a moment after it is
            # there. As long as nobody has waited for its leader, the group's number is no other's.
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        # What bubblewrap leaves behind dies with it, by the kernel's hand; the pipe ends with the last of it.
        self._listener.join(_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _ended(self) -> bool:
        """Whether it has; its status is left for who waits."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _check(self) -> None:
        if self._cancelled is not None and self._cancelled.is_set():
            raise RUNNER_CANCELLED("as it was told to")
        if time.monotonic() >= self._end:
            raise RUNNER_TIME(f"{self._limits.seconds} s since its start")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as pipe:
            while part := os.read(pipe.fileno(), _SAID):
                self._said += part[: _SAID - len(self._said)]

    def _words(self) -> str:
        """The last line that it said, printable and short."""
        lines = self._said.decode(errors="replace").strip().splitlines() or [""]
        return "".join(one if one.isprintable() else "?" for one in lines[-1])[:300]
