"""``coterie dataset``: register tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coterie.crypto import atomic_write
from coterie.node import DatasetView

from .errors import FILE_EXISTS
from .output import console, facts, say, show, table, when
from .state import read_text, state_of

app = typer.Typer(no_args_is_help=True)

DatasetName = Annotated[str, typer.Argument(help="The dataset's name.")]


@app.command()
def draft(
    path: Annotated[Path, typer.Argument(help="A CSV or Parquet file, or a folder of them.")],
    name: Annotated[str, typer.Option(help="The dataset's name.")],
    id_columns: Annotated[
        list[str] | None,
        typer.Option(
            "--id", help="The column of ids, or its parts in their order; guessed by its name if left out."
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column to be predicted, 0 or 1.")] = None,
    id_rule: Annotated[
        str, typer.Option(help="Steps that bring ids to one form, with commas; the same at all parties.")
    ] = "nfkc,trim",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the description to this file.")
    ] = None,
) -> None:
    """Look at a table and draft its description: columns, types, roles. Read it before you add it."""
    from coterie.data import draft_spec  # loads Arrow, which no other command needs

    steps = [step.strip() for step in id_rule.split(",") if step.strip()]
    text = draft_spec(path.absolute(), name, id_columns=id_columns or (), label=label, id_rule=steps)
    if output is None:
        console.print(text, markup=False, soft_wrap=True, end="")
        return
    if output.exists():
        raise FILE_EXISTS(str(output))
    atomic_write(output.absolute(), text.encode(), 0o644)
    say(f"{output} describes {path}. Read it, correct it, then:\ncoterie dataset add {output}")


@app.command()
def add(
    context: typer.Context,
    spec: Annotated[
        Path, typer.Argument(help="The description, YAML. Relative paths in it start at its folder.")
    ],
) -> None:
    """Register a dataset at this node. The table is read and checked; it stays where it is."""
    state = state_of(context)
    with state.client() as client:
        made = client.add_dataset(read_text(spec), spec.absolute().parent)
    if not show(state, made):
        _print(made, "registered")


@app.command("list")
def list_datasets(context: typer.Context) -> None:
    """The datasets of this node."""
    state = state_of(context)
    with state.client() as client:
        found = client.datasets()
    if show(state, found):
        return
    if not found:
        say("No datasets yet. `coterie dataset draft FILE --name NAME` begins a description.")
        return
    rows = [(one.name, one.rows, len(one.columns), one.source) for one in found]
    table("Datasets", ("name", ">rows", ">columns", "source"), rows)


@app.command("show")
def show_dataset(context: typer.Context, name: DatasetName) -> None:
    """A dataset's columns."""
    state = state_of(context)
    with state.client() as client:
        found = client.dataset(name)
    if not show(state, found):
        rows = [(one.name, one.type, one.role, "yes" if one.nullable else "no") for one in found.columns]
        _print(found, f"since {when(found.added)} UTC")
        table("", ("column", "type", "role", "may be missing"), rows, apart=True)


@app.command()
def refresh(context: typer.Context, name: DatasetName) -> None:
    """Read a table again, or ask its database again: jobs from now on are about the rows that are found."""
    state = state_of(context)
    with state.client() as client:
        found = client.refresh_dataset(name)
    if not show(state, found):
        _print(found, "read again")


@app.command()
def remove(context: typer.Context, name: DatasetName) -> None:
    """Forget a dataset. The file stays; rows that were taken by a query are removed."""
    with state_of(context).client() as client:
        client.remove_dataset(name)
    say(f"{name} is removed; its file stays where it is.")


def _print(view: DatasetView, how: str) -> None:
    roles = {role: [one.name for one in view.columns if one.role == role] for role in ("id", "label")}
    features = sum(one.role == "feature" for one in view.columns)
    rows = (
        ("rows", view.rows),
        *((("different ids", view.ids),) if view.ids != view.rows else ()),
        *((("left out, without an id", view.without_id),) if view.without_id else ()),
        *((("left out, id repeated", view.repeated),) if view.repeated else ()),
        ("id", ", ".join(roles["id"])),
        ("label", ", ".join(roles["label"])),
        ("features", features),
        ("source", view.source),
    )
    facts(f"{view.name}, {how}", rows)
