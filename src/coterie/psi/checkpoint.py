"""Where a long intersection stands, so that a run that broke off can go on.

What is kept is a head, and a record for each bucket, which is added when the bucket is done. Numbers are
little-endian:

- *head*: magic (16 bytes), session (16), digest of what it is for (32), number of buckets (4), check;
- *record*: the bucket's number (4), how many rows were found (8), the own number of each (8), check.

A check is the SHA-256 of the check before, nothing for the head's, and of all that stands before it in its
part. So a record holds for this head and this place alone. A crash can leave a part of the last record: what
follows the last whole one is as if it was not there.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Rows = NDArray[np.int64]

_HEAD = struct.Struct("<16s16s32sI")
_MAGIC = b"coterie psi v2\n\0"
_RECORD = struct.Struct("<IQ")
_CHECK = 32
_ROW = 8


class Checkpoint(Protocol):
    """Where a run keeps what it would need to go on. What is kept is for this party's own eyes."""

    def load(self) -> bytes | None:
        """What was saved last with all that was added since, or None. Of what was added last there may be a
        part only.
        """

    def used(self) -> None:
        """A run goes on with what was loaded: all others can, too."""

    def save(self, data: bytes) -> None:
        """Keep this in place of what was kept before; durable when it returns."""

    def add(self, data: bytes) -> None:
        """Keep this behind what was saved by this run and added since; durable when it returns."""

    def clear(self) -> None:
        """Forget it."""


@dataclass
class Progressed:
    """The buckets that are done, and what was found in them.

    No secret of a protocol is among it: each bucket draws its own. The session only deals rows into buckets.
    """

    session: bytes
    """16 bytes."""
    purpose: bytes
    """32 bytes: a digest of own rows and of all that the run depends on."""
    count: int
    found: list[Rows] = field(default_factory=list)
    """Own row numbers, by bucket, in the common order."""
    _last: bytes | None = field(default=None, repr=False)
    """Check of the last record that this run has kept."""

    @property
    def done(self) -> int:
        return len(self.found)

    @property
    def name(self) -> bytes:
        """16 bytes that stand for the session: a peer that has another one cannot go on with it."""
        return hashlib.sha256(b"coterie/psi/checkpoint/v1\0" + self.session).digest()[:16]

    def keep(self, rows: Rows, place: Checkpoint | None) -> None:
        """The next bucket is done, and these are its rows.

        The first time in a run all is written, since what is there may be of another run, or longer; then one
        record each time. Where there is one bucket nothing is kept.
        """
        self.found.append(rows)
        if place is None or self.count == 1:
            return
        if self._last is None:
            whole = self.dump()
            place.save(whole)
        else:
            whole = _record(self.done - 1, rows, self._last)
            place.add(whole)
        self._last = whole[-_CHECK:]

    def dump(self) -> bytes:
        """All that is kept."""
        head = _HEAD.pack(_MAGIC, self.session, self.purpose, self.count)
        parts = [head + hashlib.sha256(head).digest()]
        for number, rows in enumerate(self.found):
            parts.append(_record(number, rows, parts[-1][-_CHECK:]))
        return b"".join(parts)

    @classmethod
    def read(cls, data: bytes | None, purpose: bytes, rows: int, count: int) -> Progressed | None:
        """What was kept, if it is for this: the head and all whole records; else None: a run can always begin
        anew.

        :param rows: of the own set; no row number is as high.
        """
        at = _HEAD.size + _CHECK
        if data is None or len(data) < at:
            return None
        magic, session, saved, buckets = _HEAD.unpack_from(data)
        check = hashlib.sha256(data[: _HEAD.size]).digest()
        if (magic, saved, buckets, check) != (_MAGIC, purpose, count, data[_HEAD.size : at]):
            return None
        state = cls(session, saved, count)
        while (length := _whole(data, at, check, rows)) is not None:
            number, _ = _RECORD.unpack_from(data, at)
            part = np.frombuffer(data, "<u8", length, at + _RECORD.size)
            if number != state.done or number >= count or (length and int(part.max()) >= rows):
                return None  # nobody has written that
            state.found.append(part.astype(np.int64))
            at += _size(length)
            check = data[at - _CHECK : at]
        return state


def _size(length: int) -> int:
    return _RECORD.size + _ROW * length + _CHECK


def _record(number: int, rows: Rows, before: bytes) -> bytes:
    record = _RECORD.pack(number, len(rows)) + rows.astype("<u8").tobytes()
    return record + hashlib.sha256(before + record).digest()


def _whole(data: bytes, at: int, before: bytes, rows: int) -> int | None:
    """How many rows the record there has, if it is whole."""
    if at + _RECORD.size > len(data):
        return None
    _, length = _RECORD.unpack_from(data, at)
    end = at + _size(length)
    if length > rows or end > len(data):
        return None
    digest = hashlib.sha256(before)
    digest.update(memoryview(data)[at : end - _CHECK])
    return length if digest.digest() == data[end - _CHECK : end] else None
