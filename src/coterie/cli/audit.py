"""``coterie audit``: check a ledger, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from coterie.ledger import Report, verify

from .output import facts, show, table
from .state import state_of

app = typer.Typer(no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Keep ``verify`` a command of its own: there will be others beside it."""


@app.command("verify")
def verify_ledger(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Argument(help="A ledger's folder, such as HOME/ledger, or a copy of it.")
    ],
    peer: Annotated[
        list[Path] | None,
        typer.Option(
            "--peer", help="Another party's ledger; what it countersigned is held against this one."
        ),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(help="The party's fingerprint, as `coterie node show` prints it: sha256: and hex."),
    ] = None,
) -> None:
    """Check every entry's hash, order and signature, and what peers countersigned. No node is needed.

    Exit status 1 where anything was changed, dropped, reordered or inserted. Give --peer or --fingerprint: a
    ledger that was made anew as a whole, with another key, can be told from a true one only by them.
    """
    state = state_of(context)
    report = verify(directory, peers=peer or [], fingerprint=fingerprint)
    if not show(state, report):
        _print(directory, report, compared=bool(peer or fingerprint))
    if not report.ok:
        raise typer.Exit(1)


def _print(directory: Path, report: Report, *, compared: bool) -> None:
    verdict = Text("in order", "green") if report.ok else Text("NOT in order", "bold red")
    title = Text.assemble((f"Ledger of {report.party or 'nobody known'}", "bold"), "   ", verdict)
    covered = [f"{name}, up to entry {last:,}" for name, last in sorted(report.countersigned.items())]
    rows = [
        ("folder", directory),
        ("entries", f"{report.entries:,}, each signed, and chained to the one before"),
        ("fingerprint", report.fingerprint),
        ("countersigned by", "\n".join(covered) or "nobody"),
        *(("note", remark) for remark in report.notes),
    ]
    if not compared:
        rows.append(("note", "compare the fingerprint with the party, or give --fingerprint or --peer"))
    facts(title, rows)
    if report.findings:
        found = [(one.entry, one.line, one.kind, one.detail) for one in report.findings]
        table("Damage", (">entry", ">line", "|damage", "what"), found, apart=True)
