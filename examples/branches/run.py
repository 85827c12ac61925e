"""Three branches with the same columns of other people train on all rows: ``make example NAME=branches``.

They do so by secure sums, which a hub adds up. The models are measured on each branch's own test rows, beside
what it reaches with its own rows alone, and beside models of all rows in one place.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from coterie.client import Client
from coterie.errors import CoterieError
from examples.branches import compare, tables
from examples.credit_score import data, servers
from examples.credit_scorecard import world
from examples.credit_scorecard.world import Setting

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build" / "examples" / "branches"
CACHE = ROOT / "build" / "cache"
HERE = Path(__file__).parent
BRANCHES = tuple(tables.BRANCHES)
SETTING = Setting("fl", ".", BRANCHES, "hub", HERE)

console = Console()


def train(clients: Mapping[str, Client], folder: Path) -> dict[str, Any]:
    """Run the job and fetch its results."""
    with console.status("training"):
        job, seconds = world.run(clients[BRANCHES[0]], SETTING.text("job.yaml"))
    world.fetch(clients, SETTING, job.id, folder)
    return {"job": job.id, "seconds": round(seconds, 2), "steps": world.spent(clients, SETTING, job.id)}


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    files = tables.cut(tables.fetch(CACHE), OUTPUT / "data")
    homes = {name: OUTPUT / "nodes" / name for name in SETTING.participants}
    for name, home in homes.items():
        servers.initialise("hub" if name == "hub" else "node", name, home)
    results = OUTPUT / "results"
    with servers.running(homes) as clients:
        world.introduce(clients, SETTING, set())
        world.agree(clients, SETTING, {branch: {"loans.yaml": path} for branch, path in files.items()})
        job = train(clients, results)
    found, told = compare.quality(files, results), compare.contributions(results)
    reports = {branch: str(OUTPUT / f"report-{branch}.html") for branch in BRANCHES}
    for branch, target in reports.items():
        shutil.copy(results / branch / "report" / "report.html", target)
    result = {
        "quality": found,
        "contributions": told,
        **job,
        "checks": compare.checks(found, told),
        "reports": reports,
        "seconds_total": round(time.monotonic() - started, 1),
    }
    (OUTPUT / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (OUTPUT / "comparison.md").write_text(compare.page(found) + compare.parts(told), encoding="utf-8")
    show(result)
    return 0 if all(result["checks"].values()) else 1


def show(result: Mapping[str, Any]) -> None:
    """What came out, in short."""
    board = Table(title="AUC on each branch's own test rows")
    for head in ("model", "branch", "own model", "joint model", "pooled", "gain"):
        board.add_column(head, justify="left" if head in ("model", "branch") else "right", no_wrap=True)
    for model in compare.MODELS:
        for branch, line in result["quality"][model].items():
            aucs = [f"{line[kind]:.4f}" for kind in ("own", "joint", "pooled")]
            board.add_row(model, branch, *aucs, f"{line['gain']:+.4f}", end_section=branch == "all")
    console.print(board)
    steps = result["steps"].values()
    sent = sum(step["bytes"] for step in steps) / 1e6
    console.print(f"  the joint job took {result['seconds']:.1f} s; all sent {sent:.1f} MB", highlight=False)
    for text, holds in result["checks"].items():
        mark = "[green]yes[/]" if holds else "[red]NO[/]"
        console.print(f"  {mark}  {text}", highlight=False, soft_wrap=True)
    for party, path in result["reports"].items():
        console.print(f"  report of {party}: {path}", highlight=False, soft_wrap=True)
    for what, name in (("comparison", "comparison.md"), ("numbers", "result.json")):
        console.print(f"  {what}: {OUTPUT / name}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CoterieError, servers.StartError, data.DemoDataError) as failure:
        console.print(f"[red]{failure}[/]", highlight=False)
        sys.exit(1)
