"""A process inside of walls, as the host sees it: started with one socket, listened to, surely ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coterie.tee.sandbox.errors import NOT_CONFINED, SANDBOX_FAILED
from coterie.tee.sandbox.start import REFUSED

_SAID: Final = 4096
"""Bytes that are kept of what the process says by its standard error."""
_PATIENCE: Final = 10
"""Seconds for a process that was killed to be gone."""
_LOOK: Final = 0.01
"""Seconds between two looks whether it is."""
_NO_TIME: Final = 128 + signal.SIGXCPU


@dataclass(frozen=True)
class Ended:
    """How a process ended by itself."""

    status: int
    said: str
    """Its last line, printable and short. Whose words it is depends on what ran."""

    @property
    def out_of_time(self) -> bool:
        """Whether it has used up its time of the processor."""
        return self.status == _NO_TIME

    @property
    def how(self) -> str:
        """In words."""
        number = -self.status if self.status < 0 else self.status - 128
        return f"by signal {number}" if number > 0 else f"with status {self.status}"


class WalledProcess:
    """Started by a command of :func:`~coterie.tee.sandbox.command.walls`. Its standard input is a socket, of
    which the other end is here; what it prints goes nowhere.
    """

    def __init__(self, command: Sequence[str]) -> None:
        """Errors: CT-2286."""
        self._said = bytearray()
        nothing: dict[str, str] = {}
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - bubblewrap, by its path
                list(command),
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
        self._listener = threading.Thread(target=self._listen, daemon=True, name="walled-words")
        self._listener.start()
        self.descriptor = ours.detach()
        """Of the socket; whoever takes it closes it."""
        self.pid = self._process.pid
        """Of bubblewrap; what runs has another one, and ends with it."""

    def wait(self) -> Ended:
        """Once it has closed its socket: see it end, or end it. Errors: CT-2286, CT-2287."""
        deadline = time.monotonic() + _PATIENCE
        while not self._gone() and time.monotonic() < deadline:
            time.sleep(_LOOK)
        self.kill()
        ended = Ended(self._process.returncode, self._words())
        if ended.status == REFUSED:
            raise NOT_CONFINED(ended.said)
        if ended.said.startswith("bwrap:"):
            raise SANDBOX_FAILED(ended.said.removeprefix("bwrap:").strip())
        return ended

    def kill(self) -> None:
        """End it now, and wait until nothing of it is left."""
        if self._process.returncode is None:
            # The group, not the process: bubblewrap's child asks to die with it, but a moment after it is
            # there. As long as nobody has waited for its leader, the group's number is no other's.
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        # What bubblewrap leaves behind dies with it, by the kernel's hand; the pipe ends with the last of it.
        self._listener.join(_PATIENCE)

    def _gone(self) -> bool:
        """Whether it has ended; its status is left for who waits."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as pipe:
            while part := os.read(pipe.fileno(), _SAID):
                self._said += part[: _SAID - len(self._said)]

    def _words(self) -> str:
        lines = self._said.decode(errors="replace").strip().splitlines() or [""]
        return "".join(one if one.isprintable() else "?" for one in lines[-1])[:300]
