"""``coterie component``: what jobs can be made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .output import facts, show, table
from .state import state_of

app = typer.Typer(no_args_is_help=True)

LIMITS = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "more than"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "less than"),
    ("maxLength", "characters: at most"),
)


@app.command("list")
def list_components(context: typer.Context) -> None:
    """The steps that this node can run."""
    state = state_of(context)
    with state.client() as client:
        found = client.components()
    if not show(state, found):
        rows = [(one.name, ", ".join(one.engines), one.summary) for one in found]
        table("Components", ("|name", "|engines", "what it does"), rows)


@app.command("show")
def show_component(
    context: typer.Context, name: Annotated[str, typer.Argument(help="The component's name.")]
) -> None:
    """A component's parameters, with their defaults and limits, as job files and agreements write them."""
    state = state_of(context)
    with state.client() as client:
        found = {one.name: one for one in client.components()}
    if name not in found:
        raise typer.BadParameter(f"no component is called {name!r}; `coterie component list` shows them")
    component = found[name]
    if show(state, component):
        return
    facts(component.name, (("what", component.summary), ("engines", ", ".join(component.engines))))
    properties: dict[str, Any] = component.parameters.get("properties", {})
    rows = [(key, _default(schema), _allowed(schema)) for key, schema in properties.items()]
    if rows:
        table("", ("|parameter", "default", "allowed"), rows, apart=True)


def _default(schema: Mapping[str, Any]) -> str:
    if "default" not in schema:
        return "required"
    default = schema["default"]
    if default is None or isinstance(default, bool):
        return json.dumps(default)
    return str(default) or "empty"


def _allowed(schema: Mapping[str, Any]) -> str:
    """A JSON schema's limits in words."""
    if "anyOf" in schema:
        return " or ".join(_allowed(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = {"null": "null", "boolean": "true or false", "string": "text", "array": "list"}.get(
        schema.get("type", ""), schema.get("type", "any")
    )
    return ", ".join([kind, *(f"{words} {schema[key]}" for key, words in LIMITS if key in schema)])
