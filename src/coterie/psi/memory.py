"""Memory that is given back is not returned to the system, while many large arrays follow each other.

Otherwise every array of some megabytes is fresh from the system, page by page, and goes back at once when it
is freed. An intersection makes some twenty of them one after another in each bucket: on a virtual machine
that took almost as long as its arithmetic.

Pages are small ones then, too, not the huge ones that NumPy asks for: these are cut from memory that has lain
free for long, which the host of a virtual machine has often taken back and must find again, page by page.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Of ``mallopt``, in ``malloc.h`` of the GNU C library."""
_DEFAULT_MAPS, _DEFAULT_TRIM = 65536, 128 << 10
_SET_HUGE_OFF, _HUGE_OFF = 41, 42
"""Of ``prctl``, in ``linux/prctl.h``: whether this process goes without huge pages."""


_LOCK = threading.Lock()
_within: list[int] = []
"""Of each intersection that runs, what held for huge pages before the first of them."""


@contextmanager
def kept() -> Iterator[None]:
    """Within, freed memory is kept for what is asked for next; it is returned at the end.

    Where several run in one process, from the first one's beginning to the last one's end. Without effect
    where the C library is another than GNU's.
    """
    library = _library()
    if library is None:
        yield
        return
    option, trim, control = library
    with _LOCK:
        if not _within:
            _within.append(max(control(_HUGE_OFF, 0, 0, 0, 0), 0))
            control(_SET_HUGE_OFF, 1, 0, 0, 0)
            option(_MMAP_MAX, 0)
            option(_TRIM_THRESHOLD, (1 << 31) - 1)
        else:
            _within.append(_within[0])
    try:
        yield
    finally:
        with _LOCK:
            before = _within.pop()
            if not _within:
                control(_SET_HUGE_OFF, before, 0, 0, 0)
                option(_MMAP_MAX, _DEFAULT_MAPS)
                option(_TRIM_THRESHOLD, _DEFAULT_TRIM)
                trim(0)


@functools.cache
def _library() -> tuple[Callable[..., int], Callable[..., int], Callable[..., int]] | None:
    try:
        library = ctypes.CDLL(None)
        return library.mallopt, library.malloc_trim, library.prctl
    except (AttributeError, OSError, TypeError):
        return None
