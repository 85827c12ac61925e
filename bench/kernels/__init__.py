"""Kernels beside what one core can do at most, and what a pass and single operations spend their time on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.kernels import spent
from bench.records import Record, compare

__all__ = ["METHOD", "benchmark", "works"]

METHOD = """A roofline of one core, and where the time of a pass goes.

- `kernels`: each kernel on one core, its arguments in memory, its result a new array. The peer is the least
  time that the core needs for the same: the longest of reading and writing as many bytes of arrays of those
  sizes (a plain loop, NumPy's `fill`), as many 64-bit multiplications with additions in registers, and as
  many blocks of AES-128 in registers. `ratio` is thus the part of the limit that the kernel reaches; beyond 1
  it finds in a cache what the plain loop does not.
- `spent:…`: one run of a work on loopback, by participant: `ours_s` is the time of a pass or operation. The
  note says how it was spent, in the program's thread: in kernels, in TLS and sockets, in the rest of Python
  and NumPy, and waiting for others; and the processor time of the links' own threads, which work at the same
  time. With three processes on two cores, waiting contains waiting for a core."""

KERNELS = "kernels"
NOTES_IN_TABLE = True


def works() -> list[str]:
    """The kernels, and each work that is taken apart."""
    return [KERNELS, *spent.WORKS]


def benchmark(
    *,
    turns: int,
    works: Sequence[str] | None,
    without: frozenset[str],  # noqa: ARG001 - every benchmark has it; there are no sides here
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure ``turns`` times; medians.

    :param works: of :func:`works`; all where None.
    :param without: nothing can be left out.
    """
    records: list[Record] = []
    runs: list[dict[str, Any]] = []
    for work in works or (KERNELS, *spent.WORKS):
        found, measured = _kernels(turns) if work == KERNELS else spent.benchmark(work, turns)
        records += found
        runs += [{"work": work} | one for one in measured]
    return records, runs


def _kernels(turns: int) -> tuple[list[Record], list[dict[str, Any]]]:
    runs = [_measure() for _ in range(turns)]
    rates = {rate: max(run["rates"][rate] for run in runs) for rate in runs[0]["rates"]}
    records = [_limits(rates)]
    for name in runs[0]["kernels"]:
        measured = [run["kernels"][name] for run in runs]
        needs = measured[0]
        seconds = median(one["seconds"] for one in measured)
        limit, least = bound(needs | {"memory_s": min(one["memory_s"] for one in measured)}, rates)
        records.append(
            compare(
                f"{KERNELS}/{name}",
                ours_s=seconds,
                peer=f"limit of the {limit}",
                peer_s=least,
                ours_bytes=needs["read"] + needs["written"],
                note=_achieved(needs, seconds),
            )
        )
        print(f"{name}: {least / seconds:.0%} of the limit of the {limit}", flush=True)
    return records, runs


def bound(needs: dict[str, Any], rates: dict[str, float]) -> tuple[str, float]:
    """What limits a kernel, and the least time that it takes."""
    times = {
        "memory": needs["memory_s"],
        "multiplier": needs["products"] / rates["products"],
        "cipher": needs["blocks"] / rates["blocks"] if rates["blocks"] else 0.0,
    }
    limit = max(times, key=lambda name: times[name])
    return limit, times[limit]


def _limits(rates: dict[str, float]) -> Record:
    note = (
        f"one core: reads {rates['read'] / 1e9:.1f} GB/s from main memory, writes {rates['write'] / 1e9:.1f}"
        f" GB/s to new pages of it, {rates['products'] / 1e9:.1f} G multiplications/s,"
        f" AES of {16 * rates['blocks'] / 1e9:.1f} GB/s"
    )
    return Record(f"{KERNELS}/limits", note=note)


def _achieved(needs: dict[str, Any], seconds: float) -> str:
    parts = [f"{(needs['read'] + needs['written']) / seconds / 1e9:.1f} GB/s"]
    if needs["products"]:
        parts.append(f"{needs['products'] / seconds / 1e9:.1f} G multiplications/s")
    if needs["blocks"]:
        parts.append(f"AES of {16 * needs['blocks'] / seconds / 1e9:.1f} GB/s")
    return ", ".join(parts)


def _measure() -> dict[str, Any]:
    environment = os.environ | {"RAYON_NUM_THREADS": "1"}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.json"
        command = [sys.executable, "-m", "bench.kernels.limits", str(path)]
        subprocess.run(command, env=environment, check=True)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
