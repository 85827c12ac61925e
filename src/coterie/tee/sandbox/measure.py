"""The measurement: what will be executed, as a list that anybody can make and compare.

The list is text, one line each, and its lines are in order::

    coterie/tree/v1
    run /coterie/bin/python3.11 -I -S … coterie.jobs.runner
    env LC_ALL=C.UTF-8
    file 0444 1234 <SHA-256 in hex> /coterie/start.pyc

The measurement is SHA-384 of it: as long as that of SNP, TDX and Nitro. Limits and inputs of a run are not
part of it: nothing depends on the former, and the latter are in the job's manifest.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coterie.tee.sandbox.errors import IMAGE_STRANGE

TREE: Final = "coterie/tree/v1"
MEASUREMENT: Final = 48
"""Bytes of a measurement."""
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Measured:
    """The list of what is executed."""

    listing: bytes

    @property
    def measurement(self) -> bytes:
        """SHA-384 of the list: 48 bytes."""
        return hashlib.sha384(self.listing).digest()


def measure(image: Path, run: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Read every byte of an image, on all cores.

    :param run: the command inside of the sandbox, without what differs from run to run.
    :param environment: all of the variables that the command gets.

    Errors: CT-2289 for a link, a device, an empty folder, or a name that no line can hold.
    """
    lines = [TREE, "run " + " ".join(_word(word) for word in run)]
    lines += sorted(f"env {_word(name)}={_word(value)}" for name, value in environment.items())
    files = sorted(_walk(os.fspath(image), ""), key=lambda one: os.fsencode(one[0]))
    largest_first = sorted(range(len(files)), key=lambda index: -files[index][2])
    digests = [""] * len(files)

    def hash_some(indexes: Sequence[int]) -> None:
        buffer = memoryview(bytearray(_PIECE))
        for index in indexes:
            digests[index] = _sha256(f"{image}{files[index][0]}", files[index][2], buffer)

    workers = max(1, min(16, len(os.sched_getaffinity(0))))
    # Few large files are most of the bytes: dealt in turn, the largest first, all cores end together.
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(hash_some, [largest_first[start::workers] for start in range(workers)]))
    lines += [
        f"file {mode:04o} {size} {found} {name}"
        for (name, mode, size), found in zip(files, digests, strict=True)
    ]
    return Measured("".join(line + "\n" for line in lines).encode())


def _word(text: str) -> str:
    if not text or not text.isprintable() or not text.isascii() or " " in text:
        raise IMAGE_STRANGE(f"{text[:100]!r} in its command")
    return text


def _walk(image: str, folder: str) -> Iterator[tuple[str, int, int]]:
    """Path inside, permissions and size of every file."""
    empty = True
    with os.scandir(f"{image}{folder}") as entries:
        for entry in entries:
            empty = False
            name = f"{folder}/{entry.name}"
            if not name.isprintable():
                raise IMAGE_STRANGE(ascii(name))
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode):
                yield from _walk(image, name)
            elif stat.S_ISREG(facts.st_mode):
                yield name, stat.S_IMODE(facts.st_mode), facts.st_size
            else:
                raise IMAGE_STRANGE(f"{name} is neither file nor folder")
    if empty:
        raise IMAGE_STRANGE(f"{folder or '/'} is empty")


def _sha256(path: str, size: int, buffer: memoryview) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        hashed, left = hashlib.sha256(), size
        while count := os.readv(descriptor, [buffer]):
            hashed.update(buffer[:count])
            left -= count
            if left == 0 and size < _PIECE:
                break
        if left != 0:
            raise IMAGE_STRANGE(f"{path} changed while it was read")
        return hashed.hexdigest()
    finally:
        os.close(descriptor)
