"""Prepared tables: what the owner of many ids gives once, so that small questions can be asked of them.

A table holds a tag of each id: the first bytes of a function that nobody can compute without the owner's key
(:mod:`coterie.psi.prepared`). The format is in docs/formats/prepared.md: a head in the clear, the tags in
ascending order without their leading bytes, an index of the leading bytes, the owner's signature of it all.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from pathlib import Path
from types import TracebackType
from typing import Annotated, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from coterie.crypto import (
    CANNOT_READ,
    Draft,
    Headed,
    Known,
    PartyName,
    open_regular,
    verify_signature,
)
from coterie.errors import CoterieError
from coterie.psi.errors import TABLE_ALTERED, TABLE_CUT, TABLE_OTHER, TABLE_UNREADABLE
from coterie.psi.statement import STATISTICAL_BITS

MAGIC = b"coterie table v1\n"
DOMAIN = "coterie/table/v1"
"""Of the owner's signature."""
HEAD_LIMIT = 64 * 1024
SIGNATURE = 64
MOST_WIDTH = 16
"""Bytes of a tag: two words, which sort as the tag does."""
MOST_ENTRIES = 1 << 36
MOST_LOOKUPS = 1 << 48
PIECE = 1 << 20
"""Tags that are looked at together while a table is checked."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Step = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Rule = Annotated[tuple[Step, ...], Field(max_length=32, strict=False)]
Words = tuple[NDArray[np.uint64], NDArray[np.uint64]]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Owner(_Document):
    """A party and its raw Ed25519 key."""

    name: PartyName
    key: Hex32


class TableBinding(_Document):
    """What a table is of and for. Set intersection compares these words and knows nothing of agreements."""

    agreement: Digest
    dataset: Annotated[str, Field(min_length=1, max_length=100)]
    lookups: Annotated[int, Field(ge=1, le=MOST_LOOKUPS)]
    """How many ids can ever be asked for under the agreement: tags are long enough for that."""


class TableHead(TableBinding):
    """What everybody may read of a table."""

    version: Literal[1] = 1
    owner: Owner
    table: Hex32
    """The public element of the table's key (RFC 9497), by which the table is known."""
    entries: Annotated[int, Field(ge=1, le=MOST_ENTRIES)]
    """Different ids."""
    width: Annotated[int, Field(ge=6, le=MOST_WIDTH)]
    """Bytes of a tag."""
    bucket: Annotated[int, Field(ge=0, le=2)]
    """Leading bytes of a tag that only the index has."""
    rules: Annotated[tuple[Rule, ...], Field(max_length=64, strict=False)]
    """The steps that bring each part of an id into its common form, as who prepared it names them."""
    created: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]

    @property
    def binding(self) -> TableBinding:
        return TableBinding(agreement=self.agreement, dataset=self.dataset, lookups=self.lookups)

    @property
    def rest(self) -> int:
        """Bytes of a tag behind its leading ones."""
        return self.width - self.bucket

    @property
    def index(self) -> int:
        """Bytes of the index."""
        return 8 * (1 << 8 * self.bucket) + 8

    @property
    def start(self) -> int:
        """Where the tags begin."""
        return _FILE.start(self)

    @property
    def file_size(self) -> int:
        """Bytes of the whole file."""
        return self.start + self.entries * self.rest + self.index + SIGNATURE


def table_tag_bytes(entries: int, lookups: int) -> int:
    """Bytes of a tag: ⌈log2 entries⌉ + ⌈log2 lookups⌉ + 40 bits, rounded up.

    The value of an id that is not in the table is uniform and independent of all tags, so that any of so many
    lookups finds one that is not there with probability at most entries · lookups · 2^-t <= 2^-40.
    """
    bits = (entries - 1).bit_length() + (lookups - 1).bit_length() + STATISTICAL_BITS
    return -(-bits // 8)


def bucket_bytes(entries: int) -> int:
    """Leading bytes that the index has: as many as make an index of a quarter of a byte for an id at most."""
    return 2 if entries >= 32 << 16 else 1 if entries >= 32 << 8 else 0


_FILE = Headed(MAGIC, TableHead, HEAD_LIMIT, TABLE_UNREADABLE, TABLE_CUT, TABLE_ALTERED)


def begin(head: bytes) -> bytes:
    """What a table with this head, in canonical JSON, begins with."""
    return _FILE.begin(head)


def read_head(file: BinaryIO, name: str) -> TableHead:
    """The head; the file stands behind it then. Errors: CT-2030, CT-2031."""
    return _long_enough(_FILE.read(file, name)[0], name)


def peek_table(path: Path) -> TableHead:
    """A file's head, which nobody vouches for yet. Errors: CT-1122, CT-2030, CT-2031."""
    return _long_enough(_FILE.peek(path), path.name)


def _long_enough(head: TableHead, name: str) -> TableHead:
    if head.width < table_tag_bytes(head.entries, head.lookups) or head.bucket >= head.width:
        raise TABLE_UNREADABLE(f"{name} has tags of {head.width} bytes, too short for what it holds")
    return head


def check_size(head: TableHead, size: int, name: str) -> None:
    """Errors: CT-2031 for a file that is too short for its head, CT-2032 for one that is too long."""
    _FILE.check_size(head.file_size, size, name)


def require(head: TableHead, binding: TableBinding, owner: Known, name: str) -> None:
    """It is of this owner, for this and nothing else. Errors: CT-2033."""
    if (head.owner.name, head.owner.key) != (owner.name, owner.key):
        raise TABLE_OTHER(f"{name} is of {head.owner.name} (key {head.owner.key[:16]}…)")
    for field in ("agreement", "dataset", "lookups"):
        wanted, found = getattr(binding, field), getattr(head, field)
        if wanted != found:
            raise TABLE_OTHER(f"the {field} of {name} is {found}, and {wanted} is due")


def words_of(tags: NDArray[np.uint8]) -> Words:
    """Tags of up to 16 bytes as two words, which sort as the byte strings do."""
    padded = np.zeros((len(tags), MOST_WIDTH), dtype=np.uint8)
    padded[:, : tags.shape[1]] = tags
    words = padded.view(">u8").astype(np.uint64)
    return words[:, 0], words[:, 1]


class PreparedTable:
    """A table at the party that asks, mapped into memory: only pages that lookups touch are read."""

    def __init__(self, file: BinaryIO, head: TableHead) -> None:
        """Of a file whose size was checked; see :meth:`open`."""
        self.head = head
        self._map = mmap.mmap(file.fileno(), head.file_size, access=mmap.ACCESS_READ)
        content = np.frombuffer(self._map, dtype=np.uint8)
        middle = head.start + head.entries * head.rest
        self._rests = content[head.start : middle].reshape(head.entries, head.rest)
        self._index = content[middle : middle + head.index].view("<u8")

    @classmethod
    def open(cls, path: Path) -> PreparedTable:
        """Open a table that :func:`take_table` has checked. Errors: CT-1122, CT-2030 to CT-2032."""
        with open_regular(path) as file:
            head = read_head(file, path.name)
            check_size(head, os.fstat(file.fileno()).st_size, path.name)
            try:
                return cls(file, head)
            except OSError as error:
                raise CANNOT_READ(f"{path}: {error.strerror}") from error

    def holds(self, values: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which of these are tags of the table.

        :param values: shape (n, width), uint8.

        Binary search of all at once, so that a lookup takes about log2 of its bucket's entries steps. A file
        that was altered since it was checked gives wrong answers, and no others than those.
        """
        head = self.head
        if values.ndim != 2 or values.shape[1] != head.width:
            raise ValueError(f"values must have shape (n, {head.width}), not {values.shape}")
        bucket = np.zeros(len(values), dtype=np.int64)
        for column in values[:, : head.bucket].T:
            bucket = bucket * 256 + column
        limits = self._index.astype(np.int64, copy=False) if head.bucket < 2 else self._index
        low = np.minimum(limits[bucket], head.entries).astype(np.int64)
        high = np.minimum(limits[bucket + 1], head.entries).astype(np.int64)
        wanted = words_of(values[:, head.bucket :])
        end = high
        while (open_ := low < high).any():
            middle = np.where(open_, (low + high) // 2, 0)
            below = _less(words_of(self._rests[middle]), wanted)
            low = np.where(open_ & below, middle + 1, low)
            high = np.where(open_ & ~below, middle, high)
        place = np.minimum(low, head.entries - 1)
        found: NDArray[np.bool_] = (self._rests[place] == values[:, head.bucket :]).all(axis=1) & (low < end)
        return found

    def check(self) -> None:
        """Errors: CT-2032 where the tags are not in strictly ascending order or the index is not theirs."""
        head = self.head
        limits = self._index.astype(np.uint64)
        if limits[0] != 0 or limits[-1] != head.entries or (limits[1:] < limits[:-1]).any():
            raise TABLE_ALTERED("its index is not one")
        last = None
        for start in range(0, head.entries, PIECE):
            end = min(start + PIECE, head.entries)
            # Which bucket each tag is in makes the order one of whole tags.
            bucket = np.searchsorted(limits, np.arange(start, end, dtype=np.uint64), side="right") - 1
            high, low = words_of(self._rests[start:end])
            if last is not None:
                bucket = np.concatenate([last[0], bucket])
                high, low = (np.concatenate([a, b]) for a, b in zip(last[1:], (high, low), strict=True))
            same = bucket[1:] == bucket[:-1]
            rises = _less((high[:-1], low[:-1]), (high[1:], low[1:]))
            if not (~same | rises).all():
                raise TABLE_ALTERED("its tags are not in order")
            last = (bucket[-1:], high[-1:], low[-1:])

    def close(self) -> None:
        """Let go of the file."""
        del self._rests, self._index
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _less(a: Words, b: Words) -> NDArray[np.bool_]:
    less: NDArray[np.bool_] = (a[0] < b[0]) | ((a[0] == b[0]) & (a[1] < b[1]))
    return less


def take_table(path: Path, target: Path, binding: TableBinding, owner: Known) -> TableHead:
    """Copy a table to its place and check the copy: the file itself may change under one's hands. No more is
    copied than the head says, and nothing where the table is of another owner or for something else. Reads it
    in constant memory. What is at ``target`` afterwards is whole and durable.

    :param binding: what the table must be for.
    :param owner: who must have signed it.

    Errors: CT-1122 (cannot be read), CT-2030 (no table), CT-2031 (cut off), CT-2033 (of another owner or for
    something else), CT-2032 (altered), CT-1120, CT-1121 (disk).
    """
    with open_regular(path) as source, Draft(target) as draft:
        try:
            head = read_head(source, path.name)
            check_size(head, os.fstat(source.fileno()).st_size, path.name)
            require(head, binding, owner, path.name)
            source.seek(0)
            whole, left = hashlib.sha256(), head.file_size - SIGNATURE
            while left and (data := source.read(min(PIECE, left))):
                whole.update(data)
                draft.write(data)
                left -= len(data)
            signature = source.read(SIGNATURE)
        except OSError as error:
            raise CANNOT_READ(f"{path}: {error.strerror}") from error
        if left or len(signature) != SIGNATURE:
            raise TABLE_CUT(f"{path.name} has become shorter")
        draft.write(signature)
        try:
            verify_signature(owner.name, owner.key, DOMAIN, whole.digest(), signature)
        except CoterieError as error:
            raise TABLE_ALTERED(f"{path.name}: {error.detail}") from error
        draft.settle()
        with PreparedTable.open(draft.path) as table:
            if table.head != head:
                raise TABLE_ALTERED(f"{path.name} was exchanged meanwhile")
            table.check()
        draft.publish()
    return head
