"""What host and runner say to each other, over one socket that the runner is born with.

A record is its kind (1 byte), the number of its parts (1 byte), their lengths (4 bytes each, big-endian) and
the parts. A part is a name, a document in canonical JSON that is parsed as strictly as any other foreign one,
or sealed bytes. Lengths are held against the kind's limits before anything is read. Sent with ``read`` and
``write`` alone: the runner may do no more with a socket, so no descriptor is ever passed over it.
"""

from __future__ import annotations

import enum
import os
import select
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from coterie.crypto import canonical, parse_json
from coterie.errors import CoterieError, from_record
from coterie.ledger import MAX_ENTRY
from coterie.tee.container.header import CHUNK
from coterie.tee.documents.base import DOCUMENT_LIMIT
from coterie.tee.documents.exchange import MESSAGE_LIMIT
from coterie.tee.evidence.model import MAX_ENDORSEMENTS, MAX_EVIDENCE, REPORT_DATA
from coterie.tee.runner.errors import BAD_RECORD

_HEAD = struct.Struct(">BB")
_LENGTH = struct.Struct(">I")
_WORD: Final = 64
_COUNT: Final = 8
_ERROR: Final = 8 * 1024
_HEAD_LIMIT: Final = 16 * 1024
_TICK: Final = 0.2
"""Seconds between two looks at the deadline."""

OWNERS: Final = 16
RECORD_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a data-set record."""
PUBLIC_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of what the work gets beside the case."""
PIECE: Final = CHUNK
"""Most bytes of a sealed result in one record."""


class Kind(enum.IntEnum):
    """Kinds of records. Those below 16 are the host's."""

    BEGIN = 1
    CHALLENGE = 2
    EVIDENCE = 3
    RELEASE = 4
    REFUSED = 5
    TAKEN = 6
    DEAL = 7

    READY = 16
    ASK_CHALLENGE = 17
    ASK_EVIDENCE = 18
    ASK_RELEASE = 19
    STEP = 20
    OUTPUT = 21
    PIECE = 22
    RECEIPT = 23
    FAILED = 24
    FILE = 25
    PROGRESS = 26
    DEALT = 27

    # Between a host and a key keeper; those below 48 are the host's.
    ASK = 32
    ADMIT = 33
    STORED = 34

    ANSWER = 48
    ENTRY = 49
    ARCHIVE = 50
    NOT_DONE = 51


_LIMITS: Final[dict[Kind, tuple[int, ...]]] = {
    Kind.BEGIN: (DOCUMENT_LIMIT, MESSAGE_LIMIT, PUBLIC_LIMIT),  # and a grant and a record of each owner
    Kind.CHALLENGE: (MESSAGE_LIMIT,),
    Kind.EVIDENCE: (MAX_EVIDENCE, MAX_ENDORSEMENTS),
    Kind.RELEASE: (MESSAGE_LIMIT,),
    Kind.REFUSED: (_ERROR,),
    Kind.TAKEN: (),
    Kind.READY: (),
    Kind.ASK_CHALLENGE: (_WORD,),
    Kind.ASK_EVIDENCE: (REPORT_DATA,),
    Kind.ASK_RELEASE: (_WORD, MESSAGE_LIMIT),
    Kind.STEP: (_WORD,),
    Kind.OUTPUT: (DOCUMENT_LIMIT,),  # and a wrapped key for each receiver
    Kind.PIECE: (PIECE,),
    Kind.RECEIPT: (DOCUMENT_LIMIT,),
    Kind.FAILED: (_ERROR,),
    Kind.DEAL: (DOCUMENT_LIMIT, PUBLIC_LIMIT),
    Kind.FILE: (_WORD, PIECE),
    Kind.PROGRESS: (_WORD, _COUNT, _COUNT),
    Kind.DEALT: (DOCUMENT_LIMIT,),
    Kind.ASK: (_WORD, _WORD, PUBLIC_LIMIT),
    Kind.ADMIT: (_WORD, DOCUMENT_LIMIT, MESSAGE_LIMIT, 0),
    Kind.STORED: (),
    Kind.ANSWER: (MESSAGE_LIMIT,),
    Kind.ENTRY: (_HEAD_LIMIT, MAX_ENTRY, _HEAD_LIMIT),
    Kind.ARCHIVE: (PUBLIC_LIMIT,),
    Kind.NOT_DONE: (_ERROR,),
}
_REPEATED: Final[dict[Kind, tuple[tuple[int, ...], int]]] = {
    Kind.BEGIN: ((DOCUMENT_LIMIT, RECORD_LIMIT), OWNERS),
    Kind.OUTPUT: ((1024,), 64),
    Kind.ADMIT: ((DOCUMENT_LIMIT, RECORD_LIMIT), OWNERS),
}
"""Limits of further parts, and how often they may follow."""


@dataclass(frozen=True)
class Record:
    """One record."""

    kind: Kind
    parts: tuple[bytes, ...] = ()


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """Records over a socket, in both directions; used by one thread."""

    def __init__(self, descriptor: int, check: Callable[[], None] | None = None) -> None:
        """:param descriptor: a connected stream socket; the channel sets it not to block, and closes it.
        :param check: called while waiting, a few times a second; raises to end the wait.
        """
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._check = check

    def send(self, kind: Kind, *parts: bytes | memoryview) -> None:
        """Raises :class:`Closed`, and what ``check`` raises."""
        _check(kind, tuple(len(part) for part in parts))
        lengths = b"".join(_LENGTH.pack(len(part)) for part in parts)
        self.write(memoryview(_HEAD.pack(kind, len(parts)) + lengths))
        for part in parts:
            self.write(memoryview(part).cast("B"))

    def receive(self, *kinds: Kind) -> Record:
        """The next record, of one of these kinds. Errors: CT-2293. Raises :class:`Closed`, and what ``check``
        raises.
        """
        number, count = _HEAD.unpack(self.read(_HEAD.size))
        kind = next((kind for kind in kinds if kind == number), None)
        if kind is None:
            raise BAD_RECORD(f"kind {number} where {', '.join(one.name for one in kinds)} can come")
        lengths = tuple(_LENGTH.unpack(self.read(_LENGTH.size))[0] for _ in range(count))
        _check(kind, lengths)
        return Record(kind, tuple(self.read(length) for length in lengths))

    def close(self) -> None:
        """The other side then sees the end."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def write(self, data: memoryview) -> None:
        """Bytes that are no record: before the first one alone. Raises as :meth:`send`."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError as error:
                raise Closed from error

    def read(self, size: int) -> bytes:
        """So many bytes that are no record. Raises :class:`Closed`, and what ``check`` raises."""
        parts = bytearray()
        while len(parts) < size:
            try:
                part = os.read(self._descriptor, min(size - len(parts), PIECE))
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError as error:
                raise Closed from error
            if not part:
                raise Closed
            parts += part
        return bytes(parts)

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._descriptor, event)
        while True:
            if self._check is not None:
                self._check()
            if poll.poll(None if self._check is None else _TICK * 1000):
                return


def _check(kind: Kind, lengths: tuple[int, ...]) -> None:
    fixed = _LIMITS[kind]
    group, most = _REPEATED.get(kind, ((), 0))
    further = len(lengths) - len(fixed)
    groups, odd = divmod(further, len(group)) if group else (0, further)
    if odd or not 0 <= groups <= most:
        raise BAD_RECORD(f"{kind.name} with {len(lengths)} parts")
    for length, limit in zip(lengths, fixed + group * groups, strict=True):
        if length > limit:
            raise BAD_RECORD(f"{kind.name} with a part of {length:,} bytes")


def error_record(error: CoterieError) -> bytes:
    """An error as a part. The host is another party than those whose rows it may be about."""
    return canonical(error.for_peers().to_record())


def read_error(data: bytes) -> CoterieError:
    """An error that the other side tells. Errors: CT-1110, CT-2293."""
    value = parse_json(data, limit=_ERROR, depth=2)
    if not isinstance(value, dict) or not all(isinstance(one, str | None) for one in value.values()):
        raise BAD_RECORD("an error that does not say what it is")
    return from_record(value)
