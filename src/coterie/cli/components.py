"""``coterie component``: what jobs can be made of."""

from __future__ import annotations

import json

import typer

from .output import console, show, table
from .state import state_of

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_components(context: typer.Context) -> None:
    """The steps that this node can run."""
    state = state_of(context)
    with state.client() as client:
        found = client.components()
    if not show(state, found):
        table(
            "Components",
            ("name", "engines", ""),
            [(one.name, ", ".join(one.engines), one.summary) for one in found],
        )


@app.command("show")
def show_component(context: typer.Context, name: str) -> None:
    """A component's parameters."""
    with state_of(context).client() as client:
        found = [one for one in client.components() if one.name == name]
    if not found:
        raise typer.BadParameter(f"there is no component {name!r}; see `coterie component list`")
    console.print(f"{found[0].name}: {found[0].summary}", highlight=False, markup=False)
    console.print_json(json.dumps(found[0].parameters.get("properties", {})))
