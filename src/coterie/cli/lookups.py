"""``coterie lookup``: which ids another party has, one by one or few at a time."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from coterie.client import Client
from coterie.errors import from_record
from coterie.node import LookupTableView

from .errors import NO_IDS
from .output import amount, cell, console, facts, note, say, short, show, table, when
from .state import read_text, state_of

app = typer.Typer(no_args_is_help=True)

Agreement = Annotated[str, typer.Argument(help="The agreement, by name or digest.")]
Dataset = Annotated[str, typer.Argument(help="The dataset, as the agreement names it.")]

_LOOK_SECONDS = 0.5
"""Between two looks at how far preparing is."""


@app.command()
def prepare(context: typer.Context, agreement: Agreement, dataset: Dataset) -> None:
    """Prepare a table of an own dataset, once, for others to ask. What was broken off goes on.

    The table is a file for those who may ask, by any way: without this node's answers it says nothing.
    Preparing goes on in the node when this command is interrupted. It replaces the present table when it is
    done.
    """
    state = state_of(context)
    with state.client() as client:
        begun = client.prepare_lookups(agreement, dataset)
        made = _follow(client, begun, quiet=state.as_json)
    if show(state, made):
        return
    facts(
        f"Table of {dataset} for lookups",
        (
            ("ids", f"{made.entries:,}"),
            ("size", amount(made.size)),
            ("table", short(made.table)),
            ("next", "copy the file, and nothing beside it, for who may ask: coterie lookup add FILE"),
        ),
    )
    # In one piece, to be copied: it is longer than most lines.
    console.print(cell(f"  file    {made.path or ''}"), soft_wrap=True)


def _follow(client: Client, begun: LookupTableView, *, quiet: bool) -> LookupTableView:
    """Until it is there."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f} ids"))
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("preparing", total=begun.total or None)
        while True:
            found = next((one for one in client.lookup_tables() if one.table == begun.table), begun)
            if found.error is not None:
                raise from_record(found.error.model_dump(exclude={"family", "title"}))
            if found.state == "ready":
                return found
            progress.update(task, completed=found.done, total=found.total or None)
            time.sleep(_LOOK_SECONDS if found.total > _SMALL else _LOOK_SECONDS / 10)


_SMALL = 100_000


@app.command()
def add(context: typer.Context, file: Annotated[Path, typer.Argument(help="The table's file.")]) -> None:
    """Take in a table that another party has prepared. It replaces an older one of the same dataset."""
    state = state_of(context)
    with state.client() as client:
        made = client.add_lookup_table(file.absolute())
    if not show(state, made):
        facts(
            f"Table of {made.dataset} of {made.owner}",
            (
                ("ids", f"{made.entries:,}"),
                ("size", amount(made.size)),
                ("made", f"{when(made.created)} UTC" if made.created else ""),
                ("limits", f"{made.max_ids:,} ids in all, {made.per_minute:,} in a minute"),
            ),
        )


@app.command("list")
def list_tables(context: typer.Context) -> None:
    """Own tables with what others have asked, and those that were taken in."""
    state = state_of(context)
    with state.client() as client:
        found = client.lookup_tables()
        names = {one.id: one.name for one in client.agreements()}
    if show(state, found):
        return
    if not found:
        say("No prepared tables. `coterie lookup prepare` makes one, `coterie lookup add` takes one in.")
        return
    rows = [
        (
            one.dataset,
            one.owner,
            one.state if one.state != "preparing" else f"{one.done:,} of {one.total:,}",
            f"{one.entries:,}",
            amount(one.size),
            ", ".join(f"{party} {count:,}" for party, count in one.asked.items()),
            f"{one.max_ids:,}",
            names.get(one.agreement, short(one.agreement)),
        )
        for one in found
    ]
    columns = ("dataset", "owner", "state", ">ids", ">size", "asked", ">limit", "|agreement")
    table("Prepared tables", columns, rows)


@app.command()
def remove(context: typer.Context, agreement: Agreement, dataset: Dataset) -> None:
    """Delete a table: an own one with its key, so that nobody gets an answer any more; or one taken in."""
    state = state_of(context)
    with state.client() as client:
        client.remove_lookup_table(agreement, dataset)
    if not state.as_json:
        say(f"The table of {dataset} is deleted.")


@app.command()
def ask(
    context: typer.Context,
    agreement: Agreement,
    dataset: Dataset,
    file: Annotated[
        Path | None, typer.Option("--ids", help="File of ids, one in a line; standard input without it.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Of the dataset, where several parties have one of this name.")
    ] = None,
) -> None:
    """Ask which ids the owner of a dataset has: one in a line, on standard input or in a file.

    The parts of a composite id are separated by tabs. Prints the ids with 1 where the owner has them, else 0,
    as CSV. Each id counts against the agreement, and the owner learns how many there are, and no more. Ids
    are no arguments of this command: those stay in the history of the shell.
    """
    state = state_of(context)
    text = sys.stdin.read() if file is None else read_text(file)
    ids = [line.split("\t") for line in text.splitlines() if line]
    if not ids:
        raise NO_IDS("standard input" if file is None else file.name)
    with state.client() as client:
        found = client.look_up(agreement, dataset, ids, owner)
    if show(state, found):
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for one, held in zip(ids, found.held, strict=True):
        writer.writerow([*one, int(held)])
    left = "" if found.left is None else f"; {found.left:,} more may be asked for"
    note(f"{sum(found.held):,} of {len(ids):,} ids are held{left}")
