"""Where a benchmark ran: a number without its machine says little."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path


def describe() -> dict[str, str]:
    """Processor, cores, memory, load, system and versions."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": _memory(),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "coterie": metadata.version("coterie"),
        "numpy": metadata.version("numpy"),
    }


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return "unknown"
    return f"{total / 2**30:.1f} GiB"


def resident() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not say."""
    return _status("VmRSS")


def peak() -> int:
    """The most bytes of memory that this process has held; 0 where the system does not say."""
    return _status("VmHWM")


def disk_read() -> int:
    """Bytes that this process has had read from disks so far, beyond what was cached; 0 where the system does
    not say."""
    listed = Path("/proc/self/io")
    if listed.exists():
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("read_bytes:"):
                return int(line.split()[1])
    return 0


def _status(name: str) -> int:
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0
