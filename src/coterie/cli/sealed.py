"""``coterie sealed``: sealed data at this node, own and others', and its end."""

from __future__ import annotations

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
