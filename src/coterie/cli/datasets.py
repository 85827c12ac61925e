"""``coterie dataset``: register tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coterie.crypto import atomic_write
from coterie.data import draft_spec

from .errors import FILE_EXISTS
from .output import console, show, table
from .state import read_text, state_of

app = typer.Typer(no_args_is_help=True)


@app.command()
def draft(
    path: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    name: Annotated[str, typer.Option(help="The dataset's name.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the description to this file.")
    ] = None,
) -> None:
    """Look at a table and draft its description: columns, types, roles. Read it, correct it, then add it."""
    text = draft_spec(path.absolute(), name)
    if output is None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)
        return
    if output.exists():
        raise FILE_EXISTS(str(output))
    atomic_write(output, text.encode())


@app.command()
def add(context: typer.Context, spec: Annotated[Path, typer.Argument(help="The description, YAML.")]) -> None:
    """Register a dataset at this node. The table is read and checked; it stays where it is."""
    state = state_of(context)
    with state.client() as client:
        made = client.add_dataset(read_text(spec))
    if not show(state, made):
        console.print(
            f"{made.name}: {made.rows} rows, {len(made.columns)} columns", highlight=False, markup=False
        )


@app.command("list")
def list_datasets(context: typer.Context) -> None:
    """The datasets of this node."""
    state = state_of(context)
    with state.client() as client:
        found = client.datasets()
    if not show(state, found):
        rows = [(one.name, one.rows, len(one.columns), one.source) for one in found]
        table("Datasets", ("name", "rows", "columns", "source"), rows)


@app.command("show")
def show_dataset(context: typer.Context, name: str) -> None:
    """A dataset's columns."""
    state = state_of(context)
    with state.client() as client:
        found = client.dataset(name)
    if not show(state, found):
        rows = [(one.name, one.type, one.role, "yes" if one.nullable else "no") for one in found.columns]
        table(f"{found.name}: {found.rows} rows", ("column", "type", "role", "may be missing"), rows)


@app.command()
def remove(context: typer.Context, name: str) -> None:
    """Forget a dataset. The file stays."""
    with state_of(context).client() as client:
        client.remove_dataset(name)
    console.print(f"{name} is removed", highlight=False, markup=False)
