"""What goes over the wire of an upload: one chunk, its number, and its proof.

The receiver checks a piece by itself, against the root that the owner has signed, so pieces may come in any
order, from anybody, and twice.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from coterie.tee.container.chunks import fill, leaves
from coterie.tee.container.errors import CONTAINER_ALTERED, CONTAINER_CUT, PIECE_REFUSED
from coterie.tee.container.files import reading
from coterie.tee.container.header import CHUNK, DIGEST, TAG, Preamble, check_length, read_preamble
from coterie.tee.container.merkle import LONGEST_PROOF, Tree, leaf_hash, proof_length, proven
from coterie.tee.container.record import DatasetRecord

_HEAD = struct.Struct(">IB")
PIECE_LIMIT = _HEAD.size + LONGEST_PROOF * DIGEST + CHUNK + TAG
"""Bytes of the largest piece: nobody need take more of one."""


def upload_bytes(record: DatasetRecord) -> int:
    """Bytes of all pieces of a container, at most."""
    header = record.preamble.header
    return header.sealed + header.chunks * (_HEAD.size + DIGEST * (header.chunks - 1).bit_length())


@dataclass(frozen=True)
class Piece:
    """A chunk on its way."""

    index: int
    proof: tuple[bytes, ...]
    chunk: bytes | memoryview

    def encode(self) -> bytes:
        """Number (4 bytes, big-endian), hashes in the proof (1), these, chunk with tag."""
        return b"".join((_HEAD.pack(self.index, len(self.proof)), *self.proof, self.chunk))

    @classmethod
    def parse(cls, data: bytes, preamble: Preamble) -> Piece:
        """A piece whose sizes are those of the container's; whether it belongs there, :meth:`check` says.

        Errors: CT-2212.
        """
        if not _HEAD.size <= len(data) <= PIECE_LIMIT:
            raise PIECE_REFUSED(f"{len(data):,} bytes")
        index, count = _HEAD.unpack_from(data)
        header = preamble.header
        if index >= header.chunks:
            raise PIECE_REFUSED(f"chunk {index} of {header.chunks}")
        start = _HEAD.size + count * DIGEST
        if count != proof_length(index, header.chunks) or len(data) - start != header.length(index) + TAG:
            raise PIECE_REFUSED(f"chunk {index} with {count} hashes and {len(data):,} bytes")
        proof = tuple(data[place : place + DIGEST] for place in range(_HEAD.size, start, DIGEST))
        return cls(index, proof, memoryview(data)[start:])

    def check(self, preamble: Preamble, root: bytes) -> bytes:
        """The chunk's leaf, which the tree of this root has at this place. Errors: CT-2212."""
        leaf = leaf_hash(preamble.digest, self.index, self.chunk)
        if not proven(root, leaf, self.index, preamble.header.chunks, self.proof):
            raise PIECE_REFUSED(f"chunk {self.index} is not in the signed tree")
        return leaf


class Sender:
    """A container that is sent in pieces. A context: it holds the file open.

    Memory: 64 bytes for each chunk, one chunk and its piece.
    """

    def __init__(self, container: Path, record: DatasetRecord) -> None:
        """Reads the whole file once, for the tree.

        Errors: CT-1122, CT-2201 to CT-2203, CT-2208: nothing is sent that the receiver would refuse.
        """
        self._file = reading(container)
        try:
            self._preamble = read_preamble(self._file)
            record.require(self._preamble)
            check_length(self._preamble, self._file.seek(0, 2))
            self._file.seek(self._preamble.place(0))
            self._tree = Tree(leaves(self._file, self._preamble))
            if self._tree.root != record.root_bytes:
                raise CONTAINER_ALTERED("its tree has another root than the record says")
        except BaseException:
            self._file.close()
            raise

    def pieces(self, missing: Iterable[range]) -> Iterator[bytes]:
        """The pieces of these chunks, encoded, one after another.

        :param missing: what the receiver lacks; numbers that are in no container are left out.

        Errors: CT-2202, CT-2203 where the file was changed since it was read.
        """
        for run in missing:
            for index in range(max(0, run.start), min(run.stop, self._preamble.header.chunks)):
                yield self.piece(index).encode()

    def piece(self, index: int) -> Piece:
        """One piece. Errors as :meth:`pieces`."""
        chunk = bytearray(self._preamble.header.length(index) + TAG)
        self._file.seek(self._preamble.place(index))
        if fill(self._file, memoryview(chunk)) < len(chunk):
            raise CONTAINER_CUT(f"in chunk {index}")
        made = Piece(index, self._tree.proof(index), memoryview(chunk))
        leaf = leaf_hash(self._preamble.digest, index, chunk)
        if not proven(self._tree.root, leaf, index, self._tree.size, made.proof):
            raise CONTAINER_ALTERED(f"chunk {index} has changed since the file was read")
        return made

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def as_ranges(pairs: Sequence[tuple[int, int]]) -> tuple[range, ...]:
    """Ranges of chunks from the pairs of numbers that a message holds. Errors: CT-2212 for pairs that are
    none.
    """
    if any(not 0 <= start < stop <= 1 << 32 for start, stop in pairs):
        raise PIECE_REFUSED("a range of chunks that is none")
    return tuple(range(start, stop) for start, stop in pairs)
