"""The lines between parties, as arithmetic: how long bytes take over a line of a given bandwidth and latency.

No sockets and no clock here: callers say what time it is. ``bench/shaper.py`` puts lines between real ones.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

SEGMENT_SECONDS = 0.001
"""A line is filled in pieces of this long: short beside any latency that matters, and long enough that one
Python thread keeps up with 1 Gb/s."""

SMALLEST_SEGMENT = 1500
LARGEST_SEGMENT = 256 * 1024
UNLIMITED_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Shape:
    """What every line of a network is like. Both directions of a line are alike and independent.

    Two parties share one line, however many connections they open; each pair of parties has its own.
    """

    name: str
    bits_per_second: float | None = None
    """Bandwidth of each direction; None where only the machine limits it. All bytes of TCP's streams count,
    TLS records too; headers of packets, some 3 % on a real line, do not."""
    round_trip: float = 0.0
    """Seconds that `ping` shows on an idle line: half of it is added in each direction."""
    jitter: float = 0.0
    """Seconds that a piece may take longer, evenly spread, in each direction. Order is kept, as by TCP."""
    queue: int = 256 * 1024
    """Bytes that may wait in front of each direction of a line. Beyond, the sender is held back, and nothing
    is thrown away: on a real line it ends at the same rate, after losses that this model does not have."""

    @property
    def one_way(self) -> float:
        """Seconds from one end to the other, on an idle line."""
        return self.round_trip / 2

    @property
    def bytes_per_second(self) -> float | None:
        """Bandwidth of each direction in bytes."""
        return None if self.bits_per_second is None else self.bits_per_second / 8

    @property
    def segment(self) -> int:
        """The most bytes that go onto the line as one piece, which arrives when its last bit does."""
        if self.bytes_per_second is None:
            return LARGEST_SEGMENT
        wanted = int(self.bytes_per_second * SEGMENT_SECONDS)
        return min(LARGEST_SEGMENT, max(SMALLEST_SEGMENT, wanted))

    @property
    def capacity(self) -> int:
        """Bytes that a direction holds at most: those on their way and those that wait."""
        if self.bytes_per_second is None:
            return UNLIMITED_BYTES
        return self.queue + self.segment + int(self.bytes_per_second * (self.one_way + self.jitter))

    def describe(self) -> str:
        """In words, for tables."""
        if self.bits_per_second is None and not self.round_trip:
            return "not shaped"
        rate = "any rate" if self.bits_per_second is None else f"{self.bits_per_second / 1e6:g} Mb/s"
        return f"{rate} each way, round trip {self.round_trip * 1e3:g} ms"


LOOPBACK = Shape("loopback")
LAN = Shape("lan", bits_per_second=1e9, round_trip=0.001)
WAN = Shape("wan", bits_per_second=1e8, round_trip=0.050)
NARROW = Shape("narrow", bits_per_second=1e7, round_trip=0.050)
SHAPES = {shape.name: shape for shape in (LOOPBACK, LAN, WAN, NARROW)}


class Line:
    """One direction of a line: a token bucket as deep as one segment, then a delay.

    :param seed: of the jitter.
    """

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        self.shape = shape
        self.carried = 0
        """Bytes that were let onto the line."""
        self.held = 0
        """Bytes that were let on and have not been delivered."""
        self._free_at = 0.0
        self._last_arrival = 0.0
        self._random = random.Random(seed)

    def has_room(self) -> bool:
        """Whether a whole segment may be let on now."""
        return self.held + self.shape.segment <= self.shape.capacity

    def admit(self, size: int, now: float) -> float:
        """Let bytes onto the line.

        :param now: seconds, never less than before.
        :returns: when the last of them arrives.
        """
        self.carried += size
        self.held += size
        leaves = now
        rate = self.shape.bytes_per_second
        if rate is not None:
            # Unused time is kept for one segment: who serves the line may come late by that much.
            self._free_at = max(self._free_at, now - self.shape.segment / rate) + size / rate
            leaves = max(now, self._free_at)
        late = self._random.uniform(0.0, self.shape.jitter) if self.shape.jitter else 0.0
        self._last_arrival = max(self._last_arrival, leaves + self.shape.one_way + late)
        return self._last_arrival

    def release(self, size: int) -> None:
        """Bytes have been delivered, or thrown away with their connection."""
        self.held -= size
