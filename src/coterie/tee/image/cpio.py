"""Archives that Linux unpacks as its first file system: cpio in the form ``newc``.

Linux Documentation/driver-api/early-userspace/buffer-format.rst. Everything belongs to root and is of the
time 0, so the same entries give the same bytes.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import PurePosixPath

_MAGIC = b"070701"
_ALIGN = 4


@dataclass(frozen=True)
class Entry:
    """One file, folder or device."""

    mode: int
    """Kind and permissions, as of stat(2)."""
    content: bytes = b""
    device: tuple[int, int] = (0, 0)
    """Major and minor number."""


def archive(entries: dict[str, Entry]) -> bytes:
    """The archive of these entries by path, without a slash before it, in the order of the paths; folders
    that are not named are added.
    """
    every = dict(entries)
    for name in entries:
        for parent in PurePosixPath(name).parents:
            if str(parent) != ".":
                every.setdefault(str(parent), Entry(stat.S_IFDIR | 0o755))
    made = [_record(number, name, every[name]) for number, name in enumerate(sorted(every), 1)]
    return b"".join(made) + _record(0, "TRAILER!!!", Entry(0))


def _record(number: int, name: str, entry: Entry) -> bytes:
    called = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, *entry.device, len(called), 0)
    head = _MAGIC + b"".join(b"%08X" % field for field in fields)
    return _padded(head + called) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGN)
