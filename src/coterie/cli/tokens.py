"""``coterie token``: who may use the node's REST API."""

from __future__ import annotations

from typing import Annotated

import typer

from coterie.node import TokenRole

from .output import console, note, say, show, table, when
from .state import state_of

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose token it is.")],
    role: Annotated[
        TokenRole,
        typer.Option(help="As of users; or admin: everything, reader: looks, monitor: metrics alone."),
    ] = "analyst",
) -> None:
    """Make a token for the REST API and the SDK. Its secret is shown once."""
    state = state_of(context)
    with state.client() as client:
        made = client.create_token(name, role)
        fingerprint = client.identity().api_fingerprint
    if not show(state, made):
        console.print(made.secret, markup=False, soft_wrap=True)
        note(f"Keep it safe: it is not shown again. The SDK wants it with {client.url} and\n{fingerprint}")


@app.command("list")
def list_tokens(context: typer.Context) -> None:
    """All tokens, without their secrets."""
    state = state_of(context)
    with state.client() as client:
        found = client.tokens()
    if not show(state, found):
        rows = [(one.name, one.role, when(one.created), one.id) for one in found]
        table("Tokens", ("name", "role", "|created (UTC)", "id"), rows)


@app.command()
def remove(
    context: typer.Context, token: Annotated[str, typer.Argument(help="Its id, from `coterie token list`.")]
) -> None:
    """Withdraw a token: it opens nothing from now on."""
    with state_of(context).client() as client:
        client.remove_token(token)
    say(f"The token {token} opens nothing any more.")
