"""A process ties its own hands: limits, files, system calls; before it imports what it will run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from coterie.tee.sandbox.errors import NOT_CONFINED
from coterie.tee.sandbox.landlock import restrict_files
from coterie.tee.sandbox.limits import restrict_use
from coterie.tee.sandbox.seccomp import restrict_calls

SCRATCH: Final = Path("/tmp")  # noqa: S108 - inside of the sandbox: a file system of its own, in memory
INPUTS: Final = Path("/in")
WITHOUT_LANDLOCK: Final = "COTERIE_WITHOUT_LANDLOCK"
"""Set where an operator does without. It is measured: owners see it in the evidence."""

_READ: Final = (
    *(Path("/coterie"), Path("/lib64"), Path("/lib"), INPUTS, Path("/dev/urandom")),
    Path("/usr"),  # an image has none; modules see the system's libraries there
)
_MAPS: Final = Path("/proc/self/maps")
"""Read by threadpoolctl, which learners limit threads with: it looks for the libraries that it is to tell."""
_WRITE: Final = (SCRATCH, Path("/dev/null"))


def confine(memory: int, seconds: int, file_size: int) -> None:
    """Limits, then Landlock, then the filter of system calls. Nothing of it can be undone.

    Errors: CT-2287, also where there are other threads already: Landlock would not bind them.
    """
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 - names are all that is asked for
        raise NOT_CONFINED("other threads run already")
    restrict_use(memory, seconds, file_size)
    if os.environ.get(WITHOUT_LANDLOCK) != "1":
        # Landlock knows a file by its inode, and the kernel makes this one anew once nobody holds it.
        os.open(_MAPS, os.O_PATH | os.O_CLOEXEC)
        restrict_files((*_READ, _MAPS), _WRITE)
    restrict_calls()
