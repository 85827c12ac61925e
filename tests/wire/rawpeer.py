"""A peer that holds a pinned key and speaks the link protocol by hand, from docs/formats/links.md alone."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import struct
from typing import Any

from coterie.crypto import Identity

HEADER = struct.Struct("<BBHIQQQQII")


def frame(
    kind: int,
    *,
    message: int = 0,
    tag: bytes = b"",
    depth: int = 0,
    seq: int = 0,
    acked: int = 0,
    taken: int = 0,
    total: int = 0,
    data: bytes = b"",
    length: int | None = None,
    tag_length: int | None = None,
    reserved: int = 0,
) -> bytes:
    size = len(data) if length is None else length
    tag_size = len(tag) if tag_length is None else tag_length
    return HEADER.pack(kind, message, tag_size, depth, seq, acked, taken, total, size, reserved) + tag + data


def message(seq: int, tag: bytes, data: bytes, total: int | None = None, kind: int = 2, **more: Any) -> bytes:
    size = len(data) if total is None else total
    return frame(1, message=kind, tag=tag, seq=seq, total=size, data=data, **{"depth": 1, **more})


def tls_client(
    identity: Identity | None, port: int, server_name: str, protocol: str, **versions: ssl.TLSVersion
) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    for name, version in versions.items():
        setattr(context, name, version)
    if identity:
        context.load_cert_chain(identity.certificate_path, identity.key_path)
    raw = socket.create_connection(("127.0.0.1", port), 10)
    return context.wrap_socket(raw, server_hostname=server_name)


class RawPeer:
    """Dials a mesh."""

    def __init__(self, identity: Identity, port: int, job: str, to: str) -> None:
        self.name = identity.name
        self.job = job
        self.session = secrets.token_hex(16)
        self.tls = tls_client(identity, port, f"{job}.{to}.coterie", "coterie-link/1")
        assert self.read(8) == b"coterie\x01"

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.tls.recv(count - len(data))
            if not piece:
                raise EOFError(f"{len(data)} of {count} bytes")
            data += piece
        return data

    def hello(self, **changes: Any) -> dict[str, Any]:
        """Greet, and return the answer."""
        mine = {
            "version": 1,
            "job": self.job,
            "party": self.name,
            "session": self.session,
            "peer_session": None,
            "received": 0,
            "taken": 0,
            "window": 1 << 28,
            "status": "ready",
            "failure": None,
        } | changes
        body = json.dumps(mine).encode()
        self.tls.sendall(struct.pack("<I", len(body)) + body)
        return self.read_hello()

    def read_hello(self) -> dict[str, Any]:
        answer = json.loads(self.read(struct.unpack("<I", self.read(4))[0]))
        assert isinstance(answer, dict)
        return answer

    def send(self, *frames: bytes) -> None:
        self.tls.sendall(b"".join(frames))

    def read_frame(self) -> tuple[int, bytes, bytes]:
        """Kind, tag, payload."""
        kind, _, tag_length, _, _, _, _, _, length, _ = HEADER.unpack(self.read(48))
        return kind, self.read(tag_length), self.read(length)

    def read_failure(self) -> dict[str, Any]:
        """The peer's error report; other frames before it are skipped."""
        while True:
            kind, _, payload = self.read_frame()
            if kind == 4:
                report = json.loads(payload)
                assert isinstance(report, dict)
                return report

    def close(self) -> None:
        self.tls.close()
