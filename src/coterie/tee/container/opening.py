"""Opening: every chunk is authenticated before a byte of it is given to anybody.

Three ways, for three readers: :func:`open_stream` for pipes and files, :func:`open_in_memory` for who must
have all of it checked before the first byte is used, :class:`OpenContainer` for reading here and there, as
Parquet is read.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag

from coterie.crypto import equal
from coterie.tee.container.chunks import fill, leaves, sealed_chunks
from coterie.tee.container.errors import CONTAINER_ALTERED, CONTAINER_CUT, TOO_LARGE
from coterie.tee.container.header import CHUNK, LARGEST, TAG, Preamble, check_length, read_preamble
from coterie.tee.container.memory import private_memory
from coterie.tee.container.merkle import RootBuilder, leaf_hash
from coterie.tee.container.schedule import Schedule
from coterie.tee.container.sealing import Write

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Chunks:
    """Opens the chunks of one container in their order, and counts them into the tree."""

    def __init__(self, preamble: Preamble, key: bytes, root: bytes | None) -> None:
        """Errors: CT-2204. From here on the header is what the key's owner wrote."""
        self._header = preamble.header
        self._schedule = Schedule.matching(key, preamble)
        self._digest = preamble.digest
        self._root = root
        self._builder = RootBuilder()

    def open(self, index: int, chunk: memoryview, target: memoryview) -> None:
        """The plaintext of a chunk into ``target``, which nobody may see before this returns. Errors:
        CT-2203.
        """
        if self._root is not None:
            self._builder.add(leaf_hash(self._digest, index, chunk))
        decrypt(self._schedule, index, index == self._header.chunks - 1, chunk, target)

    def finish(self) -> None:
        """Errors: CT-2203 for a tree with another root."""
        if self._root is not None and not equal(self._builder.root(), self._root):
            raise CONTAINER_ALTERED("its tree has another root than is expected")


def decrypt(schedule: Schedule, index: int, last: bool, chunk: memoryview, target: memoryview) -> None:
    """Errors: CT-2203; ``target`` then holds bytes that nobody vouches for, and is wiped."""
    try:
        schedule.cipher.decrypt_into(schedule.nonce(index, last=last), chunk, schedule.aad, target)
    except InvalidTag as error:
        target[:] = bytes(len(target))
        raise CONTAINER_ALTERED(f"chunk {index}") from error


def open_stream(source: BinaryIO, write: Write, key: bytes, *, root: bytes | None = None) -> Preamble:
    """Open a container from its first byte to its last. Holds two chunks in memory.

    What was written when an error is raised is a true beginning of the data and not all of it: whoever cannot
    live with a part writes it where nobody sees it yet, as :func:`open_file` does.

    :param write: takes the plaintext; a view is valid during the call only.
    :param root: what the tree must have for its root; None where no record is at hand.

    Errors: CT-2201 (no container), CT-2202 (cut off), CT-2203 (altered, or of another root), CT-2204 (another
    key).
    """
    preamble = read_preamble(source)
    chunks, header = _Chunks(preamble, key, root), preamble.header
    plain = memoryview(bytearray(min(header.size, CHUNK)))
    try:
        for index, chunk in enumerate(sealed_chunks(source, preamble)):
            target = plain[: header.length(index)]
            chunks.open(index, chunk, target)
            write(target)
        chunks.finish()
    finally:
        plain[:] = bytes(len(plain))
    return preamble


def open_in_memory(
    source: BinaryIO, key: bytes, *, root: bytes | None = None, limit: int = LARGEST
) -> tuple[Preamble, memoryview]:
    """The whole content, given out after its last chunk, its length and its root were found right.

    It lies in :func:`private_memory`, and is gone with the last view of it.

    :param root: as in :func:`open_stream`.
    :param limit: the most bytes to take into memory.

    Errors: as :func:`open_stream`; CT-2205 for more than ``limit``, or than there is.
    """
    preamble = read_preamble(source)
    header = preamble.header
    if header.size > limit:
        raise TOO_LARGE(f"{header.size:,} bytes where {limit:,} are allowed")
    chunks = _Chunks(preamble, key, root)  # before memory is taken: who knows the key vouches for the size
    content = private_memory(header.size)
    for index, chunk in enumerate(sealed_chunks(source, preamble)):
        chunks.open(index, chunk, content[index * CHUNK : index * CHUNK + header.length(index)])
    chunks.finish()
    return preamble, content


class OpenContainer(io.RawIOBase):
    """The content of a container as a file that can be read anywhere, for Parquet and for Arrow.

    Holds one chunk in clear. Errors of reading: CT-2203 (an altered chunk), CT-2202 (cut off since it was
    opened).
    """

    def __init__(self, source: BinaryIO, key: bytes, *, root: bytes | None = None) -> None:
        """:param source: seekable, the container from its first byte on; closed by its owner.
        :param root: as in :func:`open_stream`; costs one reading of everything before this returns.

        Errors: as :func:`open_stream`; a container that is cut off or too long is refused here.
        """
        super().__init__()
        source.seek(0)
        self.preamble = read_preamble(source)
        first = source.tell()
        self._schedule = Schedule.matching(key, self.preamble)
        check_length(self.preamble, source.seek(0, io.SEEK_END))
        if root is not None:
            source.seek(first)
            builder = RootBuilder()
            for leaf in leaves(source, self.preamble):
                builder.add(leaf)
            if not equal(builder.root(), root):
                raise CONTAINER_ALTERED("its tree has another root than is expected")
        self._source = source
        self._first = first
        self._place = 0
        self._number = -1
        length = min(self.preamble.header.size, CHUNK)
        self._plain = memoryview(bytearray(length))
        self._sealed = memoryview(bytearray(length + TAG))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a byte of the content; behind its end nothing is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.preamble.header.size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the beginning")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` as far as the content goes."""
        target = memoryview(buffer).cast("B")
        wanted = max(0, min(len(target), self.preamble.header.size - self._place))
        target = target[:wanted]
        while target:
            number, offset = divmod(self._place, CHUNK)
            part = self._chunk(number)[offset : offset + len(target)]
            target[: len(part)] = part
            target, self._place = target[len(part) :], self._place + len(part)
        return wanted

    def _chunk(self, number: int) -> memoryview:
        header = self.preamble.header
        length = header.length(number)
        if number != self._number:
            self._number = -1
            self._source.seek(self._first + number * (CHUNK + TAG))
            chunk = self._sealed[: length + TAG]
            if fill(self._source, chunk) < len(chunk):
                raise CONTAINER_CUT(f"in chunk {number} of {header.chunks}")
            decrypt(self._schedule, number, number == header.chunks - 1, chunk, self._plain[:length])
            self._number = number
        return self._plain[:length]

    def close(self) -> None:
        """Wipe the chunk that is held."""
        if not self.closed:
            self._plain[:] = bytes(len(self._plain))
        super().close()
