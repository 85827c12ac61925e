"""The receiving side of an upload: every piece is checked before it is kept, and a crash costs nothing but
time.

Two files, named by the root::

    <root>.part      the container, chunks at their places; <root>.sealed when it is whole
    <root>.leaves    32 bytes for each chunk: its leaf once it is held, else zeros

Nothing orders their writes. After a crash each chunk is hashed again and held against its leaf: what does not
fit, was torn or never reached the disk, and is missing. A leaf that somebody changed with its chunk is
noticed at the end, when the root is made of all of them. So no journal has to be believed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from coterie.crypto import PublicIdentity, sync_directory, write_error
from coterie.tee.container.errors import TOO_LARGE, UPLOAD_BUSY, UPLOAD_DAMAGED, UPLOAD_OPEN
from coterie.tee.container.header import CHUNK, DIGEST, TAG
from coterie.tee.container.merkle import RootBuilder, leaf_hash
from coterie.tee.container.pieces import Piece
from coterie.tee.container.record import DatasetRecord, Owner

RANGES = 1000
"""Ranges of chunks in one answer. A sender asks again when it has sent them."""
LEAVES_AT_ONCE = 1 << 15


class Receiver:
    """One container on its way in. A context; what is held stays when it is left, and is found by the next.

    Memory: one byte for each chunk, and one piece. Disk: what was received, never more than the record's
    size.
    """

    def __init__(
        self, folder: Path, record: DatasetRecord, owner: PublicIdentity | Owner, *, limit: int
    ) -> None:
        """Begin, or go on with what is held: then it is read and hashed once.

        :param folder: where the two files lie; of this owner alone, where owners have quotas.
        :param owner: who must have signed the record.
        :param limit: bytes of the largest container that is taken.

        Errors: CT-2208, CT-1101 (not the owner's record), CT-2205 (more than ``limit``), CT-2216 (another
        process receives it), CT-1120, CT-1121.
        """
        record.verify(owner)
        self._preamble = record.preamble
        self._digest = self._preamble.digest
        self._root = record.root_bytes
        if self._preamble.file_size > limit:
            raise TOO_LARGE(
                f"{self._preamble.file_size:,} bytes where {limit:,} are allowed", party=owner.name
            )
        name = self._root.hex()
        self._part, self.path = folder / f"{name}.part", folder / f"{name}.sealed"
        self._leaves = folder / f"{name}.leaves"
        self._open: list[int] = []
        try:
            with self._guarded():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._tree = self._opened(self._leaves)
                _lock(self._tree, record.dataset)
                self._data = self._opened(self.path if self.path.exists() else self._part)
                self._held = self._found()
        except BaseException:
            self.close()
            raise

    @property
    def whole(self) -> bool:
        """Whether every chunk is held."""
        return 0 not in self._held

    def missing(self, most: int = RANGES) -> tuple[range, ...]:
        """The chunks to be sent, at most so many ranges of them, the first ones first."""
        found: list[range] = []
        stop = 0
        while len(found) < most and (start := self._held.find(0, stop)) >= 0:
            stop = self._held.find(1, start)
            stop = len(self._held) if stop < 0 else stop
            found.append(range(start, stop))
        return tuple(found)

    def put(self, data: bytes) -> bool:
        """Check a piece and keep it; whether it was new.

        Errors: CT-2212 for a piece that is not of this container; CT-1120, CT-1121. What is held stays.
        """
        piece = Piece.parse(data, self._preamble)
        if self._held[piece.index]:
            return False
        leaf = piece.check(self._preamble, self._root)
        with self._guarded():
            _put(self._data, piece.chunk, self._preamble.place(piece.index))
            _put(self._tree, leaf, piece.index * DIGEST)
        self._held[piece.index] = 1
        return True

    def finish(self) -> Path:
        """Put the whole container at its place, durably: ``<root>.sealed``.

        Errors: CT-2213 (chunks are missing), CT-2214 (the disk gave other leaves back; nothing is held then),
        CT-1120, CT-1121.
        """
        if not self.whole:
            raise UPLOAD_OPEN(f"{self._held.count(0):,} of {len(self._held):,} chunks are missing")
        builder = RootBuilder()
        with self._guarded():
            for leaf in self._stored():
                builder.add(leaf)
        if builder.root() != self._root:
            self.discard()
            raise UPLOAD_DAMAGED(self._leaves.name)
        with self._guarded():
            os.fsync(self._tree)
            os.fsync(self._data)
            if not self.path.exists():
                self._part.rename(self.path)
            sync_directory(self.path.parent)
        return self.path

    def discard(self) -> None:
        """Forget what is held, on the disk too."""
        with self._guarded():
            os.ftruncate(self._tree, 0)  # before the data: a leaf without its chunk is only a missing chunk
            for path in (self._part, self.path):
                path.unlink(missing_ok=True)
            os.close(self._data)
            self._open.remove(self._data)
            self._data = self._opened(self._part)
            self._held = self._found()

    def close(self) -> None:
        """Let go of the files. What is held stays."""
        while self._open:
            os.close(self._open.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _found(self) -> bytearray:
        """A byte for each chunk: 1 where the disk holds what its leaf says."""
        head = self._preamble.encode()
        if os.fstat(self._data).st_size > self._preamble.file_size:
            os.ftruncate(self._data, self._preamble.file_size)
        _put(self._data, head, 0)
        header = self._preamble.header
        held = bytearray(header.chunks)
        nothing = bytes(DIGEST)
        buffer = memoryview(bytearray(min(header.size, CHUNK) + TAG))
        for index, leaf in enumerate(self._stored()):
            if leaf != nothing:
                chunk = buffer[: header.length(index) + TAG]
                whole = _get(self._data, chunk, self._preamble.place(index)) == len(chunk)
                held[index] = whole and leaf_hash(self._digest, index, chunk) == leaf
        return held

    def _stored(self) -> Iterator[bytes]:
        """The leaves on the disk, as far as there are any."""
        chunks = self._preamble.header.chunks
        buffer = memoryview(bytearray(min(chunks, LEAVES_AT_ONCE) * DIGEST))
        for first in range(0, chunks, LEAVES_AT_ONCE):
            due = min(LEAVES_AT_ONCE, chunks - first)
            count = _get(self._tree, buffer[: due * DIGEST], first * DIGEST)
            for place in range(0, count - count % DIGEST, DIGEST):
                yield bytes(buffer[place : place + DIGEST])

    def _opened(self, path: Path) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._open.append(descriptor)
        return descriptor

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Errors of the disk with their codes."""
        try:
            yield
        except OSError as error:
            raise write_error(self._part, error) from error


def _lock(descriptor: int, what: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UPLOAD_BUSY(what) from error


def _put(descriptor: int, data: bytes | memoryview, place: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, place)
        view, place = view[count:], place + count


def _get(descriptor: int, target: memoryview, place: int) -> int:
    """Read until the target is full or the file ends; how many bytes came."""
    start = place
    while target and (count := os.preadv(descriptor, [target], place)):
        target, place = target[count:], place + count
    return place - start
