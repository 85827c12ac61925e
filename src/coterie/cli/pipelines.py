"""``coterie pipeline``: the saved pipelines that this party has a part of."""

from __future__ import annotations

from typing import Annotated

import typer

from .output import facts, say, show, table, when
from .state import state_of

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_pipelines(context: typer.Context) -> None:
    """The saved pipelines of this node, by name, the newest first."""
    state = state_of(context)
    with state.client() as client:
        found = client.pipelines()
    if show(state, found):
        return
    if not found:
        say("No pipelines yet. A job with the step `save` keeps one.")
        return
    rows = [
        (one.reference, ", ".join(one.columns), one.model, one.engine, when(one.made), one.job)
        for one in found
    ]
    table("Pipelines", ("|pipeline", "parties", "model", "engine", "|made (UTC)", "|job"), rows)


@app.command("show")
def show_pipeline(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="name@number, the digest, or the name alone for the newest of that name.")
    ],
) -> None:
    """One pipeline: what it does to new rows, and the columns that they must have."""
    state = state_of(context)
    with state.client() as client:
        found = client.pipeline(name)
    if show(state, found):
        return
    facts(
        found.reference,
        [
            ("digest", found.identity),
            ("engine", found.engine),
            ("steps", ", ".join(found.steps)),
            ("scores by", found.model),
            ("label", f"{found.label} of {found.label_holder}"),
            ("job", found.job),
            ("agreement", found.agreement),
            ("made (UTC)", when(found.made)),
        ],
    )
    rows = [(party, one.name, one.type) for party, own in found.columns.items() for one in own]
    table("Columns of new rows", ("party", "column", "type"), rows, apart=True)


@app.command("remove")
def remove_pipeline(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="name@number, or the digest.")],
    reason: Annotated[str, typer.Option(help="For the ledger.")] = "",
) -> None:
    """Delete this party's part of a pipeline. Without it nobody can score by the pipeline any more."""
    with state_of(context).client() as client:
        client.remove_pipeline(name, reason)
    say(f"{name} is removed. The ledger says so: coterie ledger list --kind result")
