"""Sealing: plaintext in, container out, a chunk at a time.

The stream of tape files (``coterie.crypto``) is not used here and stays as it is: its segments are smaller,
its key comes from nowhere but the file, its dealer signs the whole, and it is read by its one recipient. A
container is held by strangers, so its chunks carry the header and their place, and its key is committed to.
What both share is the sealing of a key to a party's identity.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from coterie.crypto import random_key
from coterie.tee.container.chunks import fill
from coterie.tee.container.errors import SOURCE_CHANGED
from coterie.tee.container.header import CHUNK, FILE_ID, TAG, Header, Preamble
from coterie.tee.container.merkle import RootBuilder, leaf_hash
from coterie.tee.container.schedule import Schedule

Write = Callable[[bytes | memoryview], object]


@dataclass(frozen=True)
class Sealed:
    """What a sealing has made. The key is the only way to the data, and is not in the container."""

    preamble: Preamble
    root: bytes
    """Of the tree over the chunks, 32 bytes."""
    key: bytes = field(repr=False)
    """The data key, 32 bytes: for this container and for no other."""


def seal(source: BinaryIO, write: Write, *, size: int, dataset: str, schema: bytes | None = None) -> Sealed:
    """Seal ``size`` bytes of ``source`` under a fresh key. Holds two chunks in memory.

    The size is known before the first byte, because every chunk is bound to the header that says it: so
    everybody can check a container's length, and nobody holds clear data back on a disk to count it.

    :param write: takes the container's bytes; a view is valid during the call only.
    :param dataset: the content's name, ``party/dataset``.
    :param schema: digest of the table's schema, 32 bytes; None for what is no table.

    Errors: CT-2205 (more than can be sealed), CT-2215 (the name), CT-2206 (the source has more or fewer
    bytes). Written bytes are of no use then.
    """
    header = Header.make(secrets.token_bytes(FILE_ID), size, dataset, schema)
    return seal_under(random_key(), header, source, write)


def seal_under(key: bytes, header: Header, source: BinaryIO, write: Write) -> Sealed:
    """Seal under this key and header, which are never used twice: the same key and file id for other data
    would repeat nonces. :func:`seal` draws both; only test vectors have them fixed.
    """
    schedule = Schedule.derive(key, header)
    preamble = Preamble(header, schedule.commitment)
    write(preamble.encode())
    digest, builder = preamble.digest, RootBuilder()
    plain = memoryview(bytearray(min(header.size, CHUNK)))
    sealed = memoryview(bytearray(len(plain) + TAG))
    try:
        for index in range(header.chunks):
            length = header.length(index)
            if fill(source, plain[:length]) < length:
                raise SOURCE_CHANGED(f"it has fewer than the {header.size:,} bytes that it had")
            nonce = schedule.nonce(index, last=index == header.chunks - 1)
            chunk = sealed[: length + TAG]
            schedule.cipher.encrypt_into(nonce, plain[:length], schedule.aad, chunk)
            builder.add(leaf_hash(digest, index, chunk))
            write(chunk)
        if source.read(1):
            raise SOURCE_CHANGED(f"it has more than the {header.size:,} bytes that it had")
    finally:
        plain[:] = bytes(len(plain))
    return Sealed(preamble, builder.root(), key)
