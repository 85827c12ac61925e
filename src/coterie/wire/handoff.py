"""Passing an accepted connection from the node's process to a job's worker, over a Unix socket pair.

The connection travels as a file descriptor (SCM_RIGHTS), nothing of it read yet, beside a small typed record.
Frames: length (u32, little-endian), then canonical JSON; the descriptor rides on the first byte.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from coterie.crypto import PartyName, canonical
from coterie.wire.errors import HANDOFF_FAILED
from coterie.wire.frames import JobId
from coterie.wire.messages import read_record

RECORD_BYTES = 4096
"""Bytes of the record beside a descriptor: three short fields."""


class Inbound(BaseModel):
    """What the front door knows of a connection. None of it is proven before the TLS handshake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    job: JobId
    party: PartyName
    """To whom the caller wants to speak."""
    caller: Annotated[str, StringConstraints(max_length=100)]
    """Address of the TCP peer, for logs alone: a relay may stand in between."""


def handoff_pair() -> tuple[socket.socket, socket.socket]:
    """A socket pair: the first end is the node's, which never waits; the second the worker's."""
    node, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    node.setblocking(False)
    return node, worker


def send_fd(channel: socket.socket, connection: socket.socket, record: Inbound) -> None:
    """Hand ``connection`` over and close it here. Errors: CT-1236 where the worker is gone or does not
    read.
    """
    body = canonical(record)
    data = len(body).to_bytes(4, "little") + body
    try:
        # A record is far smaller than what a Unix socket takes in one piece: it goes whole or not at all.
        if socket.send_fds(channel, [data], [connection.fileno()]) != len(data):
            raise HANDOFF_FAILED("the record was cut")
    except (OSError, ValueError) as error:
        raise HANDOFF_FAILED(str(error)) from error
    finally:
        connection.close()


def recv_fd(channel: socket.socket) -> tuple[socket.socket, Inbound] | None:
    """The next connection; None when the node has closed its end. Waits. Errors: CT-1236, CT-1204."""
    try:
        head, descriptors, _, _ = socket.recv_fds(channel, 4, 4)
        connections = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    except OSError as error:
        raise HANDOFF_FAILED(str(error)) from error
    try:
        if not head and not connections:
            return None
        size = int.from_bytes(head + _exactly(channel, 4 - len(head)), "little")
        if len(connections) != 1 or size > RECORD_BYTES:
            raise HANDOFF_FAILED(f"{len(connections)} descriptors with a record of {size} bytes")
        record = read_record(_exactly(channel, size), Inbound, RECORD_BYTES, "the node")
        os.set_inheritable(connections[0].fileno(), False)
        return connections[0], record
    except BaseException:
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.close()
        raise


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = channel.recv(size - len(data))
        if not piece:
            raise HANDOFF_FAILED("the node closed its end within a record")
        data += piece
    return data
