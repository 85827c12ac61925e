"""An independent reader of cpio archives: as the kernel's documentation has them."""

from __future__ import annotations

import stat
from pathlib import Path


def entries(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content by path, in the archive's order."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, uid, gid, time, size, length = *fields[1:4], *fields[5:7], fields[11]
        assert (uid, gid, time) == (0, 0, 0)
        name = archive[at + 110 : at + 110 + length - 1].decode()
        at += (110 + length + 3) // 4 * 4
        if name == "TRAILER!!!":
            assert archive[at:] == b""
            return found
        found[name] = (mode, archive[at : at + size])
        at += (size + 3) // 4 * 4


def unpack(archive: bytes, target: Path) -> None:
    """Files and folders, without devices."""
    for name, (mode, content) in entries(archive).items():
        if stat.S_ISDIR(mode):
            (target / name).mkdir()
        elif stat.S_ISREG(mode):
            (target / name).write_bytes(content)
            (target / name).chmod(stat.S_IMODE(mode))
