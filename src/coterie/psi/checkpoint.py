"""Where a long intersection stands, so that a run that broke off can go on."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_HEAD = struct.Struct("<16s16s32sII")
"""Magic, session, digest of what it is for, buckets done, of how many."""
_MAGIC = b"coterie psi v1\n\0"
_COUNT = struct.Struct("<Q")
_CHECK = 32


class Checkpoint(Protocol):
    """Where a run keeps what it would need to go on. What is kept is for this party's own eyes."""

    def load(self) -> bytes | None:
        """What was saved last, or None."""

    def used(self) -> None:
        """A run goes on with what was loaded: all others can, too."""

    def save(self, data: bytes) -> None:
        """Keep this in place of what was saved before; durable when it returns."""

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
    found: list[NDArray[np.int64]] = field(default_factory=list)
    """Own row numbers, by bucket, in the common order."""

    @property
    def done(self) -> int:
        return len(self.found)

    @property
    def name(self) -> bytes:
        """16 bytes that stand for the session: a peer that has another one cannot go on with it."""
        return hashlib.sha256(b"coterie/psi/checkpoint/v1\0" + self.session).digest()[:16]

    def dump(self) -> bytes:
        parts = [_HEAD.pack(_MAGIC, self.session, self.purpose, self.done, self.count)]
        for rows in self.found:
            parts += [_COUNT.pack(len(rows)), rows.astype("<u8").tobytes()]
        whole = b"".join(parts)
        return whole + hashlib.sha256(whole).digest()

    @classmethod
    def read(cls, data: bytes | None, purpose: bytes, rows: int, count: int) -> Progressed | None:
        """What was saved, if it is whole and for this; else None: a run can always begin anew.

        :param rows: of the own set; no row number is as high.
        """
        if data is None or len(data) < _HEAD.size + _CHECK:
            return None
        whole = data[:-_CHECK]
        if hashlib.sha256(whole).digest() != data[-_CHECK:]:
            return None
        magic, session, saved, done, buckets = _HEAD.unpack_from(whole)
        if (magic, saved, buckets) != (_MAGIC, purpose, count) or done > buckets:
            return None
        found, at = [], _HEAD.size
        for _ in range(done):
            if at + _COUNT.size > len(whole):
                return None
            (length,) = _COUNT.unpack_from(whole, at)
            at += _COUNT.size
            if length > rows or at + 8 * length > len(whole):
                return None
            part = np.frombuffer(whole, dtype="<u8", count=length, offset=at)
            if length and int(part.max()) >= rows:
                return None
            found.append(part.astype(np.int64))
            at += 8 * length
        return cls(session, saved, count, found) if at == len(whole) else None
