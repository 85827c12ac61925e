"""Two institutions and a hub train a joint credit score, as real processes on this machine.

Run it with ``make demo``. It uses the SDK for what ``docs/tutorial.md`` does by hand: one job by secure
computation, and the same score, with boosted trees beside it, in a trusted execution environment that is
SIMULATED. Then it checks the outcome against pooled plaintext, which only a demo can have.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import attested
import compare
import data
import servers
import tables
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from coterie.client import Client
from coterie.errors import CoterieError
from coterie.node import JobView

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUTPUT = ROOT / "build" / "demo"
CACHE = ROOT / "build" / "cache"
IMAGES = CACHE / "images"
PARTIES = ("lender", "payments")
FILES = {"mpc": "job.yaml", "tee": "job-tee.yaml"}
NEAR = 1e-9
ORDER = 2e-3

console = Console()


def introduce(clients: dict[str, Client]) -> None:
    """Everybody pins everybody's key, by one-time invitations."""
    for inviter, guest in (("lender", "payments"), ("hub", "lender"), ("hub", "payments")):
        invitation = clients[inviter].invite(hours=1)
        clients[guest].accept(str(invitation.text))


def agree(clients: dict[str, Client], cut: data.Tables, terms: str) -> None:
    """Register the datasets; draft, offer and sign the agreement."""
    for party, path in (("lender", cut.lender), ("payments", cut.payments)):
        text = (HERE / f"{party}.yaml").read_text(encoding="utf-8")
        clients[party].add_dataset(text.replace(f"path: {path.name}", f"path: {path}"))
    draft = clients["lender"].draft_agreement(terms)
    clients["lender"].offer_agreement(draft.id)
    clients["lender"].sign_agreement(draft.id)
    clients["payments"].sign_agreement(draft.id)


def run(lender: Client, engine: str) -> tuple[JobView, float]:
    """Submit a job at the lender and follow it; gives the seconds that it took, too."""
    started = time.monotonic()
    job = lender.submit((HERE / FILES[engine]).read_text(encoding="utf-8"))
    columns = (
        TextColumn("{task.fields[step]:<17}"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", step="", total=None)

        def show(view: JobView) -> None:
            mine = view.participant("hub" if engine == "tee" else "lender")
            step, what = mine.step or view.state, mine.what or ""
            progress.update(task, step=step, description=what, completed=mine.done, total=mine.total or None)

        over = lender.wait(job.id, show)
    return over, round(time.monotonic() - started, 1)


def fetch_results(clients: dict[str, Client], job: str, folder: Path) -> None:
    """Every party's results, in a folder of its own."""
    for party in PARTIES:
        for one in clients[party].results(job):
            target = folder / party / one.name
            target.parent.mkdir(parents=True, exist_ok=True)
            clients[party].download(job, one.name, target)


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


def learned(client: Client, job: str, bound: str) -> dict[str, list[str]]:
    """What each participant came to know, from the reveals in a party's ledger; the same of several steps in
    one line.

    :param bound: before numbers of values.
    """
    steps: dict[str, dict[str, list[str]]] = {"lender": {}, "payments": {}, "hub": {}}
    for entry in client.ledger(kind="reveal", job=job):
        what = f"{entry.body['what']} ({bound}{entry.body['values']:,})"
        for party in entry.body["to"]:
            steps[party].setdefault(what, []).append(entry.body["step"])
    return {
        party: [f"{', '.join(names)}: {what}" for what, names in found.items()]
        for party, found in steps.items()
    }


def audit(homes: dict[str, Path]) -> bool:
    """Check all ledgers offline, each against those of the others."""
    return all(
        _verified(
            home / "ledger",
            *(("--peer", other / "ledger") for peer, other in homes.items() if peer != name),
        )
        for name, home in homes.items()
    )


def replay(homes: dict[str, Path], job: str) -> bool:
    """Replay the attested run offline: the lender's record of it, all ledgers, the host's sealed results."""
    return _verified(
        homes["lender"] / "jobs" / job / "results" / "run" / "record.json",
        *(("--ledger", home / "ledger") for home in homes.values()),
        ("--sealed", homes["hub"] / "jobs" / job / "results" / "run"),
    )


def _verified(path: Path, *options: tuple[str, Path]) -> bool:
    more = [str(word) for option in options for word in option]
    command = [str(servers.COTERIE), "audit", "verify", str(path), *more]
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0


def job_facts(clients: dict[str, Client], job: JobView, seconds: float) -> dict[str, Any]:
    """Of one job: what each of its steps took, over all participants."""
    sides = {party: facts_of(client, job.id) for party, client in clients.items()}
    mine = sides["lender"]
    return {
        "job": job.id,
        "seconds_total": seconds,
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
    }


def common_rows(lender: Client, job: str) -> int:
    """As the parties of the job by secure computation were told them."""
    plans = [entry.body.get("sizes", {}) for entry in lender.ledger(kind="plan", job=job)]
    return next(int(told["rows.all"]) for told in plans if "rows.all" in told)


def checks(outcome: compare.Outcome) -> dict[str, bool]:
    """What the demo has claimed, and whether it is so."""
    auc, far = outcome.auc, outcome.differences
    found = {"the joint score beats the lender's own": auc["joint_mpc"] > auc["lender_alone"]}
    if "joint_tee" in auc:
        found["SIMULATED TEE: logistic equals the same training on pooled plaintext"] = (
            far["tee_coefficients"] < NEAR and abs(auc["joint_tee"] - auc["twin_plaintext"]) < NEAR
        )
        # XGBoost's bins depend a little on the order of rows, which in a job nobody knows.
        trees = abs(auc["joint_tee_boosting"] - auc["pooled_xgboost"])
        found["SIMULATED TEE: boosted trees are as good as XGBoost on the pooled table"] = trees < ORDER
        found["SIMULATED TEE: boosted trees are no worse than logistic"] = (
            auc["joint_tee_boosting"] >= auc["joint_tee"]
        )
    return found


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    cut = data.cut(data.fetch(CACHE), OUTPUT / "data")
    homes = {name: OUTPUT / name for name in ("hub", *PARTIES)}
    for name, home in homes.items():
        servers.initialise("hub" if name == "hub" else "node", name, home)
    terms, skipped, words = prepare(homes["hub"])
    engines = ["mpc"] if skipped else ["mpc", "tee"]
    jobs: dict[str, Any] = {}
    known: dict[str, dict[str, list[str]]] = {}
    with servers.running(homes) as clients:
        introduce(clients)
        agree(clients, cut, terms)
        for engine in engines:
            job, seconds = run(clients["lender"], engine)
            fetch_results(clients, job.id, OUTPUT / "results" / engine)
            # Of an attested run nobody hears the sizes, so its ledger has the largest.
            known[engine] = learned(clients["lender"], job.id, "≤ " if engine == "tee" else "")
            jobs[engine] = job_facts(clients, job, seconds)
        rows = common_rows(clients["lender"], jobs["mpc"]["job"])
    folders = [OUTPUT / "results" / engine if engine in jobs else None for engine in FILES]
    outcome = compare.against_plaintext(cut, OUTPUT / "results" / "mpc", folders[1])
    shutil.copy(OUTPUT / "results" / "mpc" / "lender" / "report" / "report.html", OUTPUT / "report.html")
    proven = {"every ledger is in order, and countersigned by the others": audit(homes)}
    if skipped is None:
        jobs["tee"]["platform_words"] = words
        proven["SIMULATED TEE: the run holds when it is replayed offline"] = replay(homes, jobs["tee"]["job"])
    result: dict[str, Any] = {
        "auc": outcome.auc,
        "ks": outcome.ks,
        "differences": outcome.differences,
        "rows_aligned": rows,
        "jobs": jobs,
        "checks": {**checks(outcome), **proven},
        "report": str(OUTPUT / "report.html"),
        "numbers": str(OUTPUT / "result.json"),
        "ledgers": {name: str(home / "ledger") for name, home in homes.items()},
        "seconds_total": round(time.monotonic() - started, 1),
        **({"tee_skipped": skipped} if skipped else {}),
    }
    (OUTPUT / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    tables.show(console, result, known)
    return 0 if all(result["checks"].values()) else 1


def prepare(hub: Path) -> tuple[str, str | None, str]:
    """The terms; why there is no attested run, None if there is; and what it rests on."""
    terms = (HERE / "agreement.yaml").read_text(encoding="utf-8")
    if (reason := attested.why_not()) is not None:
        return attested.without(terms), reason, ""
    kind = attested.platform()
    attested.settle(hub, kind, IMAGES)
    with console.status("measuring the code that the TEE runs; its image is made once"):
        terms = attested.measured(hub, terms)
    what = attested.PLATFORM_NAMES[kind]
    return terms, None, f"SIMULATED, by {what}: whoever runs the host could see everything."


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CoterieError, servers.StartError, data.DemoDataError) as failure:
        console.print(f"[red]{failure}[/]", highlight=False)
        sys.exit(1)
