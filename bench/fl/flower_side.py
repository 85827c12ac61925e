"""Flower's side: SecAgg+ in a process of its own environment."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from bench.fl.side import Run
from bench.fl.work import Sum
from bench.peers import python_of
from bench.processes import run_together

PARTY = Path(__file__).with_name("flower_party.py")
SECONDS = 1800
RANGE, STEPS = 8.0, 2**22
"""Its own defaults: values within 8, of either sign, in so many steps: each 2^-18."""


def measure(work: Sum, side: str) -> Run:
    """Sum once, in a fresh process.

    :raises PeerMissing: where Flower cannot be installed.
    :raises RuntimeError: where it fails, or the total is further off than its rounding explains.
    """
    python = python_of("flower", (3, 11))
    spec = {
        "clients": work.clients,
        "values": work.values,
        "dropped": work.dropped,
        "shares": shares_of(work.neighbours),
        "threshold": work.rules.threshold,
        "range": RANGE,
        "steps": STEPS,
    }
    with tempfile.TemporaryDirectory(prefix="flower-bench-") as home:
        path = Path(home) / "spec.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        result = run_together({"flower": (python, "-P", PARTY, path)}, Path(home), SECONDS)["flower"].result
    run = Run.of(side, result)
    # It rounds up or down by chance: by less than a step for each client.
    run.check(work.left * 2 * RANGE / STEPS)
    return run


def shares_of(neighbours: int) -> int:
    """Shares for so many neighbours and the client itself; odd, as Flower has them: rather fewer."""
    return neighbours + 1 - neighbours % 2
