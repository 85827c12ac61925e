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
    CACHED: "experimental make_cached_var, which keeps the features opened, in a pass before these",
    BOTH: "three-segment sigmoid and experimental make_cached_var, the features opened before",
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
    listed = [(program, work.passes, True) for program in programs if not program.cached]
    cached = [(program, work.passes, True) for program in programs if program.cached]
    # A pass opens the features, and from then on the runtime keeps them open, for all programs.
    listed += [(program, 1, False) for program, _, _ in cached[:1]] + cached
    spec: dict[str, Any] = {
        "folder": str(folder),
        "rows": work.rows,
        "left": work.left,
        "right": work.columns - work.left,
        "step": work.step,
        "programs": [(f"w{at}", p.sigmoid, p.cached, passes) for at, (p, passes, _) in enumerate(listed)],
    }
    done = spu.run(PARTY, protocol.name, spec, folder, shape)
    sent = [spu.sent(one.log) for one in done]
    runs = []
    for at, (program, passes, measured) in enumerate(listed):
        if not measured:
            continue
        parts = [one.result["programs"][at] for one in done]
        coefficients = np.asarray(parts[0]["coefficients"])
        runs.append(
            Run(
                side=side_name(protocol, program),
                pass_s=max(part["seconds"] for part in parts) / passes,
                pass_bytes=round(sum(counts[at] for counts in sent) / passes),
                input_s=max(one.result["input_s"] for one in done),
                input_bytes=sum(one.result["input_bytes"] for one in done),
                error=float(np.abs(coefficients - truth).max()),
                memory=max(part["memory"] for part in parts),
            )
        )
    return runs
