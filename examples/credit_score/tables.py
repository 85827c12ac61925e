"""What the demo prints at its end."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

SCORES = (
    ("lender_alone", "lender alone, logistic", None),
    ("lender_alone_boosting", "lender alone, boosted trees", None),
    ("joint_mpc", "joint, by secure computation: logistic", "mpc"),
    ("joint_tee", "joint, in a SIMULATED TEE: logistic", "tee"),
    ("joint_tee_boosting", "joint, in a SIMULATED TEE: boosted trees", "tee"),
    ("pooled_plaintext", "pooled plaintext, logistic *", None),
    ("pooled_xgboost", "pooled plaintext, XGBoost *", None),
)
"""Key, words, and the job that it comes from."""
JOBS = {"mpc": "secure computation", "tee": "TEE (SIMULATED)"}


def show(console: Console, result: dict[str, Any], known: dict[str, dict[str, list[str]]]) -> None:
    """Everything: the scores, what was learned, plan and fact, and whether it all holds.

    :param known: by job and party, what the party learned.
    """
    _scores(console, result)
    _learned(console, known)
    for job in result["jobs"]:
        _plan_and_fact(console, job, result["jobs"][job])
    _notes(console, result)


def _scores(console: Console, result: dict[str, Any]) -> None:
    drawn = Table(title="The score on borrowers it has never seen", title_justify="left")
    for name in ("", "AUC", "KS", "seconds", "bytes sent"):
        drawn.add_column(name, justify="right" if name else "left")
    told: set[str] = set()
    for key, words, job in SCORES:
        if key not in result["auc"]:
            continue
        facts = ["", ""]
        if job in told:
            facts = ["same job", ""]
        elif job is not None:
            told.add(job)
            sent = sum(count["sent"] for count in result["jobs"][job]["bytes"].values())
            facts = [f"{result['jobs'][job]['seconds_total']:.1f}", f"{sent:,}"]
        drawn.add_row(words, f"{result['auc'][key]:.4f}", f"{result['ks'][key]:.4f}", *facts)
    console.print(drawn)
    console.print("* a demo's privilege: it has both tables")


def _learned(console: Console, known: dict[str, dict[str, list[str]]]) -> None:
    drawn = Table(title="What each party learned", title_justify="left", show_lines=True)
    for name in ("party", "by", "learned, beyond its own data and the sizes"):
        drawn.add_column(name)
    for party in ("lender", "payments", "hub"):
        for number, (job, parties) in enumerate(known.items()):
            words = "\n".join(parties[party]) or "nothing"
            drawn.add_row(party if not number else "", JOBS[job], words)
    console.print(drawn)


def _plan_and_fact(console: Console, job: str, facts: dict[str, Any]) -> None:
    # What is sent around an attested run is planned in bytes and rounds at most.
    most = "≤ " if job == "tee" else ""
    drawn = Table(title=f"Plan and fact: {JOBS[job]}", title_justify="left")
    for name in ("step", "seconds", "bytes planned", "bytes sent", "rounds planned", "rounds used"):
        drawn.add_column(name, justify="left" if name == "step" else "right")
    for step, count in facts["bytes"].items():
        rounds = facts["rounds"][step]
        drawn.add_row(
            step,
            f"{facts['seconds'][step]:.2f}",
            f"{most}{count['planned']:,}",
            f"{count['sent']:,}",
            f"{most}{rounds['planned']}",
            str(rounds["used"]),
        )
    console.print(drawn)
    if job == "tee":
        console.print(f"The run itself is in stage-release; in it nobody sends. {facts['platform_words']}")


def _notes(console: Console, result: dict[str, Any]) -> None:
    told = result["differences"]
    console.print(
        f"{result['rows_aligned']:,} common borrowers. Largest difference of a logistic coefficient from "
        f"plaintext: {told['mpc_coefficients']:.1e} by secure computation"
        + (f", {told['tee_coefficients']:.1e} in the SIMULATED TEE." if "tee_coefficients" in told else "."),
        highlight=False,
    )
    for words, holds in result["checks"].items():
        console.print(f"  {'[green]ok[/]' if holds else '[red]NO[/]'}  {words}", highlight=False)
    if "tee_skipped" in result:
        console.print(f"[yellow]no run in a TEE:[/] {result['tee_skipped']}", highlight=False)
    console.print(
        f"{result['seconds_total']:.1f} s in all\nreport  {result['report']}\nnumbers {result['numbers']}",
        highlight=False,
        soft_wrap=True,
    )
