"""A generalised linear model of three parties over sums, beside the pooled table in one place."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.fl.glm_party import HELPER
from bench.fl.horizontal import PARTIES
from bench.fl.pooled import SKLEARN, STATSMODELS
from bench.participants import specification
from bench.processes import calling, run_together
from bench.records import Record, compare
from bench.turns import by_side, in_turn, largest, middle
from coterie.learn import EACH

OURS = "coterie"
SECONDS = 600


@dataclass(frozen=True)
class Size:
    """How large the tables are."""

    rows: int
    """Of each party."""
    columns: int


SIZE = Size(100_000, 20)
NAME = "glm_3_parties"


@dataclass(frozen=True)
class Run:
    """One measurement."""

    side: str
    seconds: float
    """At the slowest party, from rows in memory to coefficients and standard errors."""
    processor_s: float
    """Of all processes."""
    coefficients: list[float]
    """Intercept first."""
    errors: list[float]
    """Standard errors; none where the side has none."""
    iterations: int
    sent: int | None = None
    """Bytes of all participants."""
    depth: int | None = None
    """Length of the longest chain of messages."""


def benchmark(
    turns: int, without: frozenset[str], size: Size = SIZE
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure all sides in turn, ``turns`` times.

    :param without: sides to leave out, by the first word of their names.
    """
    sides: dict[str, Callable[[], list[Run]]] = {OURS: partial(_listed, ours, size)}
    sides |= {side: partial(_listed, partial(pooled, side), size) for side in (STATSMODELS, SKLEARN)}
    left = {side: measure for side, measure in sides.items() if side.split()[0].strip(",") not in without}
    runs, missing = in_turn(NAME, left, turns)
    return records_of(runs, missing), [{"work": NAME} | asdict(run) for run in runs]


def _listed(measure: Callable[[Size], Run], size: Size) -> list[Run]:
    return [measure(size)]


def ours(size: Size) -> Run:
    """Train once, in fresh processes: three parties and a helper that adds up.

    :raises RuntimeError: where a process fails, or sends more than was planned.
    """
    names = (*PARTIES, HELPER)
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as folder:
        home = Path(folder)
        path = home / "spec.json"
        path.write_text(json.dumps(specification(names, home) | asdict(size)), encoding="utf-8")
        commands = {name: calling("bench.fl.glm_party", path, name) for name in names}
        found = {name: done.result for name, done in run_together(commands, home, SECONDS).items()}
    for name, one in found.items():
        if one["sent"] > one["planned"]:
            raise RuntimeError(f"{name} sent {one['sent']} bytes, and had planned {one['planned']} at most")
    coefficients, errors = told(found[PARTIES[0]]["published"]["statistics"], size.columns)
    return Run(
        OURS,
        max(one["seconds"] for one in found.values()),
        sum(one["processor_s"] for one in found.values()),
        coefficients,
        errors,
        found[PARTIES[0]]["looks"],
        sum(one["sent"] for one in found.values()),
        max(one["depth"] for one in found.values()),
    )


def told(statistics: Mapping[str, Any], columns: int) -> tuple[list[float], list[float]]:
    """Coefficients and standard errors, intercept first, of the table that people read."""
    of = statistics["coefficients"][EACH]
    lines = [statistics["intercept"], *(of[f"x{index}"] for index in range(columns))]
    return [line["estimate"] for line in lines], [line["standard_error"] for line in lines]


def pooled(side: str, size: Size) -> Run:
    """Fit the pooled table once, in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as folder:
        path = Path(folder) / "spec.json"
        spec = asdict(size) | {"side": side, "parties": len(PARTIES)}
        path.write_text(json.dumps(spec), encoding="utf-8")
        command = {side: (sys.executable, "-m", "bench.fl.pooled", path)}
        found = run_together(command, Path(folder), SECONDS)[side].result
    del found["memory"]
    return Run(side=side, **found)


def records_of(runs: Sequence[Run], missing: str | None) -> list[Record]:
    """Ours beside each peer; ``error`` is the largest difference of a coefficient."""
    mine, sides = by_side(runs, OURS)
    records = [_compared(mine, side, theirs) for side, theirs in sides.items()]
    if not records:
        records = [Record(NAME, ours_s=middle(mine), ours_bytes=largest(mine, "sent"), note=_ours(mine))]
    return [*records, *([Record(NAME, note=missing)] if missing else [])]


def _compared(mine: Sequence[Run], side: str, theirs: Sequence[Run]) -> Record:
    errors = [one.errors for one in (*mine, *theirs)]
    notes = [_ours(mine)]
    if mine and all(errors):
        notes.append(f"standard errors differ by at most {_difference(mine, theirs, 'errors'):.2g}")
    if theirs:
        notes.append(
            f"the peer: {theirs[0].iterations} iterations, {middle(theirs, 'processor_s'):.3g} s of processor"
        )
    return compare(
        NAME,
        ours_s=middle(mine),
        peer=side,
        peer_s=middle(theirs),
        ours_bytes=largest(mine, "sent"),
        rounds=largest(mine, "iterations"),
        error=_difference(mine, theirs, "coefficients") if mine else None,
        note="; ".join(filter(None, notes)) or None,
    )


def _ours(mine: Sequence[Run]) -> str:
    if not mine:
        return ""
    return (
        f"ours: {largest(mine, 'iterations')} iterations, one total each, and one before them; a chain of "
        f"{largest(mine, 'depth')} messages, {middle(mine, 'processor_s'):.3g} s of processor of all four"
    )


def _difference(mine: Sequence[Run], theirs: Sequence[Run], field: str) -> float:
    """The largest, of any number in any run."""
    pairs = [(getattr(one, field), getattr(other, field)) for one in mine for other in theirs]
    return float(max(np.abs(np.subtract(a, b)).max() for a, b in pairs))
