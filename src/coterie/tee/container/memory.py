"""Memory for what is opened: large, the process's own, and in no core dump."""

from __future__ import annotations

import contextlib
import mmap

from coterie.tee.container.errors import TOO_LARGE

_ADVICE = ("MADV_HUGEPAGE", "MADV_DONTDUMP")
"""Large pages: faulting in small ones costs as much time as decrypting and hashing what goes into them."""


def private_memory(size: int) -> memoryview:
    """Zeroed bytes, which go back to the system when the last view of them is gone.

    Errors: CT-2205 where there is not so much.
    """
    try:
        made = mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError) as error:
        raise TOO_LARGE(f"{size:,} bytes of memory are not to be had") from error
    for name in _ADVICE:
        if hasattr(mmap, name):
            with contextlib.suppress(OSError):  # a kernel that knows it not
                made.madvise(getattr(mmap, name))
    return memoryview(made)[:size]
