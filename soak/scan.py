"""Search any amount of bytes for many patterns at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

PIECE = 2**22
SHORTEST = 6
"""Bytes: what is shorter is found in random bytes by chance."""


class Scanner:
    """:param patterns: bytes by name. :raises ValueError: one of them is too short to tell anything."""

    def __init__(self, patterns: Mapping[str, bytes]) -> None:
        if short := [name for name, raw in patterns.items() if len(raw) < SHORTEST]:
            raise ValueError(f"too short to search for: {short}")
        self.overlap = max((len(raw) for raw in patterns.values()), default=1) - 1
        self._by_head: dict[int, list[tuple[str, bytes]]] = {}
        self._pairs = np.zeros(2**16, dtype=bool)
        for name, raw in patterns.items():
            self._by_head.setdefault(int.from_bytes(raw[:4], "little"), []).append((name, raw))
            self._pairs[int.from_bytes(raw[:2], "little")] = True
        self._heads = np.array(sorted(self._by_head), dtype=np.uint32)
        self._lengths = {name: len(raw) for name, raw in patterns.items()}

    def find(self, data: bytes | bytearray) -> list[tuple[int, str]]:
        """Each place where a pattern begins, with its name."""
        found: list[tuple[int, str]] = []
        for start in range(0, len(data), PIECE):
            found += self._find(data, start, min(start + PIECE, len(data) - 3))
        return found

    def _find(self, data: bytes | bytearray, start: int, stop: int) -> list[tuple[int, str]]:
        count = stop - start
        if count <= 0:
            return []
        # Overlapping pairs and quadruples of bytes, as numbers: no copy is made.
        pairs = np.ndarray((count,), "<u2", buffer=data, offset=start, strides=(1,))
        places = np.flatnonzero(self._pairs[pairs])
        heads = np.ndarray((count,), "<u4", buffer=data, offset=start, strides=(1,))[places]
        hits = np.isin(heads, self._heads)
        found = []
        for place, head in zip((places[hits] + start).tolist(), heads[hits].tolist(), strict=True):
            for name, raw in self._by_head[head]:
                if data[place : place + len(raw)] == raw:
                    found.append((place, name))
        return found

    def file(self, path: Path) -> tuple[int, Counter[str]]:
        """Bytes of a file, and how often each pattern is in it. :raises OSError: it cannot be read."""
        size, found, before = 0, Counter[str](), b""
        with path.open("rb") as file:
            while part := file.read(PIECE):
                size += len(part)
                data = before + part
                # What lies in the overlap as a whole was counted with the piece before.
                found.update(
                    name for place, name in self.find(data) if place + self._lengths[name] > len(before)
                )
                before = data[-self.overlap :] if self.overlap else b""
        return size, found


def files(folder: Path) -> Iterable[Path]:
    """All files below a folder that have bytes of their own, links left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path
