"""Coterie's side: two parties and a dealer, each a process of its own, over TLS links on loopback."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.binning import ours_party
from bench.binning.side import Run
from bench.binning.work import Work
from bench.participants import DEALER, specification
from bench.processes import calling, run_together

SIDE = "coterie mpc"
NAMES = (*ours_party.PARTIES, DEALER)
SECONDS = 900


def measure(work: Work, folder: Path, truth: Mapping[str, float]) -> Run:
    """Bin once, in fresh processes; bytes and rounds are the plan's, which each process has kept to.

    :param truth: information values of the pooled columns, by column.
    :raises RuntimeError: where a process fails, or plan and fact differ.
    """
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as homes:
        spec = specification(NAMES, Path(homes)) | {
            "folder": str(folder),
            "rows": work.rows,
            "columns": work.columns,
            "params": work.params.model_dump(mode="json"),
        }
        path = folder / "ours.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        commands = {name: calling("bench.binning.ours_party", path, name) for name in NAMES}
        results = {name: done.result for name, done in run_together(commands, folder, SECONDS).items()}
    for name, result in results.items():
        if result["planned"] != result["sent"] or result["rounds"][0] != result["rounds"][1]:
            raise RuntimeError(f"{name} sent {result['sent']}, and had planned {result['planned']}")
    found = {column["name"]: column["iv"] for column in results["shop"]["bins"]["columns"]}
    return Run(
        side=SIDE,
        seconds=max(results[name]["seconds"] for name in ours_party.PARTIES),
        bytes=sum(sum(result["sent"].values()) for result in results.values()),
        rounds=max(result["rounds"][1] for result in results.values()),
        error=max(abs(found[column] - value) for column, value in truth.items()),
        memory=max(results[name]["memory"] for name in ours_party.PARTIES),
    )
