"""What a plan takes for granted of the network: how long a message is on its way, how much a line carries.

It is a public fact like the number of rows: where there are several protocols for one operation, plans choose
by it, so that all participants must take the same. Measured figures are rounded to classes for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from coterie.mpc.tape import Cost, Setting, count_bytes, count_rounds

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
