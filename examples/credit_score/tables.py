"""What the demo prints at its end."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

SCORES = (
    ("lender_alone", "lender alone: logistic", None),
    ("lender_alone_boosting", "lender alone: boosted trees", None),
    ("joint_mpc", "joint, secure computation: logistic", "mpc"),
    ("joint_tee", "joint, SIMULATED TEE: logistic", "tee"),
    ("joint_tee_boosting", "joint, SIMULATED TEE: boosted trees", "tee"),
    ("pooled_plaintext", "pooled plaintext: logistic *", None),
    ("pooled_xgboost", "pooled plaintext: XGBoost *", None),
)
"""Key, words, and the job that it comes from."""
JOBS = {"mpc": "secure computation", "tee": "SIMULATED TEE"}


def show(console: Console, result: dict[str, Any], known: dict[str, dict[str, list[str]]]) -> None:
    """Everything: the scores, what was learned, plan and fact, and whether it all holds.

    :param known: by job and party, what the party learned.
    """
    _scores(console, result)
    _learned(console, known)
    for job in result["jobs"]:
        _plan_and_fact(console, job, result["jobs"][job])
    _notes(console, result)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    """The first column is text, the others are numbers. It fits 80 columns."""
    plain = {"box": box.SIMPLE_HEAD, "show_edge": False, "pad_edge": False}
    drawn = Table(title=title, title_justify="left", title_style="bold", **plain)
    for number, name in enumerate(columns):
        drawn.add_column(name, justify="right" if number else "left", no_wrap=True)
    return drawn


def _scores(console: Console, result: dict[str, Any]) -> None:
    drawn = _table("The score on borrowers it has never seen", ("", "AUC", "KS", "seconds", "bytes sent"))
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
    console.print(drawn, "* a demo's privilege: it has both tables", "", sep="\n")


def _learned(console: Console, known: dict[str, dict[str, list[str]]]) -> None:
    drawn = Table(title="What each party learned", title_justify="left", title_style="bold", show_lines=True)
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
    columns = ("step", "seconds", "bytes planned", "bytes sent", "rounds")
    drawn = _table(f"Plan and fact: {JOBS[job]}", columns)
    for step, count in facts["bytes"].items():
        rounds = facts["rounds"][step]
        drawn.add_row(
            step,
            f"{facts['seconds'][step]:.2f}",
            f"{most}{count['planned']:,}",
            f"{count['sent']:,}",
            f"{rounds['used']} of {most}{rounds['planned']}",
        )
    words = (
        f"The run is in stage-release; in it nobody sends. {facts['platform_words']}" if job == "tee" else ""
    )
    console.print(drawn, words, sep="\n")


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
