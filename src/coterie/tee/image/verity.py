"""A file system whose every block is checked when it is read: dm-verity's tree of hashes.

Linux Documentation/admin-guide/device-mapper/verity.rst, hash type 1; cryptsetup's on-disk format of
dm-verity. SHA-256, blocks of 4096 bytes, no salt: what is hashed is public, and the same bytes have the same
root. Superblock and tree follow the data in the same file; `veritysetup verify` reads it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BLOCK: Final = 4096
_DIGEST: Final = 32
_SUPERBLOCK: Final = struct.Struct("<8sII16s32sIIQH6x256s168x")


@dataclass(frozen=True)
class Verity:
    """What has to be known to mount the file."""

    root: bytes
    """32 bytes: whoever knows them knows the data."""
    blocks: int
    """Blocks of data. The superblock is the next one, and the tree begins behind it."""


def append_tree(path: Path, uuid: bytes) -> Verity:
    """Append superblock and tree to a file, which is filled up to whole blocks first.

    :param uuid: 16 bytes, for the superblock alone.

    Raises OSError, and ValueError for an empty file.
    """
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        if size == 0:
            raise ValueError("there is nothing to hash")
        file.write(bytes(-size % BLOCK))
        blocks = (size + BLOCK - 1) // BLOCK
        file.seek(0)
        level = b"".join(hashlib.sha256(file.read(BLOCK)).digest() for _ in range(blocks))
        levels = []
        while len(level) > _DIGEST:
            level += bytes(-len(level) % BLOCK)
            levels.append(level)
            level = b"".join(
                hashlib.sha256(level[at : at + BLOCK]).digest() for at in range(0, len(level), BLOCK)
            )
        head = _SUPERBLOCK.pack(b"verity\0\0", 1, 1, uuid, b"sha256", BLOCK, BLOCK, blocks, 0, b"")
        file.write(head.ljust(BLOCK, b"\0"))
        for one in reversed(levels):
            file.write(one)
    return Verity(level, blocks)
