"""Single operations on secret arrays, beside SPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from bench.operations import ours, spu_side
from bench.operations.side import Run
from bench.operations.work import Data, Work, generate, named
from bench.records import RESULTS, Record, compare
from bench.spu import VERSION
from bench.turns import by_side, in_turn, largest, middle

__all__ = ["METHOD", "benchmark", "works"]

METHOD = """Operations on secret arrays: 10⁶ elements each, or two matrices of 512 × 512.

- *Ours*: two parties and a dealer, three processes that share the machine's cores, links over TLS 1.3. Inputs
  are shares, the result stays shared. Seconds are from the first party's beginning to the last one's end and
  contain masks, openings and all dealing, which starts with the run; inputs have been shared and seeds agreed
  upon before. The plan is checked against the bytes and rounds that were used; `ours_bytes` is what all three
  processes sent.
- *SPU*: version 0.9.5 from the package registry; a process for each party, brpc links without TLS, seconds
  inside the runtime's `run` at the slower party, bytes from its link statistics. 64-bit ring, 18 fractional
  bits. SEMI2K: two parties, who take their correlations from the first party (its default). ABY3: three.
- *Variants of SPU* stand with their settings in the notes. The best two-party time is the least of those.
- Both sides do each work twice in the same processes and give the second time, when memory is there already.
- Values are even over a range: comparisons ±1000, sigmoid and exponential ±8, reciprocal 1/64 to 64, matrices
  ±1. `error` is the largest difference from float64, relative for `exp` and `reciprocal`; the peer's error is
  in the notes.
- CrypTen 0.4.1 is in the registry, and cannot be installed: it asks for `sklearn`, which refuses to be.
  MP-SPDZ is in neither PyPI nor Debian."""

Measure = Callable[[], list[Run]]


def works() -> list[str]:
    """What is measured where nothing else is asked for."""
    return [work.name for work in named(None)]


def benchmark(
    *, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure every side in turn, ``turns`` times.

    :param works: names of the works to measure; all but the optional ones where None.
    :param without: sides to leave out: "ours", "spu", "semi2k", "aby3".
    :returns: the records, and every single measurement.
    """
    records: list[Record] = []
    everything: list[dict[str, Any]] = []
    for work in named(works):
        runs, missing = _measure(work, turns, without)
        everything += [{"work": work.name} | asdict(run) for run in runs]
        records += compared(work, work.name, runs)
        if missing:
            seconds = middle(by_side(runs, ours.SIDE)[0])
            records.append(Record(work.name, ours_s=seconds, peer=f"spu {VERSION}", note=missing))
    return records, everything


def _measure(work: Work, turns: int, without: frozenset[str]) -> tuple[list[Run], str | None]:
    """All runs of one work, and why SPU has none."""
    data = generate(work, RESULTS / "data")
    sides: dict[str, Measure] = {}
    if "ours" not in without:
        sides["ours"] = lambda: [ours.measure(work, data)]
    for protocol in spu_side.PROTOCOLS:
        if not {"spu", protocol.lower()} & without and spu_side.variants(work, protocol):
            sides[f"spu {protocol}"] = _spu(work, data, protocol)
    return in_turn(work.name, sides, turns)


def _spu(work: Work, data: Data, protocol: str) -> Measure:
    return lambda: spu_side.measure(work, data, protocol)


def compared(work: Work, name: str, runs: Sequence[Run]) -> list[Record]:
    """Ours beside every peer."""
    mine, sides = by_side(runs, ours.SIDE)
    if not sides and mine:
        return [_record(work, name, mine, None, [])]
    return [_record(work, name, mine, side, theirs) for side, theirs in sides.items()]


def _record(work: Work, name: str, mine: Sequence[Run], peer: str | None, theirs: Sequence[Run]) -> Record:
    notes = [text for text in (spu_side.note(work, peer or ""),) if text]
    if theirs:
        notes.append(f"error of the peer {largest(theirs, 'error'):.2g}")
    if mine:
        notes.append(f"ours dealt {largest(mine, 'dealt'):,} bytes")
    return compare(
        name,
        ours_s=middle(mine),
        peer=peer or "none",
        peer_s=middle(theirs),
        ours_bytes=largest(mine, "sent"),
        peer_bytes=largest(theirs, "sent"),
        rounds=largest(mine, "rounds"),
        error=largest(mine, "error"),
        note="; ".join(notes) or None,
    )
