"""The SPU side: programs of the pass, inputs shared by their owners before the measured program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import spu
from bench.line import LOOPBACK, Shape
from bench.logistic.side import Run
from bench.logistic.work import Work
from bench.spu import VERSION

PARTY = Path(__file__).with_name("spu_party.py")


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
    programs: tuple[Program, ...]


EXACT = Program("", "exact", cached=False)
SEGMENTS = Program(" segments", "segments", cached=False)
CACHED = Program(" cached", "exact", cached=True)
BOTH = Program(" cached segments", "segments", cached=True)

PROTOCOLS = (
    Protocol("SEMI2K", (EXACT, SEGMENTS, CACHED, BOTH)),
    Protocol("ABY3", (EXACT, SEGMENTS)),
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


def measure(
    work: Work,
    folder: Path,
    protocol: Protocol,
    truth: NDArray[np.float64],
    shape: Shape = LOOPBACK,
    programs: tuple[Program, ...] | None = None,
) -> list[Run]:
    """Run programs of a protocol once, in fresh processes.

    :param folder: holds the inputs.
    :param truth: coefficients, intercept first, of the same passes in float64.
    :param shape: of the lines between the parties.
    :param programs: which ones; all of the protocol's where None.
    :raises PeerMissing: where SPU cannot be installed.
    :raises RuntimeError: where a party fails.
    """
    programs = protocol.programs if programs is None else programs
    spec: dict[str, Any] = {
        "folder": str(folder),
        "rows": work.rows,
        "left": work.left,
        "right": work.columns - work.left,
        "passes": work.passes,
        "step": work.step,
        "programs": [(f"w{index}", p.sigmoid, p.cached) for index, p in enumerate(programs)],
    }
    done = spu.run(PARTY, protocol.name, spec, folder, shape)
    sent = [spu.sent(one.log) for one in done]
    runs = []
    for index, program in enumerate(programs):
        parts = [one.result["programs"][index] for one in done]
        coefficients = np.asarray(parts[0]["coefficients"])
        runs.append(
            Run(
                side=side_name(protocol, program),
                pass_s=max(part["seconds"] for part in parts) / work.passes,
                pass_bytes=round(sum(counts[index] for counts in sent) / work.passes),
                input_s=max(one.result["input_s"] for one in done),
                input_bytes=sum(one.result["input_bytes"] for one in done),
                error=float(np.abs(coefficients - truth).max()),
                memory=max(part["memory"] for part in parts),
            )
        )
    return runs
