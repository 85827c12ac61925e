"""Logistic regression on more rows than fit into memory, beside NumPy in blocks."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.large.work import WORKS, Work, generate
from bench.logistic.ours_party import PARTIES, params, planning
from bench.participants import DEALER, specification
from bench.processes import run_together
from bench.records import RESULTS, Record, compare
from bench.turns import by_side, in_turn, largest, middle
from coterie.learn.logistic import Logistic

__all__ = ["METHOD", "benchmark", "measure", "reference", "works"]

METHOD = """Full-batch gradient descent for logistic regression on features that are not held in memory.

- *Ours*: two parties and a dealer, three processes, links over TLS 1.3 on loopback, the component `logistic`
  as a job runs it: the table in the job's folder on disk, private matrices in memory up to 1 GiB and beyond
  that on disk. Seconds from the second pass to the last, at the slower party.
- *NumPy*: the same pass in the clear, float64, one process, in blocks of 131,072 rows that are read from the
  same files.
- `_at_one`: the first party has all 50 columns, the second none.
- `/memory`: the most resident memory (`VmHWM`) of the larger party's process, all told, and of NumPy's beyond
  what it has loaded before it begins. The note has each process, what it read from the disk itself during the
  training (the page cache serves the rest), and what the plan had said.
- `error` is the largest difference of our coefficients from float64 after the same passes."""

SIDE, NUMPY = "coterie mpc", "numpy float64 in blocks"
TRUTH = "coefficients.json"
SECONDS = 3600
MEMORY = 1 << 30
"""Bytes of private arrays that a party holds in memory, as where a node says nothing."""


@dataclass(frozen=True)
class Run:
    """One measurement."""

    side: str
    seconds: float
    """Of a pass."""
    peaks: dict[str, int]
    """Bytes of memory by process."""
    read: dict[str, int]
    """Bytes read from disks, by process, while it trained."""
    error: float | None = None
    input_s: float | None = None
    """Before the second pass, less one pass: planning, checking, encoding, publishing."""
    planned_memory: int = 0
    planned_disk: int = 0

    @property
    def peak(self) -> int:
        """Of the largest process that has data."""
        return max(size for name, size in self.peaks.items() if name != DEALER)


def works() -> list[str]:
    """All of them."""
    return [work.name for work in WORKS]


def benchmark(
    *, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure both sides in turn, ``turns`` times.

    :param works: names of the works to measure; all where None.
    :param without: sides to leave out: "ours", "numpy".
    """
    records: list[Record] = []
    everything: list[dict[str, Any]] = []
    for work in WORKS:
        if works and work.name not in works:
            continue
        folder = generate(work, RESULTS / "data")
        sides: dict[str, Callable[[], list[Run]]] = {
            "numpy": partial(_alone, reference, work, folder),
            "ours": partial(_alone, measure, work, folder),
        }
        runs, _ = in_turn(work.name, {k: v for k, v in sides.items() if k not in without}, turns)
        records += _records(work, runs)
        everything += [{"work": work.name} | asdict(run) for run in runs]
    return records, everything


def _alone(one: Callable[[Work, Path], Run], work: Work, folder: Path) -> list[Run]:
    return [one(work, folder)]


def reference(work: Work, folder: Path) -> Run:
    """Train once with NumPy. Its coefficients stay in the folder: ours are compared with them."""
    path = folder / "plain.json"
    path.write_text(json.dumps({"work": asdict(work), "folder": str(folder)}), encoding="utf-8")
    command = {NUMPY: (sys.executable, "-m", "bench.large.plain", path)}
    result = run_together(command, folder, SECONDS)[NUMPY].result
    (folder / TRUTH).write_text(json.dumps(result["coefficients"]), encoding="utf-8")
    return Run(NUMPY, min(result["seconds"]), {NUMPY: result["peak"]}, {NUMPY: result["read"]})


def measure(work: Work, folder: Path, memory: int = MEMORY) -> Run:
    """Train once, in fresh processes. Compares with the coefficients of :func:`reference`, where it has run.

    :raises RuntimeError: where a process fails, or plan and fact differ.
    """
    names = (*PARTIES, DEALER)
    with tempfile.TemporaryDirectory(prefix="coterie-bench-", dir=folder) as homes:
        spec = specification(names, Path(homes)) | {
            "work": asdict(work),
            "folder": str(folder),
            "scratch": homes,
            "memory": memory,
        }
        path = folder / "ours.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        commands = {name: (sys.executable, "-m", "bench.large.party", path, name) for name in names}
        results = {name: done.result for name, done in run_together(commands, folder, SECONDS).items()}
    for name, result in results.items():
        if {p: n for p, n in result["planned"].items() if n} != result["sent"]:
            raise RuntimeError(f"{name} sent {result['sent']} and had planned {result['planned']}")
        if result["rounds"][0] != result["rounds"][1]:
            raise RuntimeError(f"{name}: rounds planned and used: {result['rounds']}")
    parties, second = [results[name] for name in PARTIES], f"pass 2 of {work.passes}"
    pass_s = max((one["marks"]["coefficients"] - one["marks"][second]) / (work.passes - 1) for one in parties)
    return Run(
        side=SIDE,
        seconds=pass_s,
        peaks={name: result["peak"] for name, result in results.items()},
        read={name: result["read"] for name, result in results.items()},
        error=_error(results["left"]["coefficients"], folder),
        input_s=max(one["marks"][second] - one["began"] for one in parties) - pass_s,
        planned_memory=parties[0]["planned_memory"],
        planned_disk=parties[0]["planned_disk"],
    )


def _error(published: str, folder: Path) -> float | None:
    """Largest difference of the published coefficients from NumPy's."""
    if not (folder / TRUTH).exists():
        return None
    truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    content = json.loads(published)
    named = {name: value for part in content["coefficients"].values() for name, value in part.items()}
    order = (f"{party}{index}" for party in PARTIES for index in range(len(named)))
    found = [content["intercept"], *(named[name] for name in order if name in named)]
    return float(np.abs(np.subtract(found, truth)).max())


def _marginal(work: Work) -> tuple[int, int]:
    """Bytes that all processes send in a pass, and its rounds: the mean over as many passes again."""
    sent, rounds = [], []
    for passes in (work.passes, 2 * work.passes):
        facts = planning(work.rows, work.widths, work.bound)
        plan = Logistic().plan(facts, params(work.step, work.rows, passes))
        sent.append(sum(sum(targets.values()) for targets in plan.sent.values()))
        rounds.append(max(plan.rounds.values()))
    return round((sent[1] - sent[0]) / work.passes), round((rounds[1] - rounds[0]) / work.passes)


def _records(work: Work, runs: Sequence[Run]) -> list[Record]:
    """A pass, and the memory."""
    mine, peers = by_side(runs, SIDE)
    theirs = peers.get(NUMPY, [])
    pass_bytes, rounds = _marginal(work)
    input_s = middle(mine, "input_s")
    found = compare(
        work.name,
        ours_s=middle(mine),
        peer=NUMPY,
        peer_s=middle(theirs),
        ours_bytes=pass_bytes if mine else None,
        rounds=rounds if mine else None,
        error=largest(mine, "error"),
        note=None if input_s is None else f"before the first pass {input_s:.0f} s",
    )
    memory = Record(
        f"{work.name}/memory",
        peer=NUMPY,
        ours_bytes=largest(mine, "peak"),
        peer_bytes=largest(theirs, "peak"),
        note="; ".join(_processes(mine)) or None,
    )
    return [found, memory]


def _processes(mine: Sequence[Run]) -> Iterator[str]:
    """Memory and reads of each process, and the plan's word."""
    for name in mine[0].peaks if mine else ():
        peak, read = (max(getattr(run, what)[name] for run in mine) for what in ("peaks", "read"))
        yield f"{name} {peak / 2**30:.2f} GiB, read {read / 2**30:.2f} GiB from the disk"
    if mine:
        memory, disk = mine[0].planned_memory / 2**30, mine[0].planned_disk / 2**30
        yield f"planned: {memory:.2f} GiB of memory beside the program's own, {disk:.2f} GiB on the disk"
