"""A party's account of one job's traffic: bytes by step and peer, budgets, and the Lamport depth."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from coterie.wire.errors import OVER_BUDGET, STEP_MISUSE
from coterie.wire.mesh import DEPTH_LIMIT, OUTSIDE, Traffic


@dataclass(slots=True)
class _Total:
    sent: int = 0
    received: int = 0
    wire_sent: int = 0
    wire_received: int = 0


class Account:
    """Thread-safe. One for each mesh."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[tuple[str, str], _Total] = {}
        self._step = OUTSIDE
        self._left: dict[str, int] | None = None
        self._depth = 0
        self._rounds: int | None = None
        """That the present step has at most."""
        self.loses = False
        """Whether peers may be lost: messages do not lift the depth beyond the step's rounds then."""
        self._sending: int | None = None
        """The depth at which everything is sent now; None for the present one."""

    @property
    def depth(self) -> int:
        return self._depth

    @property
    def current_step(self) -> str:
        return self._step

    @contextmanager
    def step(self, name: str, budget: Mapping[str, int] | None, rounds: int | None = None) -> Iterator[None]:
        with self._lock:
            if self._step != OUTSIDE or name == OUTSIDE:
                raise STEP_MISUSE(f"{name!r} inside {self._step!r}")
            self._step, self._depth, self._rounds = name, 0, rounds
            self._left = None if budget is None else dict(budget)
        try:
            yield
        finally:
            with self._lock:
                self._step, self._depth, self._left, self._rounds = OUTSIDE, 0, None, None

    @property
    def in_turn(self) -> bool:
        """Whether the program sends in turn with taking."""
        return self._sending is not None

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is sent inside counts as sent at the beginning."""
        with self._lock:
            self._sending = self._depth
        try:
            yield
        finally:
            with self._lock:
                self._sending = None

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
            self._total(self._step, peer).sent += size
            depth = self._depth if self._sending is None else self._sending
            return self._step, min(depth + 1, DEPTH_LIMIT - 1)

    def take(self, peer: str, size: int, depth: int, wire: int) -> None:
        """Account a message that the program has taken: ``size`` payload bytes, ``wire`` bytes of frames."""
        with self._lock:
            total = self._total(self._step, peer)
            total.received += size
            total.wire_received += wire
            if self.loses and self._rounds is not None:
                depth = min(depth, self._rounds)
            self._depth = max(self._depth, depth)

    def on_wire(self, peer: str, sent: Mapping[str | None, int], received: int = 0) -> None:
        """Account frames: written ones by step (None: the open one), and received ones that hold no
        message.
        """
        with self._lock:
            for step, count in sent.items():
                self._total(self._step if step is None else step, peer).wire_sent += count
            if received:
                self._total(self._step, peer).wire_received += received

    def _total(self, step: str, peer: str) -> _Total:
        return self._totals.setdefault((step, peer), _Total())

    def egress(self) -> dict[str, dict[str, Traffic]]:
        with self._lock:
            result: dict[str, dict[str, Traffic]] = {}
            for (step, peer), total in self._totals.items():
                result.setdefault(step, {})[peer] = Traffic(
                    total.sent, total.received, total.wire_sent, total.wire_received
                )
            return result
