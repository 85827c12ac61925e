"""What goes into a sandbox and comes out, over one socket; written for both ends, so it imports no others.

In: a head (operation, bytes of the settings, number of arrays), settings in JSON, then of each array a head
(kind, number of dimensions), the dimensions, and its bytes, little-endian. Out: a head (operation, status,
length) and so many bytes. Whoever reads an answer knows its length before it comes; it says nothing of its
own shape. Nothing is unpickled, at neither end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ANSWER",
    "ASK",
    "BUILD",
    "DIMENSIONS",
    "FAILED",
    "INITIAL",
    "KINDS",
    "LOSSES",
    "MEMORY",
    "OK",
    "OUTPUTS",
    "TRAIN",
    "WORDS",
    "Array",
    "Settings",
    "array_of",
    "ask",
    "raw",
    "read_arrays",
]

Array: TypeAlias = NDArray[Any]
Settings: TypeAlias = Mapping[str, Any]

BUILD, INITIAL, TRAIN, LOSSES, OUTPUTS = 1, 2, 3, 4, 5
"""Operations."""
OK, FAILED, MEMORY = 0, 1, 2
"""Status of an answer. One that is not OK has words, at most :data:`WORDS` bytes of them."""
WORDS: Final = 2048
DIMENSIONS: Final = 8
KINDS: Final[dict[bytes, np.dtype[Any]]] = {
    b"f": np.dtype("<f4"),
    b"d": np.dtype("<f8"),
    b"b": np.dtype("u1"),
}

ASK: Final = struct.Struct("<BII")
ANSWER: Final = struct.Struct("<BBQ")
_ARRAY: Final = struct.Struct("<cB")
_DIMENSION: Final = struct.Struct("<Q")


def raw(array: Array) -> memoryview:
    """An array's bytes, of one of :data:`KINDS`."""
    return memoryview(np.ascontiguousarray(array).data).cast("B") if array.size else memoryview(b"")


def array_of(data: bytes) -> Array:
    """Bytes as an array."""
    return np.frombuffer(data, KINDS[b"b"])


def ask(operation: int, settings: bytes, arrays: Sequence[Array]) -> list[memoryview]:
    """A question, in parts."""
    parts = [memoryview(ASK.pack(operation, len(settings), len(arrays)) + settings)]
    for one in arrays:
        kind = next(kind for kind, dtype in KINDS.items() if dtype == one.dtype)
        head = _ARRAY.pack(kind, one.ndim) + b"".join(map(_DIMENSION.pack, one.shape))
        parts += [memoryview(head), raw(one)]
    return parts


def read_arrays(count: int, read: Callable[[int], bytes]) -> list[Array]:
    """Arrays of a question, inside: the host's word is trusted there. They can be written to."""
    found = []
    for _ in range(count):
        kind, dimensions = _ARRAY.unpack(read(_ARRAY.size))
        shape = tuple(_DIMENSION.unpack(read(_DIMENSION.size))[0] for _ in range(dimensions))
        dtype = KINDS[kind]
        data = bytearray(read(dtype.itemsize * prod(shape)))
        found.append(np.frombuffer(data, dtype).reshape(shape))
    return found
