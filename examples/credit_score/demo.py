"""Two institutions and a hub train a joint credit score, as real processes on this machine.

Run it with ``make demo``. It uses the SDK for what ``docs/tutorial.md`` does by hand, then checks the outcome
against pooled plaintext, which only a demo can have.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import compare
import data
import servers
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from coterie.client import Client
from coterie.errors import CoterieError
from coterie.node import JobView

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUTPUT = ROOT / "build" / "demo"
CACHE = ROOT / "build" / "cache"

console = Console()


def introduce(clients: dict[str, Client]) -> None:
    """Everybody pins everybody's key, by one-time invitations."""
    for inviter, guest in (("lender", "payments"), ("hub", "lender"), ("hub", "payments")):
        invitation = clients[inviter].invite(hours=1)
        clients[guest].accept(str(invitation.text))


def agree(clients: dict[str, Client], tables: data.Tables) -> None:
    """Register the datasets; draft, offer and sign the agreement."""
    for party, path in (("lender", tables.lender), ("payments", tables.payments)):
        text = (HERE / f"{party}.yaml").read_text(encoding="utf-8")
        clients[party].add_dataset(text.replace(f"path: {path.name}", f"path: {path}"))
    text = (HERE / "agreement.yaml").read_text(encoding="utf-8")
    draft = clients["lender"].draft_agreement(text)
    clients["lender"].offer_agreement(draft.id)
    clients["lender"].sign_agreement(draft.id)
    clients["payments"].sign_agreement(draft.id)


def run(lender: Client) -> JobView:
    """Submit the job at the lender, and follow it."""
    job = lender.submit((HERE / "job.yaml").read_text(encoding="utf-8"))
    columns = (
        TextColumn("{task.fields[step]:<16}"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", step="", total=None)

        def show(view: JobView) -> None:
            mine = view.participant("lender")
            total = mine.total or None
            what = mine.what or ""
            step = mine.step or view.state
            progress.update(task, step=step, description=what, completed=mine.done, total=total)

        return lender.wait(job.id, show)


def facts_of(client: Client, job: str) -> dict[str, Any]:
    """Seconds, bytes and rounds of each step, from a party's own ledger."""
    steps: dict[str, Any] = {}
    for entry in client.ledger(kind="egress", job=job):
        body = entry.body
        steps[body["step"]] = {
            "seconds": body["seconds"],
            "bytes": {"planned": sum(body["planned"].values()), "sent": sum(body["sent"].values())},
            "rounds": body["rounds"],
        }
    return steps


def learned(client: Client, job: str) -> dict[str, list[str]]:
    """What each participant came to know, from the reveals in a party's ledger."""
    known: dict[str, list[str]] = {"lender": [], "payments": [], "hub": []}
    for entry in client.ledger(kind="reveal", job=job):
        for party in entry.body["to"]:
            known[party].append(f"{entry.body['step']}: {entry.body['what']} ({entry.body['values']:,})")
    return known


def audit(homes: dict[str, Path]) -> str:
    """Check all ledgers offline, each against those of the others."""
    for name, home in homes.items():
        others = [
            str(item)
            for peer, other in homes.items()
            if peer != name
            for item in ("--peer", other / "ledger")
        ]
        command = [str(servers.COTERIE), "audit", "verify", str(home / "ledger"), *others]
        if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode != 0:
            return f"{name}'s ledger is not in order"
    return "ok"


def result_of(
    clients: dict[str, Client], homes: dict[str, Path], job: JobView, outcome: compare.Outcome
) -> dict[str, Any]:
    sides = {party: facts_of(client, job.id) for party, client in clients.items()}
    mine = sides["lender"]
    sizes = [
        entry.body["sizes"]
        for entry in clients["lender"].ledger(kind="plan", job=job.id)
        if "sizes" in entry.body
    ]
    rows = next(int(told["rows.all"]) for told in sizes if "rows.all" in told)
    return {
        "auc": outcome.auc,
        "ks": outcome.ks,
        "coefficient_difference": outcome.coefficient_difference,
        "rows_aligned": rows,
        "seconds": {step: facts["seconds"] for step, facts in mine.items()},
        "bytes": {
            step: {
                key: sum(side[step]["bytes"][key] for side in sides.values()) for key in ("planned", "sent")
            }
            for step in mine
        },
        "rounds": {
            step: {
                key: max(side[step]["rounds"][key] for side in sides.values()) for key in ("planned", "used")
            }
            for step in mine
        },
        "job": job.id,
        "report": str(OUTPUT / "report.html"),
        "ledgers": {name: str(home / "ledger") for name, home in homes.items()},
    }


def show_result(result: dict[str, Any], known: dict[str, list[str]]) -> None:
    lift = Table(title="The score on borrowers it has never seen", title_justify="left")
    for name in ("", "AUC", "KS"):
        lift.add_column(name, justify="right" if name else "left")
    for key, words in (
        ("lender_alone", "lender alone"),
        ("joint_mpc", "joint, by secure computation"),
        ("pooled_plaintext", "pooled plaintext (a demo's privilege)"),
    ):
        lift.add_row(words, f"{result['auc'][key]:.4f}", f"{result['ks'][key]:.4f}")
    console.print(lift)

    knows = Table(title="What each party learned", title_justify="left", show_lines=True)
    knows.add_column("party")
    knows.add_column("learned, beyond its own data and the sizes")
    for party, items in known.items():
        knows.add_row(party, "\n".join(items) or "nothing")
    console.print(knows)

    steps = Table(title="Plan and fact", title_justify="left")
    for name in ("step", "seconds", "bytes planned", "bytes sent", "rounds planned", "rounds used"):
        steps.add_column(name, justify="left" if name == "step" else "right")
    for step, count in result["bytes"].items():
        rounds = result["rounds"][step]
        steps.add_row(
            step,
            f"{result['seconds'][step]:.2f}",
            f"{count['planned']:,}",
            f"{count['sent']:,}",
            str(rounds["planned"]),
            str(rounds["used"]),
        )
    console.print(steps)
    console.print(
        f"{result['rows_aligned']:,} common borrowers; largest coefficient difference from the same "
        f"optimiser in float64: {result['coefficient_difference']:.1e}; audit: {result['audit']}; "
        f"{result['seconds_total']:.1f} s in all",
        highlight=False,
    )
    console.print(
        f"report  {result['report']}\nnumbers {OUTPUT / 'result.json'}", highlight=False, soft_wrap=True
    )


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    tables = data.cut(data.fetch(CACHE), OUTPUT / "data")
    homes = {name: OUTPUT / name for name in ("hub", "lender", "payments")}
    for name, home in homes.items():
        servers.initialise("hub" if name == "hub" else "node", name, home)
    with servers.running(homes) as clients:
        introduce(clients)
        agree(clients, tables)
        job = run(clients["lender"])
        for party in ("lender", "payments"):
            folder = OUTPUT / "results" / party
            for one in clients[party].results(job.id):
                (folder / one.name).parent.mkdir(parents=True, exist_ok=True)
                clients[party].download(job.id, one.name, folder / one.name)
        known = learned(clients["lender"], job.id)
        outcome = compare.against_plaintext(tables, OUTPUT / "results")
        result = result_of(clients, homes, job, outcome)
    shutil.copy(OUTPUT / "results" / "lender" / "evaluate" / "report.html", OUTPUT / "report.html")
    result["audit"] = audit(homes)
    result["seconds_total"] = round(time.monotonic() - started, 1)
    (OUTPUT / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show_result(result, known)
    return 0 if result["audit"] == "ok" else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CoterieError, servers.StartError, data.DemoDataError) as failure:
        console.print(f"[red]{failure}[/]", highlight=False)
        sys.exit(1)
