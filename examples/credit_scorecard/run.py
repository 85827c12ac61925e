"""From raw tables to a scorecard, a report and batch scores: ``make example NAME=credit_scorecard``.

The same pipeline runs by secure computation between two parties, in the clear on all columns in one place,
which only an example can have, and between three parties. Then the results are held against each other.
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
from examples.credit_score import data, servers
from examples.credit_scorecard import compare, tables, world
from examples.credit_scorecard.world import SETTINGS, Setting

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build" / "examples" / "credit_scorecard"
CACHE = ROOT / "build" / "cache"

console = Console()


def files_of(setting: Setting, cuts: Mapping[int, tables.Tables]) -> dict[str, dict[str, Path]]:
    """The data file of each dataset's declaration, by party."""
    if setting.helper is None:
        cut = cuts[2]
        return {"lender": {"pooled.yaml": cut.pooled, "applications.yaml": cut.pooled_applications}}
    cut = cuts[len(setting.parties)]
    files = {party: {f"{party}.yaml": path} for party, path in cut.customers.items()}
    files["lender"]["applications.yaml"] = cut.applications
    return files


def train_and_score(clients: Mapping[str, Client], setting: Setting) -> dict[str, Any]:
    """The pipeline, and new applications by what it has saved."""
    folder = OUTPUT / "results" / setting.name
    jobs = {}
    for name in ("job", "predict"):
        with console.status(f"{setting.name}: {name}"):
            job, seconds = world.run(clients[setting.parties[0]], setting.text(f"{name}.yaml"))
        world.fetch(clients, setting, job.id, folder / name)
        steps = world.spent(clients, setting, job.id)
        jobs[name] = {
            "job": job.id,
            "seconds_total": round(seconds, 2),
            "seconds": {step: round(spent["seconds"], 3) for step, spent in steps.items()},
            "bytes": {step: spent["bytes"] for step, spent in steps.items()},
            "bytes_total": sum(spent["bytes"] for spent in steps.values()),
            "rounds": {step: spent["rounds"] for step, spent in steps.items()},
        }
    training, scoring = jobs["job"], jobs["predict"]
    return {**training, **compare.outcome(folder, setting), "predict": scoring}


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    table = data.fetch(CACHE)
    cuts = {parties: tables.cut(table, OUTPUT / "data" / str(parties), parties) for parties in tables.CUTS}
    names = dict.fromkeys(party for setting in SETTINGS for party in setting.participants)
    homes = {name: OUTPUT / "nodes" / name for name in names}
    for name, home in homes.items():
        servers.initialise("hub" if name == "hub" else "node", name, home)
    engines: dict[str, Any] = {}
    with servers.running(homes) as clients:
        known: set[frozenset[str]] = set()
        for setting in SETTINGS:
            world.introduce(clients, setting, known)
            world.agree(clients, setting, files_of(setting, cuts))
            engines[setting.name] = train_and_score(clients, setting)
    reports = {}
    for party in SETTINGS[0].parties:
        reports[party] = str(OUTPUT / f"report-{party}.html")
        shutil.copy(OUTPUT / "results" / "mpc" / "job" / party / "report" / "report.html", reports[party])
    result = {
        "engines": engines,
        **compare.agreement(engines["mpc"], engines["clear"]),
        "three_parties": compare.agreement(engines["mpc_three"], engines["clear"]),
        "seconds_over_clear": round(engines["mpc"]["seconds_total"] / engines["clear"]["seconds_total"], 2),
        "reports": reports,
        "seconds_total": round(time.monotonic() - started, 1),
    }
    result["checks"] = compare.checks(result)
    (OUTPUT / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(result)
    return 0 if all(result["checks"].values()) else 1


def show(result: Mapping[str, Any]) -> None:
    """What came out, in short."""
    board = Table(title="One pipeline, from raw tables to a scorecard")
    for head in ("", "seconds", "MB sent", "AUC", "KS", "features", "new applications scored"):
        board.add_column(head, justify="left" if not head else "right")
    for name, one in result["engines"].items():
        board.add_row(
            name,
            f"{one['seconds_total']:.1f}",
            f"{one['bytes_total'] / 1e6:.1f}",
            f"{one['auc']:.4f}",
            f"{one['ks']:.4f}",
            str(len(one["points"])),
            f"{one['scored']:,}",
        )
    console.print(board)
    for text, holds in result["checks"].items():
        console.print(f"  {'[green]yes[/]' if holds else '[red]NO[/]'}  {text}", highlight=False)
    for party, path in result["reports"].items():
        console.print(f"  report of {party}: {path}", highlight=False, soft_wrap=True)
    console.print(f"  numbers: {OUTPUT / 'result.json'}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CoterieError, servers.StartError, data.DemoDataError) as failure:
        console.print(f"[red]{failure}[/]", highlight=False)
        sys.exit(1)
