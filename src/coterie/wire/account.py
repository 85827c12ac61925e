"""A party's account of one job's traffic: bytes by step and peer, budgets, and the Lamport depth."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from coterie.wire.errors import OVER_BUDGET, STEP_MISUSE
from coterie.wire.mesh import OUTSIDE, Traffic


class Account:
    """Thread-safe. One for each mesh."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traffic: dict[tuple[str, str], Traffic] = {}
        self._step = OUTSIDE
        self._left: dict[str, int] | None = None
        self._depth = 0

    @property
    def depth(self) -> int:
        return self._depth

    @property
    def current_step(self) -> str:
        return self._step

    @contextmanager
    def step(self, name: str, budget: Mapping[str, int] | None) -> Iterator[None]:
        with self._lock:
            if self._step != OUTSIDE or name == OUTSIDE:
                raise STEP_MISUSE(f"{name!r} inside {self._step!r}")
            self._step, self._depth = name, 0
            self._left = None if budget is None else dict(budget)
        try:
            yield
        finally:
            with self._lock:
                self._step, self._depth, self._left = OUTSIDE, 0, None

    def spend(self, peer: str, size: int, tag: str) -> tuple[str, int]:
        """Account ``size`` payload bytes to ``peer`` before they are sent: the step and the message's
        depth.
        """
        with self._lock:
            if self._left is not None:
                left = self._left.get(peer, 0)
                if size > left:
                    raise OVER_BUDGET(
                        f"{tag!r} to {peer} has {size} bytes; {left} are left in the budget", step=self._step
                    )
                self._left[peer] = left - size
            key = (self._step, peer)
            old = self._traffic.get(key, Traffic())
            self._traffic[key] = replace(old, sent=old.sent + size)
            return self._step, self._depth + 1

    def take(self, peer: str, size: int, depth: int) -> None:
        """Account a message that the program has taken."""
        with self._lock:
            key = (self._step, peer)
            old = self._traffic.get(key, Traffic())
            self._traffic[key] = replace(old, received=old.received + size)
            self._depth = max(self._depth, depth)

    def on_wire(self, peer: str, sent: int, received: int) -> None:
        """Account frame bytes, to the step that is open now."""
        with self._lock:
            key = (self._step, peer)
            old = self._traffic.get(key, Traffic())
            self._traffic[key] = replace(
                old, wire_sent=old.wire_sent + sent, wire_received=old.wire_received + received
            )

    def egress(self) -> dict[str, dict[str, Traffic]]:
        with self._lock:
            result: dict[str, dict[str, Traffic]] = {}
            for (step, peer), traffic in self._traffic.items():
                result.setdefault(step, {})[peer] = traffic
            return result
