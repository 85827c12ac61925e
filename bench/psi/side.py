"""What one measurement of one side tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.psi.work import Data, check


@dataclass(frozen=True)
class Run:
    """One measurement, from the files to the files."""

    side: str
    seconds: float
    """Of the slower party: reading the ids, finding the common ones, writing these in ascending order."""
    processor_s: float
    """Of both parties together, programs that they started too."""
    memory: int
    """The most that one party's process has held, all told, in bytes."""
    sent: dict[str, int]
    """Bytes on TCP streams, by party."""
    parts: dict[str, dict[str, float]]
    """Seconds of parts of the work, by party."""
    rounds: int | None = None
    phase: str = ""
    """Of a work that has several."""

    @property
    def bytes(self) -> int:
        """Sent by both."""
        return sum(self.sent.values())


def told(
    side: str,
    results: Mapping[str, Mapping[str, Any]],
    data: Data,
    outputs: Iterable[tuple[str, Path]],
    phase: str = "",
) -> Run:
    """A measurement of what each party's meter says, after a look at the results.

    :param results: by party.
    :param outputs: the files that are to hold the common ids, each with its party.
    :raises RuntimeError: where a result is wrong.
    """
    for party, path in outputs:
        check(side, party, path, data.truth)
    return Run(
        side=side,
        seconds=max(result["seconds"] for result in results.values()),
        processor_s=sum(result["processor_s"] for result in results.values()),
        memory=max(result["memory"] for result in results.values()),
        sent={party: result["sent"] for party, result in results.items()},
        parts={party: result["parts"] for party, result in results.items()},
        rounds=max((result["rounds"] for result in results.values() if "rounds" in result), default=None),
        phase=phase,
    )
