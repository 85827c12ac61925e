"""The chunks of a container as they lie in the file: read in constant memory, checked without a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from coterie.tee.container.errors import CONTAINER_ALTERED, CONTAINER_CUT
from coterie.tee.container.header import CHUNK, TAG, Preamble, read_preamble
from coterie.tee.container.merkle import RootBuilder, leaf_hash


def fill(source: BinaryIO, target: memoryview) -> int:
    """Read until ``target`` is full or the source ends; how many bytes came."""
    place = 0
    into = getattr(source, "readinto", None)
    while place < len(target):
        if into is not None:
            count = into(target[place:]) or 0
        else:
            part = source.read(len(target) - place)
            count = len(part)
            target[place : place + count] = part
        if not count:
            break
        place += count
    return place


def sealed_chunks(source: BinaryIO, preamble: Preamble) -> Iterator[memoryview]:
    """Every chunk with its tag, from the first on. The view is of one buffer: it holds until the next is
    asked for.

    Errors: CT-2202 where the source ends before, CT-2203 where it goes on after the last one.
    """
    header = preamble.header
    buffer = memoryview(bytearray(min(header.size, CHUNK) + TAG))
    for index in range(header.chunks):
        chunk = buffer[: header.length(index) + TAG]
        if fill(source, chunk) < len(chunk):
            raise CONTAINER_CUT(f"in chunk {index} of {header.chunks}")
        yield chunk
    if source.read(1):
        raise CONTAINER_ALTERED("there are bytes behind its end")


def leaves(source: BinaryIO, preamble: Preamble) -> Iterator[bytes]:
    """The leaf of every chunk. Errors as :func:`sealed_chunks`."""
    digest = preamble.digest
    for index, chunk in enumerate(sealed_chunks(source, preamble)):
        yield leaf_hash(digest, index, chunk)


def root_of(source: BinaryIO) -> tuple[Preamble, bytes]:
    """Preamble and root of a whole container, without a key. Errors: CT-2201, CT-2202, CT-2203."""
    preamble, builder = read_preamble(source), RootBuilder()
    for leaf in leaves(source, preamble):
        builder.add(leaf)
    return preamble, builder.root()
