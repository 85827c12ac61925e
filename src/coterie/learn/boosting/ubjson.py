"""Universal Binary JSON, strictly the part of it in which XGBoost writes models (ubjson.org, draft 12).

Objects with names of counted bytes, counted arrays, counted arrays of one numeric type, strings, numbers.
Nothing else is read: no other spelling of the same value, so that two readers cannot differ about it. Every
count is held against what is left of the bytes before anything is made of it.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

__all__ = ["read", "write"]

DEPTH = 12
VALUES = 1 << 20
"""Values of a document, an array of one type being one: 30 for each of 10,000 trees, and room."""
TYPES = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
MARKS = {name: mark for mark, name in TYPES.items()}
SIZES = {mark: np.dtype(name).itemsize for mark, name in TYPES.items()}


def read(data: bytes | memoryview) -> Any:
    """The document: dict, list, NumPy array (of arrays of one type), str, int, float.

    Raises ValueError for any other bytes.
    """
    reader = _Reader(bytes(data))
    value = reader.value(0)
    if reader.place != len(reader.data):
        raise ValueError("bytes after the document")
    return value


def write(value: Any) -> bytes:
    """A document of what :func:`read` gives, numbers as "L" and "D".

    :param value: dict, list, NumPy array of one of the types above and of that byte order, str, int, float.
    """
    if isinstance(value, dict):
        return b"{" + b"".join(_counted(name) + write(one) for name, one in value.items()) + b"}"
    if isinstance(value, list):
        return b"[#" + _count(len(value)) + b"".join(map(write, value))
    if isinstance(value, np.ndarray):
        mark = MARKS[value.dtype.str.replace("|", ">")]
        return b"[$" + mark + b"#" + _count(len(value)) + value.tobytes()
    if isinstance(value, str):
        return b"S" + _counted(value)
    if isinstance(value, int):
        return b"L" + struct.pack(">q", value)
    return b"D" + struct.pack(">d", value)


def _counted(text: str) -> bytes:
    encoded = text.encode()
    return _count(len(encoded)) + encoded


def _count(count: int) -> bytes:
    return b"L" + struct.pack(">q", count)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0
        self.values = 0

    def value(self, depth: int) -> Any:
        self.values += 1
        if depth > DEPTH or self.values > VALUES:
            raise ValueError("nested too deep, or too many values")
        mark = self._take(1)
        if mark == b"{":
            return self._object(depth)
        if mark == b"[":
            return self._array(depth)
        if mark == b"S":
            return self._text()
        if mark in TYPES:
            return np.frombuffer(self._take(SIZES[mark]), TYPES[mark])[0].item()
        raise ValueError("unknown mark")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.data[self.place : self.place + 1] != b"}":
            name = self._text()
            if name in found:
                raise ValueError("a name twice")
            found[name] = self.value(depth + 1)
        self.place += 1
        return found

    def _array(self, depth: int) -> Any:
        mark = self._take(1)
        kind = b""
        if mark == b"$":
            kind, mark = self._take(1), self._take(1)
            if kind not in TYPES:
                raise ValueError("array of an unknown type")
        if mark != b"#":
            raise ValueError("array without a count")
        count = self._count()
        if kind:
            return np.frombuffer(self._take(count * SIZES[kind]), TYPES[kind])
        if count > VALUES:
            raise ValueError("too many values")
        return [self.value(depth + 1) for _ in range(count)]

    def _text(self) -> str:
        return self._take(self._count()).decode("utf-8")

    def _count(self) -> int:
        if self._take(1) != b"L":
            raise ValueError("count of another type")
        count: int = struct.unpack(">q", self._take(8))[0]
        if count < 0:
            raise ValueError("negative count")
        return count

    def _take(self, size: int) -> bytes:
        if size > len(self.data) - self.place:
            raise ValueError("cut off")
        taken = self.data[self.place : self.place + size]
        self.place += size
        return taken
