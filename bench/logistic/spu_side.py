"""The SPU side: secure processing unit 0.9.5, its own processes and brpc links over loopback.

SEMI2K between two parties (its default: correlations from the first party, who is trusted with them), ABY3
among three. 64-bit ring, 18 fractional bits, inputs shared by their owners before the measured program.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.logistic.side import Run, free_ports
from bench.logistic.work import Work
from bench.peers import python_of

VERSION = "0.9.5"
PARTY = Path(__file__).with_name("spu_party.py")
MINUTES = 30


@dataclass(frozen=True)
class Program:
    """A way to write the pass for SPU."""

    name: str
    sigmoid: str
    cached: bool


@dataclass(frozen=True)
class Protocol:
    """A protocol of SPU with the programs to measure under it."""

    name: str
    parties: int
    programs: tuple[Program, ...]


EXACT = Program("", "exact", cached=False)
SEGMENTS = Program(" segments", "segments", cached=False)
CACHED = Program(" cached", "exact", cached=True)
BOTH = Program(" cached segments", "segments", cached=True)

PROTOCOLS = (
    Protocol("SEMI2K", 2, (EXACT, SEGMENTS, CACHED, BOTH)),
    Protocol("ABY3", 3, (EXACT, SEGMENTS)),
)

NOTES = {
    EXACT: "jax.nn.sigmoid, which JAX lowers to exponential and reciprocal (SPU's default sigmoid too)",
    SEGMENTS: "sigmoid of three straight segments (SPU's SIGMOID_SEG3), which errs by up to 0.12",
    CACHED: "experimental make_cached_var, which opens the features once instead of in each pass",
    BOTH: "three-segment sigmoid and experimental make_cached_var",
}


def side_name(protocol: Protocol, program: Program) -> str:
    """The peer's name in the records."""
    return f"spu {VERSION} {protocol.name.lower()}{program.name}"


def note(side: str) -> str | None:
    """What a side of this file stands for; None for other sides."""
    for protocol in PROTOCOLS:
        for program in protocol.programs:
            if side_name(protocol, program) == side:
                return NOTES[program]
    return None


def measure(work: Work, folder: Path, protocol: Protocol, truth: NDArray[np.float64]) -> list[Run]:
    """Run every program of a protocol once, in fresh processes.

    :param folder: holds the inputs.
    :param truth: coefficients, intercept first, of the same passes in float64.
    :raises PeerMissing: where SPU cannot be installed.
    :raises RuntimeError: where a party fails.
    """
    python = python_of("spu", (3, 11))
    spec: dict[str, Any] = {
        "protocol": protocol.name,
        "ports": free_ports(protocol.parties),
        "folder": str(folder),
        "rows": work.rows,
        "left": work.left,
        "right": work.columns - work.left,
        "passes": work.passes,
        "step": work.step,
        "programs": [(f"w{index}", p.sigmoid, p.cached) for index, p in enumerate(protocol.programs)],
    }
    results, logs = _run_parties(python, spec, folder, protocol)
    sent = [
        [int(count) for count in re.findall(r"Link details: total send bytes (\d+)", log)] for log in logs
    ]
    runs = []
    for index, program in enumerate(protocol.programs):
        parts = [result["programs"][index] for result in results]
        coefficients = np.asarray(parts[0]["coefficients"])
        runs.append(
            Run(
                side=side_name(protocol, program),
                pass_s=max(part["seconds"] for part in parts) / work.passes,
                pass_bytes=round(sum(counts[index] for counts in sent) / work.passes),
                input_s=max(result["input_s"] for result in results),
                input_bytes=sum(result["input_bytes"] for result in results),
                error=float(np.abs(coefficients - truth).max()),
                memory=max(part["memory"] for part in parts),
            )
        )
    return runs


def _run_parties(
    python: Path, spec: dict[str, Any], folder: Path, protocol: Protocol
) -> tuple[list[dict[str, Any]], list[str]]:
    """Start one process for each party; their results and logs."""
    spec_path = folder / f"{protocol.name}.json"
    spec_path.write_text(json.dumps(spec), encoding="utf-8")
    results = [folder / f"{protocol.name}.{rank}.result.json" for rank in range(protocol.parties)]
    logs = [folder / f"{protocol.name}.{rank}.log" for rank in range(protocol.parties)]
    processes = []
    try:
        for rank, (result, log) in enumerate(zip(results, logs, strict=True)):
            result.unlink(missing_ok=True)
            command = [str(part) for part in (python, "-P", PARTY, spec_path, rank, result)]
            with log.open("wb") as out:
                processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out))
        for process, log in zip(processes, logs, strict=True):
            if process.wait(timeout=60 * MINUTES):
                raise RuntimeError(f"SPU failed:\n{log.read_text(errors='replace')[-2000:]}")
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [json.loads(path.read_text()) for path in results], [
        log.read_text(errors="replace") for log in logs
    ]
