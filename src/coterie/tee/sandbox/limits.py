"""RunLimits of a process on itself, which it cannot raise again."""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass

from coterie.tee.sandbox.errors import NOT_CONFINED

_SET_DUMPABLE = 4
_OPEN_FILES = 256
_THREADS = 1024
"""Of all processes of this user in this user namespace; before Linux 5.14, of this user at all."""
_STACK = 8 << 20
"""Of the first thread; those of others are private memory like any."""
_SPARE = 64 << 30
"""Addresses beyond the private memory: for code, and what libraries reserve and do not use. They cost page
tables, a 512th at most, which no other limit counts."""
_LOCK_CURRENT, _LOCK_FUTURE, _LOCK_ON_FAULT = 1, 2, 4


@dataclass(frozen=True)
class RunLimits:
    """What one run may use. They protect the host; owners do not depend on them."""

    memory: int = 4 << 30
    """Bytes of private memory."""
    seconds: int = 3600
    """From start to end; and so many on every core, of the processor's time."""
    scratch: int = 64 << 20
    """Bytes of files, which lie in memory."""

    def __post_init__(self) -> None:
        if min(self.memory, self.seconds, self.scratch) <= 0:
            raise ValueError("limits are more than nothing")

    def arguments(self) -> list[str]:
        """What the process is told: memory, seconds of processor time, bytes of one file."""
        cores = os.cpu_count() or 1
        return [str(self.memory), str(self.seconds * cores), str(self.scratch)]


def restrict_use(memory: int, seconds: int, file_size: int) -> None:
    """Set the limits, forbid core dumps, and hide this process's memory from others of the same user.

    Errors: CT-2287.
    """
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_STACK: _STACK,
        resource.RLIMIT_AS: memory + _SPARE,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: file_size,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NPROC: _THREADS,
    }
    for kind, most in wanted.items():
        allowed = resource.getrlimit(kind)[1]
        limit = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        # A second of grace for the signal that says why; the kernel's own end has no name.
        soft = max(1, limit - 1) if kind == resource.RLIMIT_CPU else limit
        resource.setrlimit(kind, (soft, limit))
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        # An operator who lets this user lock memory gets a run of which nothing is ever swapped to a disk.
        ctypes.CDLL(None).mlockall(_LOCK_CURRENT | _LOCK_FUTURE | _LOCK_ON_FAULT)
    # Not dumpable: neither ptrace nor /proc/PID/mem for anybody without the system's own rights.
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise NOT_CONFINED(f"core dumps: {os.strerror(ctypes.get_errno())}")
