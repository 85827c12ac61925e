"""Coterie's side of a secure sum, in a fresh process."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.fl.side import Run
from bench.fl.work import Sum
from bench.processes import calling, run_together

SECONDS = 600


def measure(work: Sum, side: str) -> Run:
    """Sum once.

    :raises RuntimeError: where it fails, or the total is further off than its rounding explains.
    """
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as home:
        path = Path(home) / "spec.json"
        path.write_text(json.dumps({"work": asdict(work), "side": side}), encoding="utf-8")
        command = {"ours": calling("bench.fl.ours_process", path)}
        result = run_together(command, Path(home), SECONDS)["ours"].result
    run = Run.of(side, result)
    run.check(work.form.error(work.left) * (1 + 1e-9))
    return run
