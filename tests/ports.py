"""Ports for daemons of tests: below those that systems give to callers, and of this process alone."""

from __future__ import annotations

import itertools
import os
import random
import socket

FIRST, COUNT = 10_000, 4_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_START = FIRST + COUNT * (_WORKER % 5)
_TRIED = itertools.cycle(range(_START, _START + COUNT))
for _ in range(random.SystemRandom().randrange(COUNT)):
    next(_TRIED)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, and that this process does not name again soon."""
    for port in itertools.islice(_TRIED, COUNT):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError("no port is free")
