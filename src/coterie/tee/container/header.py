"""The head of a sealed container: what everybody may read, and what the key and every chunk are bound to.

docs/formats/container.md is the format. The header is one CBOR map in deterministic encoding (RFC 8949,
section 4.2.1) with exactly seven fields, so it is read field by field and nothing else is understood: a
general decoder would build tags, floats and nested values of an unknown sender before they could be refused.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import BinaryIO

from coterie.tee.container.errors import (
    CONTAINER_ALTERED,
    CONTAINER_CUT,
    DATASET_NAME,
    NOT_A_CONTAINER,
    TOO_LARGE,
)

MAGIC = b"coterie sealed\r\n"
"""A file that was carried as text has lost the carriage return and is no container any more."""
VERSION = 1
SUITE = 1
"""AES-256-GCM, HKDF-SHA-256, SHA-256."""
CHUNK = 1 << 20
TAG = 16
LARGEST = 1 << 42
"""Bytes of plaintext: 2^38 blocks under one key keep AES-GCM's distance from random below 2^-52; and the tree
of so large a file still fits into memory.
"""
FILE_ID = 16
DIGEST = 32
COMMITMENT = 32
HEADER_LIMIT = 256
"""Bytes. The largest header that there can be has 205."""
NAME_LIMIT = 128

_LENGTH = struct.Struct(">H")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*", re.ASCII)


def sealed_at_most(size: int, count: int) -> int:
    """Bytes of so many containers that hold so many bytes together, at most."""
    return size + (size // CHUNK + count) * TAG + count * PREAMBLE_LIMIT


def check_content_name(name: str) -> str:
    """``name``, where it can name sealed content: ``party/dataset``, or a result. Errors: CT-2215."""
    if len(name) > NAME_LIMIT or not _NAME.fullmatch(name):
        raise DATASET_NAME(repr(name[:NAME_LIMIT]))
    return name


@dataclass(frozen=True)
class Header:
    """What a container says of itself. ``Header.make`` and ``Header.parse`` check what they are given."""

    version: int
    suite: int
    chunk: int
    file_id: bytes
    """16 random bytes, fresh for every sealing: the name of the file and of its key."""
    size: int
    """Bytes of plaintext."""
    dataset: str
    schema: bytes | None
    """SHA-256 of the schema's document; None for content that is no table."""

    @classmethod
    def make(cls, file_id: bytes, size: int, dataset: str, schema: bytes | None = None) -> Header:
        """A header of this version. Errors: CT-2205, CT-2215."""
        if not 0 <= size <= LARGEST:
            raise TOO_LARGE(f"{size:,} bytes where {LARGEST:,} are the most")
        if len(file_id) != FILE_ID or (schema is not None and len(schema) != DIGEST):
            raise ValueError("a file id has 16 bytes, a schema's digest 32")
        return cls(VERSION, SUITE, CHUNK, file_id, size, check_content_name(dataset), schema)

    @classmethod
    def parse(cls, data: bytes) -> Header:
        """The header of these bytes, which must be its only encoding. Errors: CT-2201."""
        if len(data) > HEADER_LIMIT:
            raise NOT_A_CONTAINER(f"a header of {len(data)} bytes")
        try:
            return _read(data)
        except (ValueError, IndexError) as error:
            raise NOT_A_CONTAINER(f"its header: {error}") from error

    def encode(self) -> bytes:
        """CBOR, deterministic."""
        parts = [bytes([_MAP | len(fields(self))])]
        for number, field in enumerate(fields(self), start=1):
            parts += [_head(0, number), _encoded(getattr(self, field.name))]
        return b"".join(parts)

    @property
    def chunks(self) -> int:
        """At least one: an empty file has an empty chunk, which says that it is the last."""
        return max(1, -(-self.size // CHUNK))

    def length(self, index: int) -> int:
        """Bytes of plaintext in a chunk."""
        return CHUNK if index < self.chunks - 1 else self.size - index * CHUNK

    @property
    def sealed(self) -> int:
        """Bytes of all chunks with their tags."""
        return self.size + TAG * self.chunks


@dataclass(frozen=True)
class Preamble:
    """All that comes before the first chunk."""

    header: Header
    commitment: bytes
    """32 bytes that only one key for this header gives."""

    @classmethod
    def parse(cls, data: bytes) -> Preamble:
        """The preamble of these bytes, with nothing after it. Errors: CT-2201, CT-2202."""
        if data[: len(MAGIC)] != MAGIC[: len(data)]:
            raise NOT_A_CONTAINER("it does not begin as one")
        start = len(MAGIC) + _LENGTH.size
        if len(data) < start:
            raise CONTAINER_CUT("it ends before its header")
        size = _header_size(data[:start])
        if len(data) < start + size + COMMITMENT:
            raise CONTAINER_CUT("it ends in its header")
        if len(data) > start + size + COMMITMENT:
            raise NOT_A_CONTAINER("its preamble is too long")
        return cls(Header.parse(data[start : start + size]), data[start + size :])

    def encode(self) -> bytes:
        """The bytes before the first chunk."""
        header = self.header.encode()
        return MAGIC + _LENGTH.pack(len(header)) + header + self.commitment

    @property
    def file_size(self) -> int:
        """Bytes of the whole container, no more and no less."""
        return len(self.encode()) + self.header.sealed

    def place(self, index: int) -> int:
        """Where chunk ``index`` begins in the file."""
        return len(self.encode()) + index * (CHUNK + TAG)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the encoding: part of each leaf of the tree."""
        return hashlib.sha256(self.encode()).digest()


PREAMBLE_LIMIT = len(MAGIC) + _LENGTH.size + HEADER_LIMIT + COMMITMENT


def read_preamble(source: BinaryIO) -> Preamble:
    """The preamble; the source stands at the first chunk then. Errors: CT-2201, CT-2202."""
    data = read_up_to(source, len(MAGIC) + _LENGTH.size)
    if len(data) == len(MAGIC) + _LENGTH.size and data.startswith(MAGIC):
        data += read_up_to(source, _header_size(data) + COMMITMENT)
    return Preamble.parse(data)


def check_length(preamble: Preamble, found: int) -> None:
    """Errors: CT-2202 for a file shorter than its header says, CT-2203 for a longer one."""
    if found < preamble.file_size:
        raise CONTAINER_CUT(f"{found:,} bytes of {preamble.file_size:,}")
    if found > preamble.file_size:
        raise CONTAINER_ALTERED(f"{found - preamble.file_size:,} bytes too many")


def read_up_to(source: BinaryIO, count: int) -> bytes:
    """``count`` bytes, fewer at the end of the source only: pipes and sockets give what they have."""
    parts = []
    while count and (part := source.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _header_size(data: bytes) -> int:
    size: int = _LENGTH.unpack_from(data, len(MAGIC))[0]
    if size > HEADER_LIMIT:
        raise NOT_A_CONTAINER(f"a header of {size} bytes")
    return size


# CBOR, as far as the header needs it: RFC 8949, section 3.

_BYTES, _TEXT, _MAP, _NULL = 0x40, 0x60, 0xA0, 0xF6


def _head(major: int, value: int) -> bytes:
    """A data item's first bytes, in the shortest form."""
    if value < 24:
        return bytes([major | value])
    for code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << 8 * width:
            return bytes([major | code]) + value.to_bytes(width, "big")
    raise ValueError("a number of more than 64 bits")


def _encoded(value: int | bytes | str | None) -> bytes:
    if value is None:
        return bytes([_NULL])
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    text = value.encode("ascii")
    return _head(_TEXT, len(text)) + text


class _Cursor:
    """Takes items off bytes. ValueError and IndexError say that they are others than expected."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def number(self, major: int = 0) -> int:
        first = self._data[self.place]
        width = {24: 1, 25: 2, 26: 4, 27: 8}.get(first & 0x1F, 0)
        value = int.from_bytes(self._data[self.place + 1 : self.place + 1 + width], "big")
        head = _head(major, value if width else first & 0x1F)
        if self._data[self.place : self.place + len(head)] != head or len(head) != 1 + width:
            raise ValueError(f"not the item that is due at byte {self.place}")
        self.place += len(head)
        return value if width else first & 0x1F

    def string(self, major: int, most: int) -> bytes:
        size = self.number(major)
        if size > min(most, len(self._data) - self.place):
            raise ValueError(f"a string of {size} bytes")
        self.place += size
        return self._data[self.place - size : self.place]

    def optional(self, read: Callable[[], bytes]) -> bytes | None:
        if self._data[self.place] == _NULL:
            self.place += 1
            return None
        return read()

    def key(self, number: int) -> None:
        if self.number() != number:
            raise ValueError(f"field {number} is not where it belongs")

    def known(self, number: int, value: int, what: str) -> int:
        self.key(number)
        if (found := self.number()) != value:
            raise ValueError(f"{what} {found}, known is {value}")
        return value


def _read(data: bytes) -> Header:
    cursor = _Cursor(data)
    if cursor.number(_MAP) != len(fields(Header)):
        raise ValueError("not the fields of version 1")
    version = cursor.known(1, VERSION, "version")
    suite = cursor.known(2, SUITE, "suite")
    chunk = cursor.known(3, CHUNK, "chunk size")
    cursor.key(4)
    file_id = cursor.string(_BYTES, FILE_ID)
    cursor.key(5)
    size = cursor.number()
    cursor.key(6)
    name = cursor.string(_TEXT, NAME_LIMIT).decode("ascii")
    cursor.key(7)
    schema = cursor.optional(lambda: cursor.string(_BYTES, DIGEST))
    if cursor.place != len(data):
        raise ValueError("bytes after the last field")
    if len(file_id) != FILE_ID or (schema is not None and len(schema) != DIGEST):
        raise ValueError("a file id of 16 bytes and a digest of 32 are due")
    if size > LARGEST:
        raise ValueError(f"{size:,} bytes where {LARGEST:,} are the most")
    if not _NAME.fullmatch(name):
        raise ValueError("a name that content cannot have")
    return Header(version, suite, chunk, file_id, size, name, schema)
