"""What a message is: a tag, a kind and bytes. Shared by every implementation of a channel."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import BaseModel, ValidationError

from coterie.crypto import canonical, parse_json
from coterie.errors import CoterieError, from_record
from coterie.wire.errors import BAD_MESSAGE, BAD_RECORD, SIZE_DIFFERS, TAG_DIFFERS, TOO_LARGE
from coterie.wire.mesh import RECORD_LIMIT, M

TAG_LIMIT = 255
"""Bytes of a tag: tags are names that people read in error messages, such as "train/12/open/error"."""

MESSAGE_LIMIT = 1 << 40
"""Bytes of one message. No machine of today holds more in memory; above it a length is an attack or a bug."""


class Kind(IntEnum):
    """How a message's bytes are to be read. Sender and receiver must agree."""

    ARRAY = 1
    BYTES = 2
    RECORD = 3


class Expected:
    """What a receiver expects next: checked against the announcement, before the content is accepted."""

    def __init__(self, tag: str, kind: Kind, *, size: int | None = None, limit: int = MESSAGE_LIMIT) -> None:
        self.tag = tag
        self.kind = kind
        self.size = size
        self.limit = limit

    def check(self, peer: str, tag: str, kind: Kind, size: int) -> CoterieError | None:
        """The error, where the peer's announcement does not fit."""
        if tag != self.tag or kind is not self.kind:
            here = f"{self.kind.name.lower()} {self.tag!r}"
            return TAG_DIFFERS(f"{here} is due here, {peer} sends {kind.name.lower()} {tag!r}", party=peer)
        if self.size is not None and size != self.size:
            return SIZE_DIFFERS(f"{tag!r} of {peer} has {size} bytes, not {self.size}", party=peer)
        if size > self.limit:
            return TOO_LARGE(f"{tag!r} of {peer} has {size} bytes; {self.limit} are allowed", party=peer)
        return None


def check_tag(tag: str) -> bytes:
    """The tag as it goes over the wire. Errors: CT-1207."""
    encoded = tag.encode("utf-8", "surrogatepass")
    if not 0 < len(encoded) <= TAG_LIMIT or not tag.isprintable():
        raise BAD_MESSAGE(f"the tag {tag[:80]!r} is empty, too long or not printable")
    return encoded


def array_bytes(array: NDArray[Any]) -> memoryview:
    """The raw little-endian bytes in C order; a view of the array wherever that is possible."""
    if array.dtype.kind not in "biuf":
        raise BAD_MESSAGE(f"arrays of {array.dtype} are not sent")
    flat: NDArray[Any] = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(-1)
    return flat.view(np.uint8).data.toreadonly()


def again(error: CoterieError) -> CoterieError:
    """A fresh copy to raise: one error ends calls of several threads."""
    return from_record(error.to_record())


class MessageChannel(ABC):
    """Typed messages over the two calls that an implementation gives: ``_send`` and ``_receive``."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    @property
    def peer(self) -> str:
        return self._peer

    @abstractmethod
    def _send(self, tag: str, kind: Kind, data: memoryview) -> None:
        """Send ``data``, which does not change any more."""

    @abstractmethod
    def _receive(self, expected: Expected, seconds: float | None = None) -> NDArray[np.uint8]:
        """The next message's bytes, an array of the caller's own; raises what ``expected`` finds, and then
        the channel is dead; CT-1251 after so many seconds, and then it goes on."""

    @abstractmethod
    def _refuse(self, error: CoterieError) -> CoterieError:
        """Kill the channel for a fault of the peer, and tell the peer. Returns ``error`` to raise."""

    def send_array(self, tag: str, array: NDArray[Any]) -> None:
        self._send(tag, Kind.ARRAY, array_bytes(array))

    def recv_array(self, tag: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
        kind = np.dtype(dtype)
        if kind.kind not in "biuf":
            raise BAD_MESSAGE(f"arrays of {kind} are not received")
        data = self._receive(Expected(tag, Kind.ARRAY, size=math.prod(shape) * kind.itemsize))
        if kind.kind == "b" and data.size and data.max() > 1:
            raise self._refuse(BAD_RECORD(f"{tag!r} of {self.peer} is no array of booleans", party=self.peer))
        array = data.view(kind.newbyteorder("<")).reshape(shape)
        return array.astype(kind, copy=False)

    def send_bytes(self, tag: str, data: bytes | bytearray | memoryview) -> None:
        self._send(tag, Kind.BYTES, memoryview(data).cast("B").toreadonly())

    def recv_bytes(self, tag: str, limit: int, seconds: float | None = None) -> bytes:
        return self._receive(Expected(tag, Kind.BYTES, limit=limit), seconds).tobytes()

    def send_record(self, tag: str, record: BaseModel) -> None:
        self._send(tag, Kind.RECORD, memoryview(canonical(record)))

    def recv_record(self, tag: str, model: type[M], limit: int = RECORD_LIMIT) -> M:
        data = self._receive(Expected(tag, Kind.RECORD, limit=limit)).tobytes()
        try:
            return read_record(data, model, limit, self.peer)
        except CoterieError as error:
            raise self._refuse(error) from error


def read_record(data: bytes, model: type[M], limit: int, peer: str) -> M:
    """A peer's record. Errors: CT-1204; what the peer wrote is not quoted, only where it is wrong."""
    try:
        parse_json(data, limit=limit)
        # Validated from the text, not from parsed values: only then does strict mode know JSON's types.
        return model.model_validate_json(data)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, f['loc'])) or 'record'}: {f['type']}" for f in error.errors()[:5]
        )
        raise BAD_RECORD(f"{model.__name__} of {peer}: {faults}"[:400], party=peer) from error
    except CoterieError as error:
        raise BAD_RECORD(f"{model.__name__} of {peer}: {error.detail}", party=peer) from error
