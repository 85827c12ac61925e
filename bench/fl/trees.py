"""Boosted trees of three parties over sums, beside XGBoost on the pooled table in one place."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench.fl.horizontal import PARTIES
from bench.participants import specification
from bench.processes import calling, run_together
from bench.records import Record, compare
from bench.turns import by_side, in_turn, largest, middle

NAME, OURS, PEER = "trees_300k", "coterie", "xgboost, pooled"
SECONDS = 600


@dataclass(frozen=True)
class Size:
    """How large the tables are, and what is trained."""

    rows: int = 100_000
    """Of each party."""
    columns: int = 30
    test: int = 100_000
    """Rows that nobody trains on."""
    params: dict[str, Any] = field(default_factory=lambda: {"rounds": 100, "max_depth": 6, "shap_rows": 0})


@dataclass(frozen=True)
class Run:
    """One measurement."""

    side: str
    seconds: float
    """At the slowest party, from rows in memory to the model."""
    processor_s: float
    """Of all processes."""
    auc: float
    memory: int
    """The most that a process has held, in bytes."""
    sent: int | None = None
    """Bytes of all parties."""


def benchmark(
    turns: int, without: frozenset[str], size: Size | None = None
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure both sides in turn, ``turns`` times.

    :param without: sides to leave out, by the first word of their names.
    """
    of = size or Size()
    sides: dict[str, Callable[[], list[Run]]] = {OURS: partial(ours, of), PEER: partial(pooled, of)}
    left = {side: measure for side, measure in sides.items() if side.split()[0].strip(",") not in without}
    runs, missing = in_turn(NAME, left, turns)
    return records_of(runs, missing), [{"work": NAME} | asdict(run) for run in runs]


def ours(size: Size) -> list[Run]:
    """Train once, in fresh processes, on as many cores as the peer has."""
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as folder:
        home = Path(folder)
        path = home / "spec.json"
        path.write_text(json.dumps(specification(PARTIES, home) | asdict(size)), encoding="utf-8")
        commands = {name: calling("bench.fl.trees_party", path, name) for name in PARTIES}
        found = [done.result for done in run_together(commands, home, SECONDS).values()]
    if len({one["auc"] for one in found}) > 1:
        raise RuntimeError("the parties have different models")
    return [
        Run(
            OURS,
            max(one["seconds"] for one in found),
            sum(one["processor_s"] for one in found),
            found[0]["auc"],
            max(one["memory"] for one in found),
            sum(one["sent"] for one in found),
        )
    ]


def pooled(size: Size) -> list[Run]:
    """Train on the pooled table once, in a fresh process, on all cores."""
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as folder:
        path = Path(folder) / "spec.json"
        path.write_text(json.dumps(asdict(size) | {"threads": os.cpu_count()}), encoding="utf-8")
        command = {PEER: calling("bench.fl.trees_party", path)}
        return [Run(PEER, **run_together(command, Path(folder), SECONDS)[PEER].result)]


def records_of(runs: Sequence[Run], missing: str | None) -> list[Record]:
    """Ours beside the peer; ``error`` is the difference of the AUCs."""
    mine, sides = by_side(runs, OURS)
    theirs = sides.get(PEER, [])
    error, notes = None, [_told("ours", mine), _told("the peer", theirs)]
    ours_s, peer_s = middle(mine), middle(theirs)
    if ours_s and peer_s:
        error = abs(mine[0].auc - theirs[0].auc)
        notes.insert(0, f"{ours_s / peer_s:.2f} times the peer's time")
    record = compare(
        NAME,
        ours_s=ours_s,
        peer=PEER,
        peer_s=peer_s,
        ours_bytes=largest(mine, "sent"),
        error=error,
        note="; ".join(filter(None, notes)) or None,
    )
    return [record, *([Record(NAME, note=missing)] if missing else [])]


def _told(who: str, runs: Sequence[Run]) -> str:
    if not runs:
        return ""
    memory = largest(runs, "memory") / 2**20
    return f"{who}: AUC {runs[0].auc:.5f}, {middle(runs, 'processor_s'):.3g} s of processor, {memory:.0f} MiB"
