"""A worker process for tests: connects to alpha's door and does what it is told on the command line."""

from __future__ import annotations

import os
import resource
import socket
import sys
import threading
from pathlib import Path

import numpy as np

from coterie.crypto import Identity, PublicIdentity
from coterie.wire import LinkMesh, PeerAddress


def main() -> None:
    home, job, public, port, act = sys.argv[1:]
    peer = PeerAddress(PublicIdentity.model_validate_json(public), "127.0.0.1", int(port))
    identity = Identity.load(Path(home))
    listener = socket.create_server(("127.0.0.1", 0))
    mesh = LinkMesh(identity, job, {peer.name: peer}, windows={peer.name: 32 << 20})
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=_accept, args=(listener, mesh), daemon=True).start()
    channel = mesh.to(peer.name)
    if act == "die":
        channel.send_array("data", np.zeros(8 << 20, np.uint8))
        channel.recv_bytes("now", 1)
        os._exit(9)
    elif act == "sink":
        for _ in range(16):
            channel.recv_array("data", np.uint64, (2 << 20,))
    elif act == "source":
        channel.recv_bytes("start", 1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(64):  # 1 GiB
            channel.send_array("data", np.full(2 << 20, number, np.uint64))
        mesh.close()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, flush=True)


def _accept(listener: socket.socket, mesh: LinkMesh) -> None:
    while True:
        mesh.accept(listener.accept()[0])


if __name__ == "__main__":
    main()
