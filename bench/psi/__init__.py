"""Set intersection from file to file, beside SPU's own and OpenMined PSI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from bench.psi import openmined_side, ours, spu_side, unbalanced, wide
from bench.psi.pictures import pictures
from bench.psi.records import records_of
from bench.psi.side import Run
from bench.psi.work import OURS, WORKS, Work, generate
from bench.records import RESULTS, Record
from bench.turns import in_turn

__all__ = ["METHOD", "benchmark", "pictures", "works"]

METHOD = """The common ids of two parties' tables, from CSV files to CSV files.

- *All sides* read the same two files, each with one column of 18-digit ids in an order of its own; half of
  the smaller one's are common. Both parties write the common ids in ascending order. What each has written is
  compared with the truth: a wrong result ends the benchmark. Two processes, which have met before the clock
  starts; seconds until the slower party has written, its own start and imports not counted. Bytes are those
  of the TCP streams, by the kernel's count; memory is the most that a party's process has held in its life.
- *Ours*: the ids are read as text and normalised by the default rule (`nfkc`, `trim`), checked for duplicates
  and missing ones, hashed under a common key, and intersected over a TLS 1.3 link; payload bytes are checked
  against the plan.
- *SPU*: version 0.9.5, `psi_execute`, brpc links without TLS, the result for both (`broadcast_result`), in
  one order. It is told that ids are unique, and so does not look (with that look it takes a sixth more).
  Buckets of 2^18 rows, the fastest of 2^17 to 2^20, for RR22 and KKRT; `low` is RR22's mode of low
  communication, in one bucket, as in several it misses common rows; ECDH on Curve25519, the fastest of its
  curves. It sorts with the program `sort` on all cores, whose
  memory is not counted.
- *OpenMined*: OpenMined PSI 2.0.6 from the package registry, its messages over a plain TCP connection, the
  server's set `RAW`. Only its client gets the result: nothing is done for the server, which writes nothing.
- `psi_lan`, `psi_wan` and `psi_narrow` are `psi_2e20` over shaped lines: 1 Gb/s with 1 ms, 100 Mb/s with
  50 ms, 10 Mb/s with 50 ms. `/processor` is processor seconds of both parties together, `/memory` the larger
  party's, `/row` seconds for each row of a party, beside those at fewer rows. `malicious` is `psi_2e20` with
  our protocol against malicious parties, beside the one against semi-honest ones, which SPU's is too.
- `unbalanced`: one party's million ids are made a table that the other keeps (`/prepare`, with reading,
  sending and checking it); it then asks for ids, from file to file, and alone gets the result. Beside SPU's
  own way for unequal sizes (`ub_psi_execute`). With ours, the owner proves that it answers by the table's
  key.
- `wide`: 200,000 rows and 450 columns beside the ids at each party, numbers with two decimals; the common
  rows of all columns are gathered into a table on disk, as a job does. Ours reads Parquet; beside it the same
  of CSV, with the columns left in the Parquet file (`in place`), and of files that have ids alone. SPU reads
  CSV and writes the common rows as CSV."""

MEASURES: dict[str, Callable[..., Run]] = {
    OURS: ours.measure,
    "spu": spu_side.measure,
    "openmined": openmined_side.measure,
}
"""By the first word of a side."""

OTHERS: dict[str, Callable[[int, frozenset[str]], tuple[list[Record], list[dict[str, Any]]]]] = {
    unbalanced.WORK.name: unbalanced.benchmark,
    wide.WORK.name: wide.benchmark,
}
"""Works that go another way."""


def works() -> list[str]:
    """What is measured where nothing else is asked for."""
    return [*(work.name for work in WORKS), *OTHERS]


def benchmark(
    *, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure every side in turn, ``turns`` times.

    :param works: names of the works to measure; all where None.
    :param without: sides to leave out, by name ("spu 0.9.5 kkrt") or its first word, "ours" for ours.
    :returns: the records, and every single measurement.
    """
    records: list[Record] = []
    everything: list[dict[str, Any]] = []
    for work in WORKS:
        if works and work.name not in works:
            continue
        runs, missing = in_turn(work.name, sides_of(work, without), turns)
        everything += [{"work": work.name} | asdict(run) for run in runs]
        records += records_of(work, runs, missing)
    for name, measure in OTHERS.items():
        if not works or name in works:
            found, told = measure(turns, without)
            records, everything = records + found, everything + told
    return records, everything


def sides_of(work: Work, without: frozenset[str]) -> dict[str, Callable[[], list[Run]]]:
    """How each side of a work is measured once, by name."""
    data = generate(work, RESULTS / "data")
    found: dict[str, Callable[[], list[Run]]] = {}
    for side in work.sides:
        first = side.partition(" ")[0]
        if without & {side, "ours" if first == OURS else first}:
            continue
        measure = partial(MEASURES[first], work, data, side)
        found[side] = _first(measure) if side in work.once else partial(_listed, measure)
        if side == work.ours and work.beside:
            found[work.smaller_name] = partial(_smaller, work)
    return found


def _listed(measure: Callable[[], Run]) -> list[Run]:
    return [measure()]


def _first(measure: Callable[[], Run]) -> Callable[[], list[Run]]:
    """Measures when called for the first time."""
    left = [measure]
    return lambda: [left.pop()()] if left else []


def _smaller(work: Work) -> list[Run]:
    """Ours with fewer rows."""
    smaller = work.smaller
    run = ours.measure(smaller, generate(smaller, RESULTS / "data"), smaller.ours)
    return [replace(run, side=work.smaller_name)]
