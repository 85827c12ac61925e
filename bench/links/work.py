"""What is measured: the same calls over any connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

ROUNDS = 2000
LARGE = 10 * (1 << 20)
LARGE_BYTES = LARGE * 8
REPEATS = 6

SMALL = 8


class End(Protocol):
    """One end of a connection."""

    def send(self, array: np.ndarray) -> None: ...
    def receive(self, items: int) -> np.ndarray: ...
    def close(self) -> None: ...


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


WORKS: dict[str, tuple[Callable[[End, bool, np.ndarray], None], int, int]] = {
    "round_trip": (round_trip, SMALL, ROUNDS),
    "exchange": (exchange, SMALL, ROUNDS),
    "one_way": (one_way, LARGE, REPEATS),
    "both_ways": (exchange, LARGE, REPEATS),
}
