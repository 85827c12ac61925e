"""Tables with many columns beside the ids, beside the ids alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv
from pyarrow import parquet as pq

from bench.psi import ours, spu_side
from bench.psi.side import Run
from bench.psi.work import COLUMN, OPRF, PARTIES, RR22, Data, Work, generate
from bench.records import RESULTS, Record, compare
from bench.turns import by_side, in_turn, largest, middle

COLUMNS = 450
CSV, IN_PLACE, ALONE = f"{OPRF} csv", f"{OPRF} in place", f"{OPRF} ids alone"
RR22_ALONE = f"{RR22} ids alone"
WORK = Work("wide", left=200_000, right=200_000, sides=(OPRF, ALONE, IN_PLACE, CSV, RR22, RR22_ALONE))
IDS, WIDE, WIDE_CSV = ".ids.parquet", ".wide.parquet", ".wide.csv"


def benchmark(turns: int, without: frozenset[str]) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure all sides in turn."""
    data = widened(WORK, RESULTS / "data", COLUMNS)
    wanted = {
        side: measure
        for side, measure in sides(WORK, data, COLUMNS).items()
        if not without & {side, side.partition(" ")[0].replace("coterie", "ours")}
    }
    runs, missing = in_turn(WORK.name, wanted, turns)
    records = _records(runs) + ([Record(WORK.name, note=missing)] if missing else [])
    return records, [{"work": WORK.name} | asdict(run) for run in runs]


def sides(work: Work, data: Data, columns: int) -> dict[str, Callable[[], list[Run]]]:
    """How each side is measured once."""

    def own(side: str, suffix: str, count: int, gather: bool) -> Callable[[], list[Run]]:
        files = replace(data, suffix=suffix)
        return lambda: [replace(ours.measure(work, files, OPRF, count, gather), side=side)]

    def spus(side: str, suffix: str) -> Callable[[], list[Run]]:
        return lambda: [replace(spu_side.measure(work, replace(data, suffix=suffix), RR22), side=side)]

    return {
        OPRF: own(OPRF, WIDE, columns, True),
        ALONE: own(ALONE, IDS, 0, False),
        IN_PLACE: own(IN_PLACE, WIDE, columns, False),
        CSV: own(CSV, WIDE_CSV, columns, True),
        RR22: spus(RR22, WIDE_CSV),
        RR22_ALONE: spus(RR22_ALONE, ".csv"),
    }


def widened(work: Work, directory: Path, columns: int) -> Data:
    """The work's files, and files with as many columns beside the same ids in the same order. What an earlier
    run has finished stays."""
    data = generate(work, directory)
    done = data.folder / "wide.json"
    if done.exists() and json.loads(done.read_text(encoding="utf-8")) == columns:
        return data
    generator = np.random.Generator(np.random.PCG64(20261124))
    for party in PARTIES:
        ids = csv.read_csv(
            data.path(party), convert_options=csv.ConvertOptions(column_types={COLUMN: pa.string()})
        )
        table = ids
        for index in range(columns):
            values = generator.integers(0, 1000, len(ids), np.int32) / 100.0
            table = table.append_column(f"x{index}", pa.array(values))
        pq.write_table(ids, data.folder / f"{party}{IDS}")
        pq.write_table(table, data.folder / f"{party}{WIDE}")
        plain = csv.WriteOptions(quoting_style="none")
        csv.write_csv(table, data.folder / f"{party}{WIDE_CSV}", plain)
    done.write_text(json.dumps(columns), encoding="utf-8")
    return data


def _records(runs: Sequence[Run]) -> list[Record]:
    mine, others = by_side(runs, OPRF)
    own = [f"ours: {note}" for note in [_note(mine)] if note]
    records = []
    for side, theirs in (others or {"": []}).items():
        notes = [*own, *(f"the peer: {note}" for note in [_note(theirs)] if note)]
        records.append(
            compare(
                WORK.name,
                ours_s=middle(mine),
                peer=side,
                peer_s=middle(theirs),
                ours_bytes=largest(mine, "bytes"),
                peer_bytes=largest(theirs, "bytes"),
                rounds=largest(mine, "rounds"),
                note="; ".join(notes) or None,
            )
        )
        own = []
    return records


def _note(runs: Sequence[Run]) -> str:
    """Parts of the slower party's time, and memory."""
    if not runs:
        return ""
    parts = max(runs[-1].parts.values(), key=lambda one: sum(one.values()))
    spent = (
        f"seconds of {', '.join(f'{name} {spent:.2f}' for name, spent in parts.items())}, " if parts else ""
    )
    return f"{spent}at most {largest(runs, 'memory') / 2**20:.0f} MiB"
