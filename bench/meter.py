"""What a process of a benchmark takes: time, processor, memory, bytes sent. For any side's interpreter."""

from __future__ import annotations

import os
import resource
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import machine

TCP_INFO_BYTES = 136
ACKED = 120
"""Where Linux puts ``tcpi_bytes_acked``, the bytes that the other end has confirmed (linux/tcp.h)."""


class Meter:
    """Measures from when it is made until :meth:`end`."""

    def __init__(self) -> None:
        self._sent = sum(_acknowledged())
        self._processor = _processor()
        self._began = self._last = time.perf_counter()
        self._parts: dict[str, float] = {}

    def part(self, name: str) -> None:
        """What was done since the last part, or since the beginning, has this name."""
        now = time.perf_counter()
        self._parts[name] = self._parts.get(name, 0.0) + now - self._last
        self._last = now

    def end(self) -> dict[str, Any]:
        """Seconds, parts of them, processor seconds of this process and its children that have ended, and the
        most memory that this process has held in all its life."""
        seconds = time.perf_counter() - self._began
        return {
            "seconds": seconds,
            "parts": self._parts,
            "processor_s": _processor() - self._processor,
            "memory": machine.peak(),
        }

    def sent(self) -> int:
        """Bytes that this process has sent over TCP, as far as the other ends have confirmed them.

        To be asked after the other end has said that it is done, and while connections are open: what went
        over closed ones is not counted.
        """
        return sum(_acknowledged()) - self._sent


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _acknowledged() -> Iterator[int]:
    """Bytes of each open TCP connection of this process, where the system tells."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir() or not hasattr(socket, "TCP_INFO"):
        return
    for entry in tuple(folder.iterdir()):
        try:
            if not str(entry.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as one:
                if one.family not in (socket.AF_INET, socket.AF_INET6):
                    continue
                info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        except OSError:
            continue
        if len(info) == TCP_INFO_BYTES:
            yield struct.unpack_from("<Q", info, ACKED)[0]
