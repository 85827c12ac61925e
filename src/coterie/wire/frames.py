"""The bytes of a link: headers and the hello. docs/formats/links.md says the same for other languages.

Everything here is pure: bytes in, values out, or a coded error. Nothing is allocated by a length that has not
been checked.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from coterie.crypto import PartyName, canonical
from coterie.errors import CoterieError, from_record
from coterie.wire.errors import BAD_FRAME, NO_TLS, OTHER_VERSION
from coterie.wire.mesh import DEPTH_LIMIT
from coterie.wire.messages import MESSAGE_LIMIT, TAG_LIMIT, Kind, read_record

VERSION = 1

WELCOME = b"coterie" + bytes([VERSION])
"""What the accepting side says as soon as it has accepted the caller's certificate, on every Coterie
protocol. The caller waits for it: only then does it know that it was let in (TLS 1.3 tells clients late),
and why not.
"""

CHUNK = 1 << 20
"""Payload bytes of a frame. Small enough that little is sent again after a lost connection and that an error
report need not wait long for its turn; large enough that the 48 bytes of a header do not count.
"""

FAIL_LIMIT = 8192
"""Bytes of an error report: two texts of at most 500 characters and two names."""

HELLO_LIMIT = 16384
"""Bytes of a hello: about 300 are used, and an error report where there is one."""

HEADER = struct.Struct("<BBHIQQQQII")
HEADER_SIZE = HEADER.size  # 48

SEQUENCE_LIMIT = 1 << 63


class FrameKind(IntEnum):
    MESSAGE = 1
    """The first chunk of a message, after its tag."""
    CHUNK = 2
    """A further chunk."""
    STATE = 3
    """Nothing but the acknowledgement in its header: also the heartbeat."""
    FAIL = 4
    """An error report: the sender has given up. Not sequenced; it overtakes queued frames."""
    BYE = 5
    """The sender will send no more messages."""


_KINDS = {int(kind): kind for kind in FrameKind}
_MESSAGE_KINDS: dict[int, Kind | None] = {0: None} | {int(kind): kind for kind in Kind}

SEQUENCED = frozenset({FrameKind.MESSAGE, FrameKind.CHUNK, FrameKind.BYE})


class Header(NamedTuple):
    """A named tuple: two are made for every small message, and frozen data classes are slow to make."""

    kind: FrameKind
    seq: int = 0
    """1, 2, 3, ... over the sequenced frames of one direction, through all connections; else 0."""
    acked: int = 0
    """The last sequence number that the header's sender has received in full."""
    taken: int = 0
    """Bytes of the window that the header's sender has freed since the beginning."""
    length: int = 0
    """Payload bytes that follow header and tag."""
    tag_length: int = 0
    message: Kind | None = None
    depth: int = 0
    total: int = 0
    """Bytes of the whole message, in its first frame."""

    def encode(self) -> bytes:
        return HEADER.pack(
            self.kind,
            self.message or 0,
            self.tag_length,
            self.depth,
            self.seq,
            self.acked,
            self.taken,
            self.total,
            self.length,
            0,
        )


def decode_header(data: bytes | bytearray | memoryview, peer: str, offset: int = 0) -> Header:
    """The 48 bytes at ``offset`` as a header that is valid by itself. Errors: CT-1213."""
    kind, message, tag_length, depth, seq, acked, taken, total, length, zero = HEADER.unpack_from(
        data, offset
    )
    fault = _fault(kind, message, tag_length, depth, seq, total, length, zero)
    if fault or acked >= SEQUENCE_LIMIT or taken >= SEQUENCE_LIMIT:
        raise BAD_FRAME(f"{peer}: {fault or 'an acknowledgement beyond reason'}", party=peer)
    return Header(
        _KINDS[kind],
        seq,
        acked,
        taken,
        length,
        tag_length,
        _MESSAGE_KINDS[message],
        depth,
        total,
    )


_LENGTHS = {
    FrameKind.CHUNK: (1, CHUNK),
    FrameKind.STATE: (0, 0),
    FrameKind.FAIL: (1, FAIL_LIMIT),
    FrameKind.BYE: (0, 0),
}


def _fault(
    kind: int, message: int, tag_length: int, depth: int, seq: int, total: int, length: int, zero: int
) -> str | None:
    if zero:
        return "reserved bytes are in use"
    if (seq > 0) != (kind in SEQUENCED) or seq >= SEQUENCE_LIMIT:
        return f"sequence number {seq} in a frame of kind {kind}"
    if kind == FrameKind.MESSAGE:
        return _message_fault(message, tag_length, depth, total, length)
    if kind not in _LENGTHS:
        return f"frame kind {kind}"
    if message or tag_length or depth or total:
        return "a field is set that this kind of frame has not"
    least, most = _LENGTHS[FrameKind(kind)]
    if not least <= length <= most:
        return f"{length} bytes in a frame of kind {kind}"
    return None


def _message_fault(message: int, tag_length: int, depth: int, total: int, length: int) -> str | None:
    if message not in (Kind.ARRAY, Kind.BYTES, Kind.RECORD):
        return f"message kind {message}"
    if not 0 < tag_length <= TAG_LIMIT:
        return f"a tag of {tag_length} bytes"
    if depth >= DEPTH_LIMIT:
        return f"depth {depth}"
    if total > MESSAGE_LIMIT:
        return f"a message of {total} bytes"
    if length != min(total, CHUNK):
        return f"a first chunk of {length} bytes in a message of {total}"
    return None


def decode_tag(data: bytes, peer: str) -> str:
    """A message's tag. Errors: CT-1213 where it is not printable UTF-8."""
    try:
        tag = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BAD_FRAME(f"{peer}: a tag that is not UTF-8", party=peer) from error
    if not tag.isprintable():
        raise BAD_FRAME(f"{peer}: a tag that is not printable", party=peer)
    return tag


JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
_Session = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
_Text = Annotated[str, StringConstraints(max_length=1000)]


class Failure(BaseModel):
    """An error as another party reports it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    code: Annotated[str, StringConstraints(max_length=7)]
    detail: _Text
    next_step: _Text
    party: _Text | None
    step: _Text | None


def failure_of(error: CoterieError) -> Failure:
    """An error as it is told to a peer: short, printable, without anything that only this party knows."""

    def text(value: str, limit: int) -> str:
        return "".join(c if c.isprintable() else "?" for c in value[:limit])

    error = error.for_peers()
    return Failure(
        code=error.code,
        detail=text(error.detail, 500),
        next_step=text(error.next_step, 500),
        party=text(error.party, 64) if error.party else None,
        step=text(error.step, 64) if error.step else None,
    )


def error_of(failure: Failure, peer: str) -> CoterieError:
    """The error that a peer reports; its own where it names no other party."""
    return from_record(failure.model_dump()).at(party=peer)


class Hello(BaseModel):
    """What both sides of a new connection say first, at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: int
    job: JobId
    party: PartyName
    """The speaker."""
    session: _Session
    """Random, one for the life of the speaker's worker process and this job."""
    peer_session: _Session | None
    """The listener's session as the speaker knows it; None before the first connection."""
    received: Annotated[int, Field(ge=0, lt=SEQUENCE_LIMIT)]
    """The last sequence number that the speaker has received in full. The listener goes on after it."""
    taken: Annotated[int, Field(ge=0, lt=SEQUENCE_LIMIT)]
    window: Annotated[int, Field(ge=4 * CHUNK, lt=SEQUENCE_LIMIT)]
    """Bytes of room that the speaker gives the listener."""
    status: Literal["ready", "probe", "gone", "not-yet"] = "ready"
    """``probe``: asks whether the listener lives, and hangs up. ``gone`` and ``not-yet``: a node's answer
    where the job has no worker any more, or none yet; with ``failure`` where there is a reason.
    """
    failure: Failure | None = None


def check_welcome(welcome: bytes, peer: str) -> None:
    """Errors: CT-1217 for another version, CT-1222 for anything else."""
    if welcome == WELCOME:
        return
    if welcome[:-1] == WELCOME[:-1]:
        raise OTHER_VERSION(f"{peer} speaks version {welcome[-1]}, this node {VERSION}", party=peer)
    raise NO_TLS(f"{peer} does not speak the protocol that was asked for", party=peer)


class _Version(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    version: int


def encode_hello(hello: Hello) -> bytes:
    """Length (u32, little-endian) and canonical JSON."""
    body = canonical(hello)
    return len(body).to_bytes(4, "little") + body


def decode_hello(body: bytes, peer: str) -> Hello:
    """Errors: CT-1217 for another version, CT-1204 for anything that is no hello."""
    version = read_record(body, _Version, HELLO_LIMIT, peer).version
    if version != VERSION:
        raise OTHER_VERSION(f"{peer} speaks version {version}, this node {VERSION}", party=peer)
    return read_record(body, Hello, HELLO_LIMIT, peer)
