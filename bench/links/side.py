"""One measurement: forks into two processes, prints seconds by work as JSON."""

from __future__ import annotations

import json
import os
import secrets
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

import numpy as np

from bench.links.work import WORKS, End
from coterie.crypto import Identity
from coterie.wire import LinkMesh, PeerAddress


class LinkEnd:
    def __init__(
        self, identity: Identity, peer: PeerAddress, job: str, listener: socket.socket | None, drive: bool
    ) -> None:
        self._mesh = LinkMesh(identity, job, {peer.name: peer}, drive=drive)
        self._channel = self._mesh.to(peer.name)
        if listener:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            self._mesh.accept(listener.accept()[0])

    def send(self, array: np.ndarray) -> None:
        self._channel.send_array("x", array)

    def receive(self, items: int) -> np.ndarray:
        return self._channel.recv_array("x", np.uint64, (items,))

    def close(self) -> None:
        self._mesh.close()


class TlsEnd:
    def __init__(self, identity: Identity, peer: PeerAddress, listener: socket.socket, first: bool) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if first else ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(identity.certificate_path, identity.key_path)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=peer.identity.certificate_der)
        raw = socket.create_connection(("127.0.0.1", peer.port or 0)) if first else listener.accept()[0]
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tls = context.wrap_socket(raw, server_side=not first)
        self._sender: threading.Thread | None = None

    def send(self, array: np.ndarray) -> None:
        self._tls.sendall(array.view(np.uint8).data)

    def receive(self, items: int) -> np.ndarray:
        array = np.empty(items, np.uint64)
        room = array.view(np.uint8).data
        while room:
            room = room[self._tls.recv_into(room) :]
        return array

    def close(self) -> None:
        self._tls.close()


def main() -> None:
    side, *homes = sys.argv[1:]
    identities = [Identity.load(Path(home)) for home in homes]
    job = secrets.token_hex(16)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    child = os.fork()
    first = child != 0
    me, other = identities if first else identities[::-1]
    peer = PeerAddress(other.public, "127.0.0.1", port) if first else PeerAddress(other.public)
    end: End
    if side == "ssl":
        end = TlsEnd(me, peer, listener, first)
    else:
        end = LinkEnd(me, peer, job, None if first else listener, drive=side == "ours")
    found: dict[str, float] = {}
    for name, (work, items, times) in WORKS.items():
        if side == "ssl" and name == "both_ways":
            continue  # two blocking sockets that send before they receive wait for each other for ever
        array = np.arange(items, dtype=np.uint64)
        work(end, first, array)
        began = time.perf_counter()
        for _ in range(times):
            work(end, first, array)
        found[name] = (time.perf_counter() - began) / times
    end.close()
    if first:
        print(json.dumps(found))
        os.waitpid(child, 0)
    else:
        os._exit(0)


if __name__ == "__main__":
    main()
