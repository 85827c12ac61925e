"""``coterie sealed``: sealed data at this node, own and others', and its end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import amount, say, show, table, when
from .state import state_of

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_sealed(context: typer.Context) -> None:
    """What this node has sealed for agreements, and what it holds of others as their host."""
    state = state_of(context)
    with state.client() as client:
        found = client.sealed()
    if show(state, found):
        return
    if not found:
        say("Nothing is sealed here. A dataset is when a job of engine tee is first planned with it.")
        return
    whose = {"own": "own", "held": "held for its owner"}
    rows = [
        (one.file, one.dataset, whose[one.whose], one.rows, amount(one.size), when(one.created))
        for one in found
    ]
    table("Sealed data", ("|file", "dataset", "whose", ">rows", ">size", "|sealed (UTC)"), rows)


@app.command("add")
def add_sealed(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A container that an owner has sealed for the agreement.")],
    agreement: Annotated[str, typer.Option(help="Its name or id.")],
    record: Annotated[
        Path | None, typer.Option(help="The owner's record of it, where it is not beside it.")
    ] = None,
) -> None:
    """At a host: take in an owner's sealed data, for jobs that run while the owner is offline."""
    state = state_of(context)
    beside = record or file.with_name(f"{file.name}.record")
    with state.client() as client:
        made = client.add_sealed(agreement, file.absolute(), beside.absolute())
    if not show(state, made):
        say(f"{made.dataset} is held here as {made.file}: {amount(made.size)} that only its owner can read.")


@app.command("remove")
def remove_sealed(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="Its id, as `coterie sealed list` shows it.")],
    reason: Annotated[str, typer.Option(help="For the ledgers.")] = "",
) -> None:
    """Delete sealed data. Of own data the key is destroyed, so that no copy can be read any more; its host
    then deletes the container and proves it: `coterie ledger list --kind sealed`.
    """
    with state_of(context).client() as client:
        client.remove_sealed(file, reason)
    say(f"{file} is removed. The ledger says so: coterie ledger list --kind sealed")
