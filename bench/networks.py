"""Passes and operations over shaped lines, both sides behind the same shaper: lan, wan, narrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from bench import logistic, operations
from bench.line import LAN, NARROW, WAN, Shape
from bench.logistic import ours as logistic_ours
from bench.logistic import spu_side as logistic_spu
from bench.logistic import work as logistic_work
from bench.operations import ours, spu_side
from bench.operations import work as operations_work
from bench.operations.side import Run
from bench.records import RESULTS, Record
from bench.turns import by_side, in_turn

__all__ = ["PLACES", "Place", "benchmark", "method", "works"]

METHOD = """The same works as elsewhere, each pair of parties over a line of its own: {line}.

- Lines are a proxy in user space, on the same machine, between every two processes of either side, our
  dealer included: each direction of each line has the bandwidth, a round trip (as `ping` shows it) the
  latency. A new connection waits one round trip. See `bench/line.py` for the model, `bench/shaper.py` for
  what it leaves out.
- Sides, times, bytes and errors as under `logistic` and `operations`; SPU with SEMI2K, its protocol for two
  parties. Few passes, and smaller works, where SPU would need minutes."""


@dataclass(frozen=True)
class Place:
    """A work on a network."""

    shape: Shape
    work: str
    passes: int = 2
    """Of SPU, where the work is a logistic regression."""

    @property
    def name(self) -> str:
        return f"{self.shape.name}:{self.work}"


PLACES = (
    Place(LAN, "lr_100000x100", passes=3),
    Place(LAN, "less_1e6"),
    Place(LAN, "sigmoid_1e6"),
    Place(LAN, "matmul_512"),
    Place(WAN, "lr_100000x100", passes=1),
    Place(WAN, "less_1e6"),
    Place(WAN, "sigmoid_1e5"),
    Place(WAN, "matmul_512"),
    Place(NARROW, "lr_30000x23", passes=1),
    Place(NARROW, "less_1e5"),
    Place(NARROW, "sigmoid_1e4"),
)

SLOW_PASSES = 5
"""Of our side, where a pass takes long on the line."""

PROTOCOL = "SEMI2K"

T = TypeVar("T")


def method(shape: Shape) -> str:
    """Of the page."""
    return METHOD.format(line=shape.describe())


def works(shape: Shape) -> list[str]:
    """All of a network, called by it and the work, as in ``wan:less_1e6``."""
    return [place.name for place in PLACES if place.shape == shape]


def benchmark(
    shape: Shape, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure every side in turn, ``turns`` times.

    :param works: names of the works to measure; all of the network where None.
    :param without: sides to leave out: "ours", "spu".
    """
    records: list[Record] = []
    everything: list[dict[str, Any]] = []
    for place in PLACES:
        if place.shape != shape or (works and place.name not in works):
            continue
        measure = _passes if place.work.startswith("lr_") else _operation
        found, runs = measure(place, turns, without)
        records += found
        everything += [{"work": place.name} | run for run in runs]
    return records, everything


def _operation(
    place: Place, turns: int, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    work = operations_work.sized(place.work)
    data = operations_work.generate(work, RESULTS / "data")
    # Memory is not what takes the time here: once is enough.
    variants = tuple(
        replace(variant, repeats=1)
        for variant in spu_side.variants(work, PROTOCOL)
        if variant.name in ("", " segments")
    )
    sides: dict[str, Callable[[], list[Run]]] = {
        "ours": lambda: [ours.measure(work, data, place.shape)],
        "spu": lambda: spu_side.measure(work, data, PROTOCOL, place.shape, variants),
    }
    runs, missing = in_turn(place.name, _but(sides, without), turns)
    records = operations.compared(work, place.name, runs)
    return [*records, *_missing(place, missing)], [asdict(run) for run in runs]


def _passes(place: Place, turns: int, without: frozenset[str]) -> tuple[list[Record], list[dict[str, Any]]]:
    (known,) = (work for work in logistic_work.WORKS if work.name == place.work)
    own_passes = known.own_passes if place.shape == LAN else SLOW_PASSES
    work = replace(known, passes=place.passes, own_passes=own_passes)
    data, folder = logistic_work.generate(work, RESULTS / "data")
    truth, _ = logistic_work.train(work, data, work.passes)
    own_truth, _ = logistic_work.train(work, data, work.own_passes)
    (protocol,) = (one for one in logistic_spu.PROTOCOLS if one.name == PROTOCOL)
    programs = (logistic_spu.EXACT, logistic_spu.BOTH)
    sides: dict[str, logistic.Measure] = {
        "ours": lambda: [logistic_ours.measure(work, data, folder, own_truth, place.shape)],
        "spu": lambda: logistic_spu.measure(work, folder, protocol, truth, place.shape, programs),
    }
    runs, missing = in_turn(place.name, _but(sides, without), turns)
    mine, peers = by_side(runs, logistic_ours.SIDE)
    records = [
        replace(logistic.pass_record(work, mine, side, theirs), work=place.name)
        for side, theirs in peers.items()
    ]
    return [*records, *_missing(place, missing)], [asdict(run) for run in runs]


def _but(sides: dict[str, T], without: frozenset[str]) -> dict[str, T]:
    return {name: side for name, side in sides.items() if name not in without}


def _missing(place: Place, reason: str | None) -> list[Record]:
    return [Record(place.name, note=reason)] if reason else []
