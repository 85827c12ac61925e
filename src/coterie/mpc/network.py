"""What a plan takes for granted of the network: how long a message is on its way, how much a line carries.

It is a public fact like the number of rows: where there are several protocols for one operation, plans choose
by it, so that all participants must take the same. Measured figures are rounded to classes for that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from coterie.mpc.tape import Cost, Setting, count_bytes, count_rounds
from coterie.wire import Mesh

LATENCIES = (5e-5, 1.5e-4, 5e-4, 1.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25)
"""Classes, in seconds."""
BANDWIDTHS = (1e6, 1e7, 1e8, 1e9, 1e10)
"""Classes, in bits per second."""


@dataclass(frozen=True)
class Network:
    """Of every line between two participants."""

    latency: float
    """Seconds that a small message is on its way: half of what ``ping`` shows."""
    bandwidth: float
    """Bytes per second in each direction, for each participant in all."""

    LAN: ClassVar[Network]
    WAN: ClassVar[Network]
    NARROW: ClassVar[Network]

    def __post_init__(self) -> None:
        if not (0 < self.latency < math.inf and 0 < self.bandwidth < math.inf):
            raise ValueError(f"a network of {self.latency} s and {self.bandwidth} bytes/s")

    @staticmethod
    def of(latency: float, bandwidth: float) -> Network:
        """The class of measured figures: the nearest, on a logarithmic scale."""
        rate = _nearest(BANDWIDTHS, bandwidth * 8)
        return Network(_nearest(LATENCIES, latency), rate / 8)

    @staticmethod
    def worst(networks: Sequence[Network]) -> Network:
        """What several lines can be relied on for."""
        return Network(max(n.latency for n in networks), min(n.bandwidth for n in networks))

    def seconds(self, setting: Setting, cost: Cost) -> float:
        """About how long an operation takes, if lines are all it waits for: the longest chain of messages,
        and what the busiest participant sends or receives."""
        depths = dict.fromkeys((*setting.parties, setting.dealer), 0)
        count_rounds(depths, cost.rounds)
        sent: dict[str, dict[str, int]] = {}
        count_bytes(sent, cost.rounds)
        loads = [sum(targets.values()) for targets in sent.values()]
        for target in setting.parties:
            loads.append(sum(targets.get(target, 0) for targets in sent.values()))
        return max(depths.values()) * self.latency + max(loads, default=0) / self.bandwidth

    def __str__(self) -> str:
        return f"round trip {self.latency * 2e3:g} ms, {self.bandwidth * 8 / 1e6:g} Mb/s"

    def to_dict(self) -> dict[str, Any]:
        return {"latency": self.latency, "bandwidth": self.bandwidth}


Network.LAN = Network(5e-4, 1e9 / 8)
Network.WAN = Network(2.5e-2, 1e8 / 8)
Network.NARROW = Network(2.5e-2, 1e7 / 8)

DEFAULT = Network.LAN
"""Where a plan says nothing of the network."""


def _nearest(classes: Sequence[float], value: float) -> float:
    return min(classes, key=lambda one: abs(math.log(one / value)))


PINGS = 8
SIZES = (1 << 16, 1 << 19, 1 << 22)
"""Bytes of the transfers; larger ones only where smaller ones were over soon."""
ENOUGH = 0.2
"""Seconds of a transfer that tell the bandwidth."""


def measure(mesh: Mesh, peer: str, clock: Callable[[], float] = time.perf_counter) -> Network:
    """The class of the line to ``peer``, who calls this at the same time. Both get the same.

    Some echoes, and transfers up to 4 MiB each way. Errors: what the links raise.
    """
    first = mesh.me < peer
    mine = _lead(mesh, peer, clock) if first else _follow(mesh, peer)
    theirs = _follow(mesh, peer) if first else _lead(mesh, peer, clock)
    return Network.worst([mine, theirs])


def _lead(mesh: Mesh, peer: str, clock: Callable[[], float]) -> Network:
    """Time the peer's answers, and tell it."""
    channel = mesh.to(peer)
    round_trip = math.inf
    for _ in range(PINGS):
        round_trip = min(round_trip, _transfer(mesh, peer, 1, clock))
    rate = 0.0
    for number, size in enumerate(SIZES):
        seconds = max(_transfer(mesh, peer, size, clock) - round_trip, 1e-6)
        rate = size / seconds
        more = number + 1 < len(SIZES) and seconds < ENOUGH
        channel.send_array("network/more", np.array([more], np.uint8))
        if not more:
            break
    found = Network.of(round_trip / 2, rate)
    channel.send_array("network/found", np.array([found.latency, found.bandwidth]))
    return found


def _transfer(mesh: Mesh, peer: str, size: int, clock: Callable[[], float]) -> float:
    """Seconds until so many bytes are acknowledged."""
    channel, data = mesh.to(peer), np.zeros(size, np.uint8)
    began = clock()
    channel.send_array("network/data", data)
    channel.recv_array("network/seen", np.uint8, (1,))
    return clock() - began


def _follow(mesh: Mesh, peer: str) -> Network:
    """Answer the peer that measures."""
    channel = mesh.to(peer)

    def answer(size: int) -> None:
        channel.recv_array("network/data", np.uint8, (size,))
        channel.send_array("network/seen", np.zeros(1, np.uint8))

    for _ in range(PINGS):
        answer(1)
    for size in SIZES:
        answer(size)
        if not channel.recv_array("network/more", np.uint8, (1,))[0]:
            break
    latency, bandwidth = channel.recv_array("network/found", np.float64, (2,))
    return Network.of(float(latency), float(bandwidth))
