"""Coterie's side of a secure sum: all clients and the coordinator in one process, each with its own state.

What one sends, the other gets as bytes. Clocks are the process's processor time, of all threads; they stand
while vectors are made. Neither side's messages go over a network.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import machine
from bench.fl.work import HIDDEN, Sum
from bench.vectors import values
from coterie.fl import Client, Coordinator, Roster, Session

STAGES = ("keys", "coins", "shares", "masked", "survivors", "unmasking")
"""What clients send, in order. Without a graph there are no coins."""
GROUP_KEY = bytes(range(32))

T = TypeVar("T")


class Play:
    """One sum."""

    def __init__(self, work: Sum, hidden: bool) -> None:
        self.work = work
        self.parts: dict[str, float] = {}
        keys = [Ed25519PrivateKey.generate() for _ in range(work.clients)]
        names = tuple(f"client-{index}" for index in range(work.clients))
        roster = Roster(names, tuple(key.public_key().public_bytes_raw() for key in keys))
        run = secrets.token_bytes(16)
        self.session = Session(run, 0, roster, work.rules, work.values, work.form, hidden)
        self.signing = dict(zip(names, keys, strict=True))
        self.truth = np.zeros(work.values)
        self.error = 0.0
        self.sent, self.received = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        self.clients: dict[str, Client] = {}

    def run(self) -> None:
        """From the first message to everybody's total. The first clients drop out."""
        gone = set(self.session.roster.names[: self.work.dropped])
        coordinator = self._clocked("coordinator", lambda: Coordinator(self.session))
        for index, name in enumerate(self.session.roster.names):
            self._begin(index, name, counted=name not in gone)
        asked: dict[str, bytes | None] = dict.fromkeys(self.clients)
        for stage in STAGES:
            if stage == "coins" and self.session.rules.complete:
                continue
            for name, data in asked.items():
                if stage != "masked" or name not in gone:
                    self._answer(coordinator, stage, name, data)
            asked = dict(self._clocked("coordinator", coordinator.advance))
        for name, data in asked.items():
            self._finish(name, data)
        if coordinator.faults or len(coordinator.survivors) != self.work.left:
            raise RuntimeError(f"{len(coordinator.survivors)} survived; faults: {coordinator.faults}")

    def _begin(self, index: int, name: str, counted: bool) -> None:
        vector = values(index, self.work.values)
        if counted:
            self.truth += vector
        key = GROUP_KEY if self.session.hidden else None
        self.clients[name] = self._clocked(
            "keys", lambda: Client(name, self.session, vector, self.signing[name].sign, key)
        )

    def _answer(self, coordinator: Coordinator, stage: str, name: str, data: bytes | None) -> None:
        """A client's message goes to the coordinator at once: nobody holds all of them."""
        client = self.clients[name]
        if data is None:
            answer = self._clocked(stage, client.start)
        else:
            self.received[name] += len(data)
            answer = self._clocked(stage, lambda: client.receive(data)) or b""
        self.sent[name] += len(answer)
        self._clocked("coordinator", lambda: coordinator.receive(name, answer))

    def _finish(self, name: str, data: bytes | None) -> None:
        assert data is not None
        client = self.clients.pop(name)
        self.received[name] += len(data)
        self._clocked("total", lambda: client.receive(data))
        self.error = max(self.error, float(np.abs(client.result - self.truth).max()))

    def _clocked(self, part: str, act: Callable[[], T]) -> T:
        began = time.process_time()
        try:
            return act()
        finally:
            self.parts[part] = self.parts.get(part, 0.0) + time.process_time() - began


def measured(work: Sum, side: str) -> dict[str, Any]:
    """Sum once; the fields of :class:`bench.fl.side.Run`."""
    play = Play(work, hidden=side == HIDDEN)
    began = time.perf_counter()
    play.run()
    seconds = time.perf_counter() - began
    server = play.parts.pop("coordinator")
    return {
        "clients_s": sum(play.parts.values()),
        "server_s": server,
        "wall_s": seconds,
        "sent": max(play.sent.values()),
        "received": max(play.received.values()),
        "error": play.error,
        "memory": machine.peak(),
        "parts": play.parts,
    }


def main(spec_path: str, result_path: str) -> None:
    """Sum once, write what it took."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    result = measured(Sum(**spec["work"]), spec["side"])
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
