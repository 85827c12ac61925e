"""``coterie audit``: check a ledger, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coterie.ledger import verify

from .output import console, show, table
from .state import state_of

app = typer.Typer(no_args_is_help=True)


@app.command("verify")
def verify_ledger(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="A ledger's folder.")],
    peer: Annotated[
        list[Path] | None,
        typer.Option(
            "--peer", help="Another party's ledger folder; its countersigned heads are held against this one."
        ),
    ] = None,
) -> None:
    """Check every entry's hash, order and signature, and the heads that peers countersigned, offline."""
    state = state_of(context)
    report = verify(directory, peers=peer or [])
    if not show(state, report):
        if report.findings:
            rows = [(one.entry, one.kind, one.detail) for one in report.findings]
            table(f"{directory} is NOT in order", ("entry", "damage", ""), rows)
        else:
            console.print(f"{directory}: {report.entries} entries, in order", highlight=False, markup=False)
    if not report.ok:
        raise typer.Exit(1)
