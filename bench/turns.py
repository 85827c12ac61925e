"""Measuring several sides in turn, so that a machine that slows down slows them all down."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Protocol, TypeVar

from bench.peers import PeerMissing


class Timed(Protocol):
    """One measurement of one side."""

    @property
    def side(self) -> str: ...
    @property
    def seconds(self) -> float: ...


T = TypeVar("T", bound=Timed)


def in_turn(name: str, sides: Mapping[str, Callable[[], list[T]]], turns: int) -> tuple[list[T], str | None]:
    """Measure each side, ``turns`` times, one after the other.

    :param sides: by name. Those of a peer that is missing, by the first word of their names, are left out.
    :returns: all measurements, and why peers have none.
    """
    runs: list[T] = []
    missing: dict[str, str] = {}
    for turn in range(turns):
        for side, measure in sides.items():
            peer = side.partition(" ")[0]
            if peer in missing:
                continue
            try:
                found = measure()
            except PeerMissing as reason:
                missing[peer] = f"not measured: {reason}"
                print(missing[peer], flush=True)
                continue
            runs += found
            load = os.getloadavg()[0]
            for run in found:
                print(
                    f"{name} turn {turn + 1}: {run.side}: {run.seconds:.4f} s (load {load:.1f})", flush=True
                )
    return runs, "; ".join(missing.values()) or None


def by_side(runs: Sequence[T], ours: str) -> tuple[list[T], dict[str, list[T]]]:
    """Our own measurements, and those of each peer."""
    sides: dict[str, list[T]] = {}
    for run in runs:
        sides.setdefault(run.side, []).append(run)
    return sides.pop(ours, []), sides


def middle(runs: Sequence[Timed], name: str = "seconds") -> float | None:
    """The median of a field; None where a run lacks it, or there is none."""
    values = [getattr(run, name) for run in runs]
    return median(values) if values and None not in values else None


def largest(runs: Sequence[Timed], name: str) -> Any:
    """The largest value of a field; None where a run lacks it, or there is none."""
    values = [getattr(run, name) for run in runs]
    return max(values) if values and None not in values else None
