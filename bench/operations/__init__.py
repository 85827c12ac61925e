"""Single operations on secret arrays, beside SPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from bench.operations import ours, spu_side
from bench.operations.side import Run
from bench.operations.work import Data, Work, generate, named
from bench.peers import PeerMissing
from bench.records import RESULTS, Record, compare
from bench.spu import VERSION

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
            mine = [run.seconds for run in runs if run.side == ours.SIDE]
            seconds = median(mine) if mine else None
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


def in_turn(name: str, sides: dict[str, Measure], turns: int) -> tuple[list[Run], str | None]:
    """Measure the sides in turn; all runs, and why SPU has none."""
    runs: list[Run] = []
    missing = None
    for turn in range(turns):
        for side, measure in sides.items():
            if missing and side.startswith("spu"):
                continue
            try:
                found = measure()
            except PeerMissing as reason:
                missing = f"not measured: {reason}"
                print(missing, flush=True)
                continue
            runs += found
            load = os.getloadavg()[0]
            for run in found:
                print(
                    f"{name} turn {turn + 1}: {run.side}: {run.seconds:.4f} s (load {load:.1f})", flush=True
                )
    return runs, missing


def compared(work: Work, name: str, runs: Sequence[Run]) -> list[Record]:
    """Ours beside every peer."""
    sides = {run.side: [other for other in runs if other.side == run.side] for run in runs}
    mine = sides.pop(ours.SIDE, [])
    if not sides:
        return [_record(work, name, mine, None, [])] if mine else []
    return [_record(work, name, mine, side, theirs) for side, theirs in sides.items()]


def _record(work: Work, name: str, mine: Sequence[Run], peer: str | None, theirs: Sequence[Run]) -> Record:
    notes = [text for text in (spu_side.note(work, peer or ""),) if text]
    if theirs:
        notes.append(f"error of the peer {max(run.error for run in theirs):.2g}")
    if mine:
        notes.append(f"ours dealt {max(run.dealt or 0 for run in mine):,} bytes")
    return compare(
        name,
        ours_s=median(run.seconds for run in mine) if mine else None,
        peer=peer or "none",
        peer_s=median(run.seconds for run in theirs) if theirs else None,
        ours_bytes=max(run.sent for run in mine) if mine else None,
        peer_bytes=max(run.sent for run in theirs) if theirs else None,
        rounds=max(run.rounds or 0 for run in mine) if mine else None,
        error=max(run.error for run in mine) if mine else None,
        note="; ".join(notes) or None,
    )
