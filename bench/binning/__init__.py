"""Bins, weights of evidence and information values, beside pandas and optbinning on pooled columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from bench.binning import ours, pooled
from bench.binning.side import Run
from bench.binning.work import WORKS, Work, generate
from bench.records import RESULTS, Record, compare
from bench.turns import by_side, in_turn, largest, middle

__all__ = ["METHOD", "benchmark", "works"]

METHOD = """Bins of all columns of one party, weighed by the labels of another.

- *Ours*: two parties and a dealer, three processes, links over TLS 1.3 on loopback, the component `bin`:
  grouping, counts on shares, merging on shares, final bins, information values to both. Seconds at the slower
  party, without reading the tables. Its plan is checked against the bytes and rounds that were used.
- *Peers*: the same bins of the pooled columns in plaintext, one process: pandas for ten quantile bins,
  optbinning for at most six monotone bins of the highest information value out of twenty (both trends, as
  ours does). What they do not do is to keep rows and labels apart; no peer that does so is measured here.
- `error` is the largest difference of an information value from the peer's."""

Measure = Callable[[], list[Run]]


def works() -> list[str]:
    """What is measured where nothing else is asked for."""
    return [work.name for work in WORKS]


def benchmark(
    *, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure both sides in turn, ``turns`` times.

    :param works: names of the works to measure; all where None.
    :param without: sides to leave out: "ours".
    :returns: the records, and every single measurement.
    """
    records: list[Record] = []
    everything: list[dict[str, Any]] = []
    for work in WORKS:
        if works and work.name not in works:
            continue
        runs = measure(work, turns, without)
        everything += [{"work": work.name} | asdict(run) for run in runs]
        records.append(record(work, runs))
    return records, everything


def measure(work: Work, turns: int, without: frozenset[str]) -> list[Run]:
    """All runs of one work; the peer's first, as its values are the truth."""
    features, labels, folder = generate(work, RESULTS / "data")
    truth: dict[str, float] = {}

    def peer() -> list[Run]:
        run, values = pooled.measure(work, features, labels)
        truth.update(values)
        return [run]

    sides: dict[str, Measure] = {pooled.name_of(work): peer}
    if "ours" not in without:
        sides[ours.SIDE] = lambda: [ours.measure(work, folder, truth)]
    return in_turn(work.name, sides, turns)[0]


def record(work: Work, runs: Sequence[Run]) -> Record:
    mine, others = by_side(runs, ours.SIDE)
    name = pooled.name_of(work)
    notes = [f"{work.columns} columns of one party, labels of another; the peer has all in one place"]
    memory, sent = largest(mine, "memory"), largest(mine, "bytes")
    if sent:
        notes.append(f"{sent / (work.rows * work.columns):.2f} bytes for each value")
    if memory:
        notes.append(f"a party's process held at most {memory / 2**20:.0f} MiB")
    return compare(
        work.name,
        ours_s=middle(mine),
        peer=name,
        peer_s=middle(others.get(name, ())),
        ours_bytes=sent,
        rounds=largest(mine, "rounds"),
        error=largest(mine, "error"),
        note="; ".join(notes),
    )
