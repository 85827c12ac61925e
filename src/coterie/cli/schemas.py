"""``coterie schema``: which columns several parties have in common, before they agree on anything."""

from __future__ import annotations

from typing import Annotated

import typer

from coterie.node import SchemaOfferView, SchemaRunView

from .output import facts, say, show, table, when
from .state import state_of

app = typer.Typer(no_args_is_help=True)

Dataset = Annotated[str, typer.Argument(help="An own dataset, as it is registered.")]


@app.command()
def offer(
    context: typer.Context,
    dataset: Dataset,
    to: Annotated[list[str], typer.Option(help="A party that may take part; once for each.")],
    runs: Annotated[int, typer.Option(help="Comparisons that it is for.", min=1, max=1000)] = 3,
    column: Annotated[
        list[str] | None, typer.Option(help="A column to be compared, once for each; all without it.")
    ] = None,
) -> None:
    """Let others compare the columns of a dataset with theirs. Nobody can without it.

    Each comparison tells everybody in it which columns all have, and nothing else. A party that guesses names
    learns which of its guesses all others have, up to 512 in a comparison.
    """
    state = state_of(context)
    with state.client() as client:
        made = client.offer_schema(dataset, to, runs=runs, columns=column)
    if not show(state, made):
        facts(
            f"Columns of {dataset} may be compared",
            (
                ("with", ", ".join(made.to)),
                ("columns", "all" if made.columns is None else ", ".join(made.columns)),
                ("runs", f"{made.runs:,}"),
            ),
        )


@app.command()
def withdraw(context: typer.Context, dataset: Dataset) -> None:
    """End an offer."""
    state = state_of(context)
    with state.client() as client:
        client.withdraw_schema(dataset)
    if not state.as_json:
        say(f"The columns of {dataset} are compared no more.")


@app.command()
def common(
    context: typer.Context,
    dataset: Dataset,
    others: Annotated[
        list[str],
        typer.Option("--with", help="A party, once for each; PARTY=DATASET where it offers several."),
    ],
) -> None:
    """Find the columns that this dataset and those of the others all have, by name and type.

    Everybody in it learns them, from `coterie schema list`. Case, blanks, hyphens and underscores of names do
    not count.
    """
    state = state_of(context)
    named = dict(_named(one) for one in others)
    with state.client() as client:
        found = client.common_schema(dataset, named)
    if not show(state, found):
        _print(found)


def _named(text: str) -> tuple[str, str | None]:
    party, _, dataset = text.partition("=")
    return party, dataset or None


@app.command("list")
def list_schemas(context: typer.Context) -> None:
    """Own offers, and the comparisons that this node took part in."""
    state = state_of(context)
    with state.client() as client:
        offers, runs = client.schema_offers(), client.schema_runs()
    if state.as_json:
        show(state, [*offers, *runs])
        return
    if not offers and not runs:
        say("No schemas yet. `coterie schema offer` lets others compare columns with a dataset's.")
        return
    if offers:
        table("Offers", ("dataset", "to", ">columns", ">runs"), [_offer_row(one) for one in offers])
    if runs:
        columns = ("id", "began", "dataset", "|parties", "state", ">common")
        table("Comparisons", columns, [_run_row(one) for one in runs])


def _offer_row(one: SchemaOfferView) -> tuple[object, ...]:
    columns = "all" if one.columns is None else len(one.columns)
    return one.dataset, ", ".join(one.to), columns, f"{one.used:,} of {one.runs:,}"


def _run_row(one: SchemaRunView) -> tuple[object, ...]:
    found = len(one.common) if one.state == "done" else one.error.code if one.error else ""
    return one.id[:12], when(one.began), one.dataset, ", ".join(one.parties), one.state, found


@app.command("show")
def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The comparison, by its id or the beginning of it.")] = "last",
) -> None:
    """The columns that a comparison has found, with a line for the draft of an agreement."""
    state = state_of(context)
    with state.client() as client:
        found = client.schema_run(run)
    if not show(state, found):
        _print(found)


def _print(run: SchemaRunView) -> None:
    others = ", ".join(run.parties)
    if run.state != "done":
        why = "" if run.error is None else f": {run.error.code} {run.error.title}"
        say(f"The comparison of {others} is {run.state}{why}")
        return
    if not run.common:
        say(f"{others} have no column in common.")
        return
    rows = [
        (one.name, one.type, one.role, "" if one.name == one.common else one.common) for one in run.common
    ]
    say(f"{others} all have these columns:")
    table(f"Columns of {run.dataset}", ("column", "type", "role", "compared as"), rows)
    say(
        "Others may spell a name differently (case, blanks, hyphens, underscores), and jobs need it spelled "
        "alike by all: ask them before you draft."
    )
    say("In the draft of an agreement:")
    print(f"datasets:\n  {run.draft}")
