"""What a shared object asks its loader for: libraries, paths to search, the loader itself.

ELF-64, little-endian: x86-64 and aarch64 (System V ABI, chapters 4 and 5). Only the image's maker reads
these files, and they are those of its own environment.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAGIC: Final = b"\x7fELF\x02\x01"
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRTAB, _SONAME, _RPATH, _RUNPATH = 1, 5, 14, 15, 29


@dataclass(frozen=True)
class Dynamic:
    """The dynamic section of one file, as far as it names other files."""

    needed: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Folders to search, with ``$ORIGIN`` as it stands."""
    interpreter: str | None = None
    """The loader of a program."""


def read_dynamic(path: Path) -> Dynamic | None:
    """What this file needs; None for what is no 64-bit ELF file. Raises ValueError for a damaged one."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
        file.seek(0)
        data = file.read()
    try:
        return _dynamic(data)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise ValueError(f"{path} is a damaged ELF file") from error


def _dynamic(data: bytes) -> Dynamic:
    offset, size, count = (
        struct.unpack_from("<Q", data, 32)[0],
        *struct.unpack_from("<HH", data, 54),
    )
    segments = [struct.unpack_from("<IIQQQQQQ", data, offset + index * size) for index in range(count)]
    loads = [segment for segment in segments if segment[0] == _LOAD]
    interpreter, entries = None, list[tuple[int, int]]()
    for kind, _, start, _, _, length, _, _ in segments:
        if kind == _INTERPRETER:
            interpreter = data[start : start + length].rstrip(b"\0").decode()
        elif kind == _DYNAMIC:
            entries = list(struct.iter_unpack("<QQ", data[start : start + length - length % 16]))
    named = {tag: value for tag, value in entries if tag == _STRTAB}
    if _STRTAB not in named:
        return Dynamic(interpreter=interpreter)
    strings = _place(named[_STRTAB], loads)

    def text(at: int) -> str:
        return data[strings + at : data.index(b"\0", strings + at)].decode()

    return Dynamic(
        needed=tuple(text(value) for tag, value in entries if tag == _NEEDED),
        paths=tuple(
            folder
            for tag, value in entries
            if tag in (_RPATH, _RUNPATH)
            for folder in text(value).split(":")
            if folder
        ),
        interpreter=interpreter,
    )


def _place(address: int, loads: list[tuple[int, ...]]) -> int:
    for _, _, offset, virtual, _, length, _, _ in loads:
        if virtual <= address < virtual + length:
            return address - virtual + offset
    raise IndexError(address)
