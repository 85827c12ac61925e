"""A confined process and its standard files: the socket that it is born with, and nothing else to say."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable


def take_socket() -> int:
    """The socket, from the place of standard input, which then is empty."""
    descriptor = os.dup(0)
    silence(0)
    return descriptor


def silence(*descriptors: int) -> None:
    """From now on they lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


def begin(prepare: Callable[[], object] | None) -> threading.Thread:
    """Start what can be done meanwhile, such as importing libraries. If it fails, the work will say why."""

    def quietly() -> None:
        with contextlib.suppress(Exception):
            if prepare is not None:
                prepare()

    made = threading.Thread(target=quietly, daemon=True, name="prepare")
    made.start()
    return made
