"""The vertical logistic-regression pass, beside SPU and plaintext NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.logistic import ours, spu_side
from bench.logistic.side import Run
from bench.logistic.work import WORKS, Work, generate, train
from bench.records import RESULTS, Record, compare
from bench.spu import VERSION
from bench.turns import by_side, in_turn, largest, middle

__all__ = ["METHOD", "benchmark", "works"]

METHOD = """One pass of full-batch gradient descent for logistic regression, on features of two parties.

- *Ours*: two parties and a dealer, three processes, links over TLS 1.3 on loopback, the component `logistic`
  with `optimizer: gradient_descent`. Seconds from the second pass to the last, at the slower party. Its plan
  is checked against the bytes and rounds that were used.
- *SPU*: version 0.9.5 from the package registry, in an environment of its own; a process for each party, brpc
  links on loopback without TLS, the passes in one compiled JAX program, seconds inside the runtime's `run`
  over passes, bytes from its link statistics. 64-bit ring, 18 fractional bits. SEMI2K: two parties, who take
  their correlations from the first party (SPU's default). ABY3: three parties, of whom two have data.
- *Variants of SPU*: `segments` replaces the sigmoid by three straight segments, which is faster and errs by
  up to 0.12; `cached` adds the experimental `make_cached_var`, so that the features are opened once: its
  numbers are those of a pass after the first, as ours are.
- *NumPy*: the same pass in the clear, float64, one process.
- `error` is the largest difference of our coefficients from float64 after the same passes. `/input` is the
  sharing of the inputs, once, which the passes do not include."""

NUMPY = "numpy float64"
Measure = Callable[[], list[Run]]


def works() -> list[str]:
    """What is measured where nothing else is asked for."""
    return [work.name for work in WORKS]


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
    return in_turn(work.name, sides, turns)


def _spu(work: Work, folder: Path, protocol: spu_side.Protocol, truth: Any) -> Measure:
    return lambda: spu_side.measure(work, folder, protocol, truth)


def _records(work: Work, runs: Sequence[Run], missing: str | None) -> list[Record]:
    """Passes beside every peer; inputs and memory beside each protocol of SPU."""
    mine, sides = by_side(runs, ours.SIDE)
    records = [pass_record(work, mine, name, theirs) for name, theirs in sides.items()]
    for protocol in spu_side.PROTOCOLS:
        name = spu_side.side_name(protocol, protocol.programs[0])
        if name in sides:
            records += [_input(work, mine, name, sides[name]), _memory(work, mine, name, sides[name])]
    if missing:
        peer = f"spu {VERSION}"
        records.append(Record(work.name, ours_s=middle(mine, "pass_s"), peer=peer, note=missing))
    return records


def pass_record(work: Work, mine: Sequence[Run], name: str, theirs: Sequence[Run]) -> Record:
    """The time, bytes, rounds and error of a pass."""
    notes = [text for text in (spu_side.note(name),) if text]
    if mine:
        notes.append(f"error of ours after {work.own_passes} passes")
    their_error = largest(theirs, "error")
    if their_error is not None:
        notes.append(f"of the peer {their_error:.2g} after {work.passes}")
    return compare(
        work.name,
        ours_s=middle(mine, "pass_s"),
        peer=name,
        peer_s=middle(theirs, "pass_s"),
        ours_bytes=largest(mine, "pass_bytes"),
        peer_bytes=largest(theirs, "pass_bytes"),
        rounds=largest(mine, "rounds"),
        error=largest(mine, "error"),
        note="; ".join(notes) or None,
    )


def _input(work: Work, mine: Sequence[Run], name: str, theirs: Sequence[Run]) -> Record:
    """The time and bytes of sharing the inputs."""
    return compare(
        f"{work.name}/input",
        ours_s=middle(mine, "input_s"),
        peer=name,
        peer_s=middle(theirs, "input_s"),
        ours_bytes=largest(mine, "input_bytes"),
        peer_bytes=largest(theirs, "input_bytes"),
        note="sharing the inputs, once; ours includes deriving the plan and checking the features",
    )


def _memory(work: Work, mine: Sequence[Run], name: str, theirs: Sequence[Run]) -> Record:
    """The bytes of memory that a party's process takes, as multiples of the features too."""
    notes = ["the two bytes fields are the largest memory of a party's process beyond an idle one"]
    for whose, runs, what in (
        ("ours", mine, "memory"),
        ("of which the loaded table", mine, "loaded"),
        ("our dealer", mine, "dealer_memory"),
        ("the peer", theirs, "memory"),
    ):
        size = largest(runs, what)
        if size:
            notes.append(f"{whose} {size / work.encoded_bytes:.2f} x the ring-encoded features")
    own = largest(mine, "memory")
    return Record(
        f"{work.name}/memory",
        peer=name,
        ours_bytes=own,
        peer_bytes=largest(theirs, "memory"),
        note="; ".join(notes),
    )
