"""gRPC between two processes, in an environment of its own: prints seconds by work as JSON.

One stream in both directions over TLS 1.3 with both certificates; messages are bytes as they are, no
protobuf. It is called with a folder of keys and the works as JSON: name, kind, numbers of 64 bits, times.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np

PIECE = 1 << 20
"""Bytes of a message at most: whole arrays of 80 MiB in one message take longer."""
OPTIONS = [("grpc.max_receive_message_length", 2 * PIECE), ("grpc.max_send_message_length", 2 * PIECE)]
METHOD = ("bench.Link", "Talk")


class End:
    """One end of the stream."""

    def __init__(self) -> None:
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.incoming: Iterator[bytes] = iter(())

    def outgoing(self) -> Iterator[bytes]:
        """What is sent, until the end is closed."""
        while (piece := self._outgoing.get()) is not None:
            yield piece

    def send(self, array: np.ndarray) -> None:
        data = array.view(np.uint8).data
        for start in range(0, len(data), PIECE):
            self._outgoing.put(bytes(data[start : start + PIECE]))

    def receive(self, items: int) -> np.ndarray:
        array = np.empty(items, np.uint64)
        room = array.view(np.uint8).data
        while room:
            piece = next(self.incoming)
            room[: len(piece)] = piece
            room = room[len(piece) :]
        return array

    def close(self) -> None:
        self._outgoing.put(None)


def round_trip(end: End, first: bool, array: np.ndarray) -> None:
    if first:
        end.send(array)
        end.receive(array.size)
    else:
        end.send(end.receive(array.size))


def exchange(end: End, _first: bool, array: np.ndarray) -> None:
    end.send(array)
    end.receive(array.size)


def one_way(end: End, first: bool, array: np.ndarray) -> None:
    if first:
        end.send(array)
        end.receive(1)
    else:
        end.receive(array.size)
        end.send(array[:1])


KINDS: dict[str, Callable[[End, bool, np.ndarray], None]] = {
    "round_trip": round_trip,
    "exchange": exchange,
    "one_way": one_way,
}


def play(end: End, first: bool, works: list[dict[str, Any]]) -> dict[str, float]:
    """All works; seconds of each."""
    found = {}
    for one in works:
        array, work = np.arange(one["items"], dtype=np.uint64), KINDS[one["kind"]]
        work(end, first, array)
        began = time.perf_counter()
        for _ in range(one["times"]):
            work(end, first, array)
        found[one["name"]] = (time.perf_counter() - began) / one["times"]
    return found


def serve(folder: Path, works: list[dict[str, Any]], told: int) -> None:
    """The second process: tells its port, answers one stream."""
    server = grpc.server(ThreadPoolExecutor(1), options=OPTIONS)
    ended = queue.SimpleQueue[None]()

    def talk(incoming: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        end = End()
        end.incoming = incoming
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(lambda: (play(end, first=False, works=works), end.close()))
            yield from end.outgoing()
            done.result()
        ended.put(None)

    handler = grpc.stream_stream_rpc_method_handler(talk)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(METHOD[0], {METHOD[1]: handler}),))
    key, chain, root = (folder / name for name in ("beta.key", "beta.pem", "alpha.pem"))
    pairs = [(key.read_bytes(), chain.read_bytes())]
    port = server.add_secure_port(
        "127.0.0.1:0", grpc.ssl_server_credentials(pairs, root.read_bytes(), require_client_auth=True)
    )
    server.start()
    os.write(told, str(port).encode())
    ended.get()
    server.stop(5).wait()  # the stream may not have said yet that it ended


def ask(folder: Path, works: list[dict[str, Any]], port: int) -> dict[str, float]:
    """The first process."""
    key, chain, root = (folder / name for name in ("alpha.key", "alpha.pem", "beta.pem"))
    credentials = grpc.ssl_channel_credentials(root.read_bytes(), key.read_bytes(), chain.read_bytes())
    options = [*OPTIONS, ("grpc.ssl_target_name_override", "beta")]
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        end = End()
        end.incoming = channel.stream_stream("/".join(("", *METHOD)))(end.outgoing())
        found = play(end, first=True, works=works)
        end.close()
        list(end.incoming)
    return found


def main(folder: str, given: str) -> None:
    """Fork before gRPC starts threads."""
    works, (reading, writing) = json.loads(given), os.pipe()
    child = os.fork()
    if child == 0:
        serve(Path(folder), works, writing)
        os._exit(0)
    found = ask(Path(folder), works, int(os.read(reading, 16)))
    os.waitpid(child, 0)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
