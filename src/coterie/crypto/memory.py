"""What keeps a process's memory, which has keys in it, from the disk and from other processes."""

from __future__ import annotations

import contextlib
import ctypes
import resource

__all__ = ["keep_memory_private"]

_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """No core dumps, by limit and by flag: a limit alone does not hold where dumps go to a program. The
    flag also keeps other processes of the same user from attaching, and from ``/proc/PID/mem`` and
    ``environ``. Forked processes inherit it; another program in the same process does not.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # a system without it has its limit
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
