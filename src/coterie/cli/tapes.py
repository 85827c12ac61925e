"""``coterie tape`` and ``coterie dealer``: correlations that come in files, before a job runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from coterie.client import Client
from coterie.node import DealingView, TapeView

from .output import amount, console, facts, say, short, show, table
from .state import read_text, state_of

app = typer.Typer(no_args_is_help=True)
dealer_app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="This party's tape file.")]
) -> None:
    """Take in this party's tape file of a stage. The job that waits for it goes on.

    Where the agreement asks for an attested dealer, the evidence must lie beside the file, under its name and
    `.evidence`.
    """
    state = state_of(context)
    with state.client() as client:
        made = client.add_tape(file.absolute())
    if not show(state, made):
        _print(made)


def _print(view: TapeView) -> None:
    facts(
        f"Tape file for stage {view.stage} of job {short(view.job)}",
        (
            ("serial", view.serial),
            ("dealer", f"{view.dealer}, {_told(view.assurance)}"),
            ("size", amount(view.size)),
            ("plan", view.plan),
        ),
    )


def _told(assurance: str | None) -> str:
    """What speaks for a dealer; a simulated platform is named as loudly as it can be."""
    if assurance is None:
        return "trusted by its name"
    return "attested" if assurance == "hardware" else "attested, SIMULATED"


@app.command("list")
def list_tapes(context: typer.Context) -> None:
    """Tape files that wait for their jobs, and those that were used."""
    state = state_of(context)
    with state.client() as client:
        found = client.tapes()
    if show(state, found):
        return
    if not found:
        say("No tape files. `coterie tape add FILE` takes one in.")
        return
    rows = [
        (
            short(one.job),
            one.stage,
            one.state,
            f"{one.dealer}, {_told(one.assurance)}",
            amount(one.size),
            short(one.serial),
        )
        for one in found
    ]
    table("Tape files", ("|job", ">stage", "state", "dealer", ">size", "|serial"), rows)


@dealer_app.callback()
def dealer() -> None:
    """Keep ``deal`` a command of its own."""


@dealer_app.command()
def deal(
    context: typer.Context,
    plan: Annotated[
        list[Path],
        typer.Argument(
            help="The request that a party's `coterie job plan` has written; of each compute party, where "
            "the agreement asks for an attested dealer."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the files, one for each compute party.")],
) -> None:
    """Deal a stage of a job: write one tape file for each compute party, which it alone can read.

    Nothing is taken from the request but public facts: this node derives the plan from its own copy of the
    agreement. Each file goes to its party, by any way; each party takes it in with `coterie tape add`. Where
    the agreement asks for an attested dealer, a process in a sandbox deals, and evidence comes beside each.
    """
    state = state_of(context)
    with state.client() as client:
        first, *others = (read_text(path) for path in plan)
        view = client.deal(first, out.absolute(), *others)
        try:
            view = _follow(client, view.id, quiet=state.as_json)
        except KeyboardInterrupt:
            client.cancel_dealing(view.id)
            raise
    if not show(state, view):
        files = "\n".join(str(Path(out) / Path(file).name) for file in view.files)
        more = () if view.assurance is None else (("evidence", f"beside each: {_told(view.assurance)}"),)
        facts(
            f"Stage {view.stage} of job {short(view.job)} is dealt",
            (("serial", view.serial), ("files", files), *more, ("next", "each party: coterie tape add FILE")),
        )


def _follow(client: Client, dealing: str, *, quiet: bool) -> DealingView:
    """Until it is over."""
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("dealing", total=None)

        def tell(view: DealingView) -> None:
            progress.update(task, description=view.step or "dealing", completed=view.done, total=view.total)

        return client.wait_dealing(dealing, tell)
