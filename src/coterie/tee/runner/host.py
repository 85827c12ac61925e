"""The runner as a process: started inside of the walls, spoken to over one socket, surely ended."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from coterie.tee.runner.errors import RUNNER_CANCELLED, RUNNER_DIED, RUNNER_TIME
from coterie.tee.runner.records import Channel
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.limits import RunLimits
from coterie.tee.sandbox.process import WalledProcess


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
        self._process = WalledProcess(sandbox.command(inputs, limits))
        self.channel = Channel(self._process.descriptor, self._check)
        self.pid = self._process.pid
        """Of bubblewrap; the runner has another one, and ends with it."""

    def failed(self) -> NoReturn:
        """The process closed its channel: say why it is gone. Errors: CT-2286, CT-2287, CT-2290, CT-2291."""
        try:
            ended = self._process.wait()
        finally:
            self.channel.close()
        if ended.out_of_time:
            raise RUNNER_TIME(f"{self._limits.seconds} s on every core")
        raise RUNNER_DIED(f"{ended.how}: {ended.said}" if ended.said else ended.how)

    def kill(self) -> None:
        """End it now, and wait until nothing of it is left."""
        self.channel.close()
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _check(self) -> None:
        if self._cancelled is not None and self._cancelled.is_set():
            raise RUNNER_CANCELLED("as it was told to")
        if time.monotonic() >= self._end:
            raise RUNNER_TIME(f"{self._limits.seconds} s since its start")
