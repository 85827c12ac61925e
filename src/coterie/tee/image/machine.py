"""A confidential machine that is started for one run, as its host sees it: a command of the operator's, and a
socket.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

from coterie.tee.evidence.binding import launched
from coterie.tee.evidence.errors import ATTESTER_MISSING
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.image.errors import MACHINE_FAILED
from coterie.tee.image.opening import send_opening
from coterie.tee.runner.errors import RUNNER_CANCELLED, RUNNER_DIED, RUNNER_TIME
from coterie.tee.runner.records import Channel, Closed
from coterie.tee.sandbox.limits import RunLimits

_TICK: Final = 0.2
_PATIENCE: Final = 10
_GRACE: Final = 3.0
"""Seconds for a command that is told to end."""
_LOOK: Final = 0.01
_SAID: Final = 1 << 16
"""Bytes of the console's end that are kept."""


@dataclass(frozen=True)
class Machine:
    """How to start one."""

    command: tuple[str, ...]
    """Words, in which ``{socket}`` is the path of a Unix socket that the machine's port must connect to. What
    it must be launched with, the digest of the job's manifest, is ``{job}`` (32 bytes in hex),
    ``{job_base64}``, and ``{job_tdx}`` (48 bytes as TDX has them, in base64).
    """
    start_seconds: int = 120
    """From the command to the machine's first word."""

    def words(self, socket: Path, job: bytes) -> list[str]:
        """The command for one run."""
        known = {
            "{socket}": str(socket),
            "{job}": job.hex(),
            "{job_base64}": base64.b64encode(job).decode(),
            "{job_tdx}": base64.b64encode(launched("tdx", job) or b"").decode(),
        }
        made = []
        for word in self.command:
            for name, value in known.items():
                word = word.replace(name, value)  # noqa: PLW2901
            made.append(word)
        return made


class OwnPlatform:
    """The attester of runs in machines: the machine answers by itself, and the host has nothing to say."""

    def quote(self, report_data: bytes) -> Evidence:  # noqa: ARG002
        """Errors: CT-2247, always: only a machine without a platform of its own asks."""
        raise ATTESTER_MISSING("the machine has no platform of its own")


class MachineProcess:
    """A started machine with the run's inputs in it, and the channel to the runner in it. Ends with the
    ``with`` block.
    """

    def __init__(
        self,
        machine: Machine,
        job: bytes,
        inputs: Sequence[Path],
        limits: RunLimits,
        cancelled: threading.Event | None = None,
        endorsements: Endorsements | None = None,
    ) -> None:
        """Errors: CT-2305 (the machine), CT-2291, CT-2293, CT-2297."""
        self._limits, self._cancelled = limits, cancelled
        self._end = time.monotonic() + machine.start_seconds + limits.seconds
        self._said = bytearray()
        self._folder = Path(tempfile.mkdtemp(prefix="coterie-machine-"))
        try:
            self._process, connected = self._start(machine, job)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.channel = Channel(connected.detach(), self._check)
        self.pid = self._process.pid
        try:
            endorsed = b"" if endorsements is None else endorsements.to_bytes()
            send_opening(self.channel.read, self.channel.write, job, inputs, limits, endorsed)
        except Closed:
            self.failed()
        except BaseException:
            self.kill()
            raise

    def failed(self) -> NoReturn:
        """The channel is closed: say why. Errors: CT-2290."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and not _ended(self.pid):
            time.sleep(_LOOK)
        self.kill()
        raise RUNNER_DIED(f"the machine's last word: {self._words()}")

    def kill(self) -> None:
        """End it now, and wait until it is gone."""
        self.channel.close()
        self._stop(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _start(self, machine: Machine, job: bytes) -> tuple[subprocess.Popen[bytes], socket.socket]:
        deadline = time.monotonic() + machine.start_seconds
        path = self._folder / "port"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen(1)
            listener.settimeout(_TICK)
            try:
                process = subprocess.Popen(  # noqa: S603 - the operator's own command
                    machine.words(path, job),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise MACHINE_FAILED(f"{machine.command[0]}: {error.strerror}") from error
            self._listener = threading.Thread(
                target=self._listen, args=(process,), daemon=True, name="tee-machine-words"
            )
            self._listener.start()
            try:
                return process, self._accept(listener, process, deadline)
            except BaseException:
                self._stop(process)
                raise

    def _accept(
        self, listener: socket.socket, process: subprocess.Popen[bytes], deadline: float
    ) -> socket.socket:
        while True:
            self._check()
            with contextlib.suppress(TimeoutError):
                return listener.accept()[0]
            if _ended(process.pid):
                self._stop(process)
                raise MACHINE_FAILED(f"it ended with status {process.returncode}: {self._words()}")
            if time.monotonic() > deadline:
                raise MACHINE_FAILED("it did not connect its port")

    def _check(self) -> None:
        if self._cancelled is not None and self._cancelled.is_set():
            raise RUNNER_CANCELLED("as it was told to")
        if time.monotonic() >= self._end:
            raise RUNNER_TIME(f"{self._limits.seconds} s and what the machine may take to start")

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        if process.returncode is None:
            # As long as nobody has waited for its leader, the group's number is no other's.
            os.killpg(process.pid, signal.SIGTERM)  # a script may have more to end than itself
            deadline = time.monotonic() + _GRACE
            while time.monotonic() < deadline and not _ended(process.pid):
                time.sleep(_LOOK)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._listener.join(_PATIENCE)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as pipe:
            while part := os.read(pipe.fileno(), _SAID):
                self._said += part
                del self._said[:-_SAID]

    def _words(self) -> str:
        """The last line of the console by this house, or the last line; printable and short."""
        lines = [line for line in self._said.decode(errors="replace").splitlines() if line.strip()] or [""]
        ours = [line for line in lines if line.startswith("coterie: ")]
        return "".join(one if one.isprintable() else "?" for one in (ours or lines)[-1].strip())[:300]


def _ended(pid: int) -> bool:
    """Whether a child has ended; its status is left for who waits."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
