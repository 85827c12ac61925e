"""A large side, prepared once, and small ones that ask: beside SPU's way for unequal sizes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import spu
from bench.participants import specification
from bench.processes import calling, run_together
from bench.psi.side import Run, told
from bench.psi.work import COLUMN, PARTIES, Data, Work, generate, read_ids
from bench.records import RESULTS, Record, compare
from bench.turns import by_side, in_turn, largest, middle

SIDES = "coterie prepared", f"spu {spu.VERSION} unbalanced"
WORK = Work("unbalanced", left=100_000, right=1_000_000, sides=SIDES)
"""The right party has the table, the left one asks."""
ASKED = (1_000, 10_000, 100_000)
"""The first so many ids of the left party's file."""
PREPARING = "prepare"
PARTY = Path(__file__).with_name("spu_asking_party.py")
SECONDS = 3600


def benchmark(turns: int, without: frozenset[str]) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure both sides in turn."""
    data = generate(WORK, RESULTS / "data")
    mine, theirs = WORK.sides
    sides: dict[str, Callable[[], list[Run]]] = {}
    if not without & {mine, "ours"}:
        sides[mine] = partial(ours, WORK, data, ASKED)
    if not without & {theirs, "spu"}:
        sides[theirs] = partial(spus, WORK, data, ASKED)
    runs, missing = in_turn(WORK.name, sides, turns)
    records = [_record(phase, runs) for phase in (PREPARING, *(f"ask_{count}" for count in ASKED))]
    records += [Record(WORK.name, note=missing)] if missing else []
    return records, [{"work": WORK.name} | asdict(run) for run in runs]


def questions(data: Data, asked: Sequence[int], folder: Path) -> list[tuple[Path, Data]]:
    """Files of the ids that are asked for, and what is to come out."""
    path = data.path(PARTIES[0])
    ids, lines = read_ids(path), path.read_bytes().splitlines(keepends=True)
    found = []
    for count in asked:
        questions_path = folder / f"asked_{count}.csv"
        questions_path.write_bytes(b"".join(lines[: count + 1]))
        found.append((questions_path, Data(data.folder, np.intersect1d(ids[:count], data.truth))))
    return found


def ours(work: Work, data: Data, asked: Sequence[int]) -> list[Run]:
    """Prepare, give, ask: in fresh processes, over a TLS link.

    :raises RuntimeError: where a process fails, or a result is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="coterie-bench-", dir=data.folder) as scratch:
        spec = specification(PARTIES, Path(scratch)) | _spec(work, data, asked, Path(scratch))
        path = data.folder / "asking.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        commands = {party: calling("bench.psi.asking_party", path, party) for party in PARTIES}
        results = {name: one.result for name, one in run_together(commands, data.folder, SECONDS).items()}
        return _runs(work.sides[0], results, data, asked, Path(scratch))


def spus(work: Work, data: Data, asked: Sequence[int]) -> list[Run]:
    """SPU's unbalanced intersection: a cache made and handed over, then questions.

    :raises PeerMissing: where SPU cannot be installed.
    :raises RuntimeError: where a party fails, or a result is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="spu-bench-", dir=data.folder) as scratch:
        spec = _spec(work, data, asked, Path(scratch))
        done = spu.run(PARTY, "ECDH", spec, data.folder, work.shape)
        results = {party: one.result for party, one in zip(PARTIES, done, strict=True)}
        return _runs(work.sides[1], results, data, asked, Path(scratch))


def _spec(work: Work, data: Data, asked: Sequence[int], scratch: Path) -> dict[str, Any]:
    (scratch / "table.csv").symlink_to(data.path(PARTIES[1]))
    return {
        "column": COLUMN,
        "table": str(scratch / "table.csv"),
        "rows": work.right,
        "asked": list(asked),
        "questions": [str(path) for path, _ in questions(data, asked, scratch)],
        "outputs": [str(scratch / f"found_{count}.csv") for count in asked],
        "scratch": str(scratch),
    }


def _runs(side: str, results: dict[str, Any], data: Data, asked: Sequence[int], scratch: Path) -> list[Run]:
    def phase(at: int) -> dict[str, Any]:
        return {party: result[at] for party, result in results.items()}

    runs = [told(side, phase(0), data, [], PREPARING)]
    for at, (count, (_, wanted)) in enumerate(zip(asked, questions(data, asked, scratch), strict=True)):
        output = (PARTIES[0], scratch / f"found_{count}.csv")
        runs.append(told(side, phase(at + 1), wanted, [output], f"ask_{count}"))
    return runs


def _record(phase: str, runs: Sequence[Run]) -> Record:
    mine, sides = by_side([run for run in runs if run.phase == phase], WORK.sides[0])
    theirs = sides.get(WORK.sides[1], [])
    notes = [f"a table of {WORK.right:,} ids" if phase == PREPARING else f"{phase.partition('_')[2]} ids"]
    for who, some in (("ours", mine), ("the peer", theirs)):
        if some:
            sent = ", ".join(f"{party} {max(run.sent[party] for run in some):,}" for party in PARTIES)
            notes.append(f"{who}: bytes of {sent}; at most {largest(some, 'memory') / 2**20:.0f} MiB")
    return compare(
        f"{WORK.name}/{phase}",
        ours_s=middle(mine),
        peer=WORK.sides[1],
        peer_s=middle(theirs),
        ours_bytes=largest(mine, "bytes"),
        peer_bytes=largest(theirs, "bytes"),
        rounds=largest(mine, "rounds"),
        note="; ".join(notes),
    )
