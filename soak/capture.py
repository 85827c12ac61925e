"""Everything that goes over loopback, searched as it goes by: ``python -m soak.capture ANSWER``, a process of
its own, which reads patterns as JSON from standard input and writes what it has found when that is closed.

A raw packet socket needs the right to open one (root, or CAP_NET_RAW): without it, it ends with status 3.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path

from soak.scan import Scanner

NO_RIGHT = 3
ALL = 0x0003
PACKET, STATISTICS, IGNORE_OUTGOING = 263, 6, 23
"""Linux: SOL_PACKET and two of its options; without the last one each packet would be seen twice."""
RECEIVE_BUFFER_FORCE = 33
BUFFER = 2**28
BATCH = 2**20
TCP = 6
LAST_SECONDS = 60.0
"""For what waits in the buffer at the end."""
CONTROLS = ("control at the begin", "control at the end")
"""What is planted in between must be found, or not all was seen."""


class Streams:
    """Payloads of packets, each with the end of what its connection carried before."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.bytes = 0
        self.found = Counter[str]()
        self._tails: dict[bytes, bytes] = {}
        self._waiting = bytearray()

    def add(self, connection: bytes, payload: bytes) -> None:
        """What one direction of a connection carried next."""
        self.bytes += len(payload)
        data = self._tails.get(connection, b"") + payload
        self._waiting += data
        self._tails[connection] = data[-self.scanner.overlap :]
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Search what waits. A pattern in an overlap counts twice: what matters is whether there is any."""
        self.found.update(name for _, name in self.scanner.find(bytes(self._waiting)))
        self._waiting.clear()
        if len(self._tails) > 2**16:
            self._tails.clear()


def payload(packet: bytes) -> tuple[bytes, bytes] | None:
    """The direction that a packet belongs to, and what it carries; None of an empty one.

    :param packet: with its Ethernet header, as loopback has one.
    """
    kind = struct.unpack_from(">H", packet, 12)[0]
    if kind == 0x0800:
        start = 14 + 4 * (packet[14] & 15)
        ends, protocol, stop = packet[26:34], packet[23], 14 + struct.unpack_from(">H", packet, 16)[0]
        if stop == 14:  # a large one, made by the system itself: longer than its field can say
            stop = len(packet)
    elif kind == 0x86DD:
        start, ends, protocol, stop = 54, packet[22:54], packet[20], len(packet)
    else:
        return packet[:14], packet[14:]
    if protocol != TCP:
        return ends, packet[start:stop]
    ports, offset = packet[start : start + 4], 4 * (packet[start + 12] >> 4)
    content = packet[start + offset : stop]
    return (ends + ports, content) if content else None


def main(answer: Path) -> int:
    """Until standard input is closed."""
    given = json.loads(sys.stdin.readline())
    streams = Streams(Scanner({name: bytes.fromhex(raw) for name, raw in given.items()}))
    try:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    except PermissionError:
        return NO_RIGHT
    with raw:
        raw.setsockopt(PACKET, IGNORE_OUTGOING, 1)
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, RECEIVE_BUFFER_FORCE, BUFFER)
        raw.bind(("lo", 0))
        raw.setblocking(False)
        print("ready", flush=True)
        packets = dropped = 0
        ending, last = False, None
        while True:
            ready, _, _ = select.select([raw] if ending else [raw, sys.stdin], [], [], 0.5)
            ending = ending or sys.stdin in ready
            if raw in ready:
                with contextlib.suppress(BlockingIOError):
                    for _ in range(256):
                        one = payload(raw.recv(2**18))
                        packets += 1
                        if one is not None:
                            streams.add(*one)
            else:
                streams.flush()
            if last is None and ending:
                last = time.monotonic() + LAST_SECONDS
            if last is not None:
                streams.flush()
                if streams.found[CONTROLS[1]] or time.monotonic() > last:
                    break
            dropped += struct.unpack("II", raw.getsockopt(PACKET, STATISTICS, 8))[1]
    streams.flush()
    told = {"packets": packets, "bytes": streams.bytes, "dropped": dropped, "found": dict(streams.found)}
    answer.write_text(json.dumps(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
