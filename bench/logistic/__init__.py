"""The vertical logistic-regression pass, beside SPU and plaintext NumPy."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.logistic import ours, spu_side
from bench.logistic.side import Run
from bench.logistic.work import WORKS, Work, generate, train
from bench.peers import PeerMissing
from bench.records import RESULTS, Record, compare

__all__ = ["METHOD", "benchmark"]

METHOD = """One pass of full-batch gradient descent for logistic regression, on features of two parties.

- *Ours*: two parties and a dealer, three processes, links over TLS 1.3 on loopback, the component `logistic`
  with `optimizer: gradient_descent`. Seconds from the second pass to the last, at the slower party. Its plan is
  checked against the bytes and rounds that were used.
- *SPU*: version 0.9.5 from the package registry, in an environment of its own; a process for each party, brpc
  links on loopback without TLS, the passes in one compiled JAX program, seconds inside the runtime's `run` over
  passes, bytes from its link statistics. 64-bit ring, 18 fractional bits. SEMI2K: two parties, who take their
  correlations from the first party (SPU's default). ABY3: three parties, of whom two have data.
- *Variants of SPU*: `segments` replaces the sigmoid by three straight segments, which is faster and errs by up
  to 0.12; `cached` adds the experimental `make_cached_var`, so that the features are opened once.
- *NumPy*: the same pass in the clear, float64, one process.
- `error` is the largest difference of our coefficients from float64 after the same passes. `/input` is the
  sharing of the inputs, once, which the passes do not include."""

NUMPY = "numpy float64"
Measure = Callable[[], list[Run]]


def benchmark(
    *, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure every side in turn, ``turns`` times.

    :param works: names of the works to measure; all where None.
    :param without: sides to leave out: "ours", "spu", "numpy".
    :returns: the records, and every single measurement.
    """
    records: list[Record] = []
    everything: list[dict[str, Any]] = []
    for work in WORKS:
        if works and work.name not in works:
            continue
        runs, missing = _measure(work, turns, without)
        everything += [{"work": work.name} | asdict(run) for run in runs]
        records += _records(work, runs, missing)
    return records, everything


def _measure(work: Work, turns: int, without: frozenset[str]) -> tuple[list[Run], str | None]:
    """All runs of one work, and why SPU has none."""
    data, folder = generate(work, RESULTS / "data")
    truth, _ = train(work, data, work.passes)
    own_truth, _ = train(work, data, work.own_passes)
    sides: dict[str, Measure] = {}
    if "ours" not in without:
        sides["ours"] = lambda: [ours.measure(work, data, folder, own_truth)]
    if "spu" not in without:
        for protocol in spu_side.PROTOCOLS:
            sides[f"spu {protocol.name}"] = _spu(work, folder, protocol, truth)
    if "numpy" not in without:
        sides[NUMPY] = lambda: [Run(NUMPY, train(work, data, work.own_passes)[1])]
    runs: list[Run] = []
    missing = None
    for turn in range(turns):
        for name, measure in sides.items():
            if missing and name.startswith("spu"):
                continue
            try:
                found = measure()
            except PeerMissing as reason:
                missing = f"not measured: {reason}"
                print(missing, flush=True)
                continue
            runs += found
            for run in found:
                load = os.getloadavg()[0]
                print(
                    f"{work.name} turn {turn + 1}: {run.side}: {run.pass_s:.4f} s a pass (load {load:.1f})",
                    flush=True,
                )
    return runs, missing


def _spu(work: Work, folder: Path, protocol: spu_side.Protocol, truth: Any) -> Measure:
    return lambda: spu_side.measure(work, folder, protocol, truth)


def _records(work: Work, runs: Sequence[Run], missing: str | None) -> list[Record]:
    """One record for each peer and each thing measured."""
    sides = {run.side: [other for other in runs if other.side == run.side] for run in runs}
    mine = sides.pop(ours.SIDE, [])
    own = mine[0] if mine else None
    pass_s = _median(mine, "pass_s")
    notes = {
        spu_side.side_name(protocol, program): spu_side.NOTES[program]
        for protocol in spu_side.PROTOCOLS
        for program in protocol.programs
    }
    records = [
        compare(
            work.name,
            ours_s=pass_s,
            peer=name,
            peer_s=_median(theirs, "pass_s"),
            ours_bytes=own.pass_bytes if own else None,
            peer_bytes=theirs[0].pass_bytes,
            rounds=own.rounds if own else None,
            error=max(run.error or 0.0 for run in mine) if mine else None,
            note=_note(work, mine, theirs, notes.get(name)),
        )
        for name, theirs in sides.items()
    ]
    inputs_done = set()
    for name, theirs in sides.items():
        protocol_name = " ".join(name.split()[:3])
        if theirs[0].input_s is None or protocol_name in inputs_done:
            continue
        inputs_done.add(protocol_name)
        records.append(
            compare(
                f"{work.name}/input",
                ours_s=_median(mine, "input_s"),
                peer=protocol_name,
                peer_s=_median(theirs, "input_s"),
                ours_bytes=own.input_bytes if own else None,
                peer_bytes=theirs[0].input_bytes,
                note="sharing the inputs, once, before the first pass; ours includes deriving the plan",
            )
        )
    if missing:
        records.append(Record(work.name, ours_s=pass_s, peer=f"spu {spu_side.VERSION}", note=missing))
    return records


def _median(runs: Sequence[Run], name: str) -> float | None:
    values = [getattr(run, name) for run in runs]
    return median(values) if values and None not in values else None


def _note(work: Work, mine: Sequence[Run], theirs: Sequence[Run], what: str | None) -> str:
    """What the numbers stand for."""
    parts = [what] if what else []
    parts.append("bytes are one pass's, of all processes together, the dealer's included")
    if mine:
        peak, loaded = (max(getattr(run, name) or 0 for run in mine) for name in ("memory", "loaded"))
        if peak:
            share = f"{loaded / work.encoded_bytes:.2f} x of it the loaded table"
            parts.append(
                f"our peak memory is {peak / work.encoded_bytes:.2f} x the ring-encoded features, {share}"
            )
        dealer = max(run.dealer_memory or 0 for run in mine)
        if dealer:
            parts.append(f"the dealer's {dealer / work.encoded_bytes:.2f} x")
    their_memory = max(run.memory or 0 for run in theirs)
    if their_memory:
        parts.append(f"the peer's {their_memory / work.encoded_bytes:.2f} x")
    their_error = max(run.error or 0.0 for run in theirs)
    if their_error:
        parts.append(f"the peer's error is {their_error:.2g} after {work.passes} passes")
    if mine:
        parts.append(f"ours is after {work.own_passes} passes")
    return "; ".join(parts)
