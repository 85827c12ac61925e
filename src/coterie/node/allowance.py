"""How much of this node's disk a peer may use up: each of its requests that is written down counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import PEER_ASKS_TOO_MUCH

__all__ = ["BURST", "PAUSE_SECONDS", "Allowance"]

BURST = 1000
"""Requests at once: some hundred jobs, each of which is a few."""

PAUSE_SECONDS = 5.0
"""Until one more is allowed. At a few KiB of ledger and store each, that is less than 100 MB a day."""


@dataclass
class _Account:
    left: float
    seen: float


class Allowance:
    """A token bucket for each peer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def take(self, peer: str) -> None:
        """Count one request of ``peer``. :raises CoterieError: CT-5026."""
        now = self._clock()
        account = self._accounts.setdefault(peer, _Account(BURST, now))
        account.left = min(BURST, account.left + (now - account.seen) / PAUSE_SECONDS)
        account.seen = now
        if account.left < 1:
            raise PEER_ASKS_TOO_MUCH(f"{BURST} at once, then one in {PAUSE_SECONDS:.0f} s", party=peer)
        account.left -= 1
